"""The sentences of the text autoencoder."""

import numpy as np

from seqae.data import decontaminate, read_pair_set, read_text_set, read_texts, synthetic_reviews


def read_sentences(
    data_root: str, file: str, encoding: str, synthetic: int, seed: int
) -> tuple[list[str], dict[str, str]]:
    """Return different sentences in random order, and the class of those that have one."""
    labelled: dict[str, str] = {}
    if file:
        texts = read_texts(file, encoding)
    elif data_root:
        sets, replies = ("rt_polarity", "sms_spam", "sentiment_sentences"), ("taskmaster4_coffee", "chatterbot_corpus")
        texts = [text for name in sets for text in read_text_set(name, data_root)[0]]
        texts += [text for _, text in read_pair_set("tatoeba_cmn_eng", data_root)]
        texts += [text for name in replies for pair in read_pair_set(name, data_root) for text in pair]
        labelled = dict(zip(*read_text_set("rt_polarity", data_root)))
    else:
        texts, classes = synthetic_reviews(synthetic, seed)
        labelled = dict(zip(texts, classes))
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    return [texts[index] for index in np.random.default_rng(seed).permutation(len(texts))], labelled


def read_documents(data_root: str, known: list[str]) -> list[list[str]]:
    """Return the sentences of each whole review, without known ones; synthetic ones have a sentence each."""
    reviews = read_text_set("movie_reviews", data_root)[0] if data_root else synthetic_reviews(2000, seed=1)[0]
    return decontaminate(reviews, known)
