"""Chat: learn to reply from pairs of a text and its reply.

Vinyals & Le 2015, https://arxiv.org/abs/1506.05869, with attention (Luong et al. 2015, https://arxiv.org/abs/1508.04025).
Its perplexity is compared with that of n-gram models, which do not read the text; its words with the reply to the most
similar training text. No text and no reply is in both training and test.

    python recipes/text_chatbot/text_chatbot.py --data-root folder/with/TM-4-2024
    python recipes/text_chatbot/chat.py runs/text_chatbot/latest/model
"""

import os
from pathlib import Path

import numpy as np
import torch
from ngrams import KneserNeyLM
from replies import reply_scores
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

import seqae
from seqae import cli
from seqae.data import read_pair_set, read_pairs, synthetic_dialogues
from seqae.datasets import encoded_pairs, split_pairs
from seqae.report import TextsPage, write_texts_page
from seqae.text import perplexity

DATA = "Taskmaster-4 (coffee orders), the ChatterBot corpus; your own pairs; or synthetic ones"
QUICK = {"data_root": "", "hidden_size": 64, "epochs": 3, "held_out": 200}
SHOWN = 40  # texts of the test in the report
WORDS = seqae.WordTokenizer(lower=True)
Pairs = list[tuple[str, str]]


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "taskmaster4_coffee",
    pairs: str = "",
    encoding: str = "utf-8",
    hidden_size: int = 128,
    dropout: float = 0.4,
    label_smoothing: float = 0.0,
    epochs: int = 15,
    batch_size: int = 32,
    learning_rate: float = 3e-3,
    beams: int = 5,
    no_repeat_ngram_size: int = 3,
    held_out: int = 800,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to reply, and compare with n-gram models and with replies to similar texts.

    Args:
        data_root: Folder of data sets (TM-4-2024, chatterbot_corpus); without it dialogues are synthetic.
        dataset: The dialogues: taskmaster4_coffee or chatterbot_corpus.
        pairs: A file of your own pairs: text, tab, reply; or .csv, .jsonl with columns source and target.
        encoding: Encoding of the file of pairs.
        hidden_size: Length of a word's vector and of the encoder's state in each direction.
        dropout: Probability with which training drops a value of a word's vector, and of the decoder's output.
        label_smoothing: Probability that training gives to other words than the right one.
        epochs: Passes over the training pairs.
        batch_size: Pairs in a batch.
        learning_rate: The highest learning rate; it rises and then falls to zero.
        beams: The width of beam search: the number of candidate replies.
        no_repeat_ngram_size: No run of so many words comes twice in a reply; 0 allows it.
        held_out: Pairs for the test, at most a fifth of all; half as many choose the epoch.
        seed: Seed of the split, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic dialogues.
        out: Folder for the results.
    """
    if smoke:
        data_root, pairs, hidden_size, epochs = "", "", 16, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    known = read(data_root, dataset, pairs, encoding, 300 if smoke else 4000, seed)
    test_share = min(held_out / len(known), 0.2)
    train, valid, test = split_pairs(known, (1 - 1.5 * test_share, test_share / 2, test_share), seed)
    source, target = (seqae.Vocabulary(WORDS, min_frequency=2).fit(pair[side] for pair in train) for side in (0, 1))
    print(
        f"data   {len(train)} + {len(valid)} + {len(test)} pairs; {len(source)} words are read, {len(target)} written"
    )

    model = seqae.attention_seq2seq(len(source), len(target), hidden_size, hidden_size, dropout)
    task = seqae.SequenceToSequence(model, label_smoothing, learning_rate, seqae.cosine_with_warmup)
    train_set, valid_set = (encoded_pairs(part, source, target) for part in (train, valid))
    loaders = seqae.make_loader(train_set, batch_size, seed), seqae.make_loader(valid_set, batch_size, shuffle=False)
    history = seqae.fit(task, *loaders, epochs=epochs, patience=epochs)
    translator = seqae.Translator(source, target, model, max_length=2 * int(train_set.targets.lengths.max()))

    said, truths = [text for text, _ in test], [tidied(reply) for _, reply in test]
    beam = seqae.BeamSearch(beams, no_repeat_ngram_size=no_repeat_ngram_size)
    written = {
        "attention, beam search": translator.translate(said, beam),
        "attention, greedy search": translator.translate(said, seqae.GreedySearch()),
        "attention, sampling": translator.translate(said, seqae.TokenSampling(0.7, top_p=0.9, seed=seed)),
        "most similar text": most_similar(train, said),
        "true replies": truths,
    }
    scores = {name: reply_scores(replies, truths, WORDS) for name, replies in written.items()}
    scores["attention, beam search"]["perplexity"] = perplexity(np.concatenate(translator.errors(test)))
    for order, name in ((3, "trigrams"), (1, "single words")):
        scores[name] = {"perplexity": ngram_perplexity(target, train, test, order)}
    results = [{"method": name, **line} for name, line in scores.items()]
    metrics = {f"{name}: {key}": value for name, line in scores.items() for key, value in line.items()}

    texts = {"Replies to texts of the test": [("said", *written), *list(zip(said, *written.values()))[:SHOWN]]}
    write_texts_page(TextsPage("Chatbot", [], results, texts), run.path("report.html"))
    seqae.save_figure(seqae.loss_figure({"train": history.train, "valid": history.valid}), run.path("loss.png"))
    seqae.save(translator, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def read(data_root: str, dataset: str, pairs: str, encoding: str, synthetic: int, seed: int) -> Pairs:
    """Return pairs of a text and its reply."""
    if pairs:
        return read_pairs(pairs, encoding)
    return read_pair_set(dataset, data_root) if data_root else synthetic_dialogues(synthetic, seed)


def tidied(text: str) -> str:
    """Return a text as a model writes it: in lower case, with one space between words."""
    return WORDS.join(WORDS.split(text))


def most_similar(train: Pairs, texts: list[str]) -> list[str]:
    """Return for each text the reply to the training text with the most similar tf-idf vector."""
    vectorizer = TfidfVectorizer(analyzer=WORDS.split, smooth_idf=False)
    vectors = vectorizer.fit_transform(text for text, _ in train)
    neighbours = NearestNeighbors(n_neighbors=1, metric="cosine").fit(vectors)
    nearest = neighbours.kneighbors(vectorizer.transform(texts), return_distance=False)
    return [tidied(train[index][1]) for index in nearest[:, 0]]


def ngram_perplexity(target: seqae.Vocabulary, train: Pairs, test: Pairs, order: int) -> float:
    """Return the perplexity of the words of test replies by an n-gram model of the training replies."""
    model = KneserNeyLM(len(target), order).fit(target.encode(reply).tolist() for _, reply in train)
    return perplexity(-np.concatenate([model.log_probabilities(target.encode(reply).tolist()) for _, reply in test]))


if __name__ == "__main__":
    cli.run(main)
