"""Translate sentences: from a sequence to a sequence of another script and length.

A recurrent encoder and decoder with attention: Bahdanau et al. 2014, https://arxiv.org/abs/1409.0473, in the form of
Luong et al. 2015, https://arxiv.org/abs/1508.04025. It reads characters and writes words. Baselines are IBM model 1
(word by word) and the translation of the most similar training sentence. No sentence, source or target, is in both
training and test, upper and lower case being the same.

    python recipes/text_translate/text_translate.py --data-root folder/with/tatoeba_cmn_eng
    python recipes/text_translate/text_translate.py --pairs my-pairs.tsv --source-words
"""

import os
from pathlib import Path

import torch
from ibm_model1 import IBMModel1
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

import seqae
from seqae import cli
from seqae.data import read_pair_set, read_pairs, synthetic_translations
from seqae.datasets import encoded_pairs, split_pairs
from seqae.report import TextsPage, write_texts_page
from seqae.text import bleu, chrf, exact_match

DATA = "Tatoeba, Chinese and English; your own pairs; or synthetic ones"
QUICK = {"data_root": "", "hidden_size": 64, "epochs": 4, "held_out": 200}
SHOWN, MAPS = 40, 3  # sentences in the report, and maps of attention
Pairs = list[tuple[str, str]]


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    pairs: str = "",
    encoding: str = "utf-8",
    source_words: bool = False,
    hidden_size: int = 128,
    dropout: float = 0.2,
    label_smoothing: float = 0.1,
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 3e-3,
    beams: int = 5,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Learn to translate, and compare with a dictionary and with similar sentences.

    Args:
        data_root: Folder that holds the folder tatoeba_cmn_eng; without it sentences are synthetic.
        pairs: A file of your own pairs: sentence, tab, translation; or .csv, .jsonl with columns source and target.
        encoding: Encoding of the file of pairs.
        source_words: Read words of the source text instead of characters.
        hidden_size: Length of a token's vector and of the encoder's state in each direction.
        dropout: Probability with which training drops a value of a token's vector, and of the decoder's output.
        label_smoothing: Probability that training gives to other words than the right one.
        epochs: Passes over the training pairs.
        batch_size: Pairs in a batch.
        learning_rate: The highest learning rate; it rises and then falls to zero.
        beams: The width of beam search: the number of candidate translations.
        held_out: Pairs for the test, at most a fifth of all; half as many choose the epoch.
        seed: Seed of the split, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic sentences.
        out: Folder for the results.
    """
    if smoke:
        data_root, pairs, hidden_size, epochs = "", "", 16, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    known = read(data_root, pairs, encoding, 200 if smoke else 6000, seed)
    test_share = min(held_out / len(known), 0.2)
    train, valid, test = split_pairs(known, (1 - 1.5 * test_share, test_share / 2, test_share), seed)
    tokenizer = seqae.WordTokenizer(lower=True) if source_words else seqae.CharacterTokenizer()
    source = seqae.Vocabulary(tokenizer, min_frequency=2).fit(text for text, _ in train)
    target = seqae.Vocabulary(seqae.WordTokenizer(), min_frequency=2).fit(text for _, text in train)
    print(
        f"data   {len(train)} + {len(valid)} + {len(test)} pairs; {len(source)} tokens are read, {len(target)} written"
    )

    model = seqae.attention_seq2seq(len(source), len(target), hidden_size, hidden_size, dropout)
    task = seqae.SequenceToSequence(model, label_smoothing, learning_rate, seqae.cosine_with_warmup)
    train_set, valid_set = (encoded_pairs(part, source, target) for part in (train, valid))
    loaders = seqae.make_loader(train_set, batch_size, seed), seqae.make_loader(valid_set, batch_size, shuffle=False)
    history = seqae.fit(task, *loaders, epochs=epochs, patience=epochs)
    translator = seqae.Translator(source, target, model, max_length=2 * int(train_set.targets.lengths.max()))

    sources, truths = map(list, zip(*test))
    written = {
        "attention, beam search": translator.translate(sources, seqae.BeamSearch(beams)),
        "attention, greedy search": translator.translate(sources, seqae.GreedySearch()),
        "most similar sentence": most_similar(source, train, sources),
        "word by word": word_by_word(source, target, train, sources),
    }
    scores = {
        name: {"BLEU": bleu(texts, truths), "chrF": chrf(texts, truths), "exact": exact_match(texts, truths)}
        for name, texts in written.items()
    }
    results = [{"method": name, **line} for name, line in scores.items()]
    metrics = {f"{name}: {key}": value for name, line in scores.items() for key, value in line.items()}
    save_page(run, translator, results, {"source": sources, "truth": truths, **written})
    losses = {"train, smoothed": history.train, "valid": history.valid}
    seqae.save_figure(seqae.loss_figure(losses), run.path("loss.png"))
    seqae.save(translator, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def read(data_root: str, pairs: str, encoding: str, synthetic: int, seed: int) -> Pairs:
    """Return pairs of a sentence and its translation, the latter in lower case."""
    if pairs:
        known = read_pairs(pairs, encoding)
    else:
        known = read_pair_set("tatoeba_cmn_eng", data_root) if data_root else synthetic_translations(synthetic, seed)
    return [(source, target.lower()) for source, target in known]


def most_similar(source: seqae.Vocabulary, train: Pairs, texts: list[str]) -> list[str]:
    """Return for each text the translation of the training sentence with the most similar tf-idf vector."""
    vectorizer = TfidfVectorizer(analyzer=source.tokenizer.split, smooth_idf=False)
    vectors = vectorizer.fit_transform(text for text, _ in train)
    neighbours = NearestNeighbors(n_neighbors=1, metric="cosine").fit(vectors)
    nearest = neighbours.kneighbors(vectorizer.transform(texts), return_distance=False)
    return [train[index][1] for index in nearest[:, 0]]


def word_by_word(source: seqae.Vocabulary, target: seqae.Vocabulary, train: Pairs, texts: list[str]) -> list[str]:
    """Return for each text the likeliest translations of its tokens, in their order."""
    tokens = [(source.encode(first)[:-1].tolist(), target.encode(second)[:-1].tolist()) for first, second in train]
    dictionary = IBMModel1().fit(tokens)
    return [target.decode(dictionary.translate(source.encode(text)[:-1].tolist())) for text in texts]


def save_page(
    run: seqae.Run, translator: seqae.Translator, results: list[dict[str, object]], texts: dict[str, list[str]]
) -> None:
    """Save a page of sentences, their translations, and maps of attention."""
    step = max(len(texts["source"]) // SHOWN, 1)  # files are often sorted by length
    rows = list(zip(*(column[::step] for column in texts.values())))
    maps = [translator.attention_weights(row[0], row[2]) for row in rows[:: max(len(rows) // MAPS, 1)][:MAPS]]
    page = TextsPage("Translation", [], results, {"Sentences of the test": [tuple(texts), *rows]}, maps)
    write_texts_page(page, run.path("report.html"))


if __name__ == "__main__":
    cli.run(main)
