"""Tell opinions apart with few labels: what reading and writing texts without labels is good for.

Dai & Le 2015, https://arxiv.org/abs/1511.01432: an LSTM that has learnt to write a text from its code, or as a language
model to go on with it, starts a classifier better than random weights do. It learns first from a pool of sentences that
are in none of the sets, then from the training texts of all sets, without their labels. Both classifiers, from random
weights and pretrained, are trained in the same way on the same texts, fold by fold; bags of words stand beside them.

    python recipes/text_pretraining.py
    python recipes/text_pretraining.py --data-root folder/with/rt_polarity
    python recipes/text_pretraining.py --data-root folder/with/rt_polarity --method "language model"

Settings are to be chosen by held-out parts of the first fold's training texts (--choosing). Texts that a set holds
twice count once. The pool's pretraining is the same for all folds.
"""

import copy
import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "rt_polarity, sentiment_sentences (three sets), and movie_reviews as pool; or made-up opinions"
MINUTES = 20
RESULT = "first fold of four sets: 79.0 % pretrained, 78.3 % from scratch; 100 labels: 61.2 %, 61.3 %"
METHODS = ("autoencoder", "language model")
BASELINES = ("tf-idf, logistic regression", "counts, naive Bayes")


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    texts: str = "",
    unlabelled: str = "",
    encoding: str = "utf-8",
    method: str = "autoencoder",
    longest: int = 40,
    vocabulary: int = 8000,
    embedding_size: int = 100,
    hidden_size: int = 128,
    folds: int = 5,
    labels: int = 100,
    pool: int = 40_000,
    pool_epochs: int = 1,
    own_epochs: int = 1,
    steps: int = 400,
    few_steps: int = 120,
    pretraining_rate: float = 4e-3,
    learning_rate: float = 2e-3,
    dropout: float = 0.3,
    choosing: bool = False,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Compare classifiers from random weights and pretrained ones, with all labels and with few.

    Args:
        data_root: Folder of sets of texts; without it opinions are made up.
        texts: A .csv, .tsv or .jsonl file with columns text and label to classify in their place.
        unlabelled: A file of sentences, one a line, for the pool in place of movie_reviews.
        encoding: Of the characters of those files.
        method: Of pretraining: autoencoder, or language model.
        longest: Tokens of a text that are read, the last of them.
        vocabulary: Words that are known, the most frequent ones of all texts.
        embedding_size: Numbers for a word.
        hidden_size: Of the LSTM.
        folds: Of each set.
        labels: In the comparison with few of them.
        pool: Sentences without labels from elsewhere, at most.
        pool_epochs: Passes over the pool.
        own_epochs: Passes over the training texts of the sets, without their labels.
        steps: Of a classifier with all labels, 32 texts each.
        few_steps: Of a classifier with few.
        pretraining_rate: Learning rate of pretraining, the highest.
        learning_rate: Of the classifiers, the highest.
        dropout: The share of numbers that is set to zero before and after the LSTM of the classifiers.
        choosing: Whether the judged texts are a part of the first fold's training texts, to choose settings by.
        seed: Of weights, folds and order.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae.data.texts.vocabulary import Vocabulary, Words
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run

    if smoke:
        data_root, pool, embedding_size, hidden_size, folds, labels, steps, few_steps = "", 300, 8, 8, 3, 20, 4, 2
    if method not in METHODS:
        raise ValueError(f"no method {method!r}. Expected one of {', '.join(METHODS)}")
    seqae.tune()
    settings = dict(
        data_root=data_root, texts=texts, unlabelled=unlabelled, method=method, longest=longest, vocabulary=vocabulary
    )
    settings |= dict(embedding_size=embedding_size, hidden_size=hidden_size, folds=folds, labels=labels, pool=pool)
    settings |= dict(pool_epochs=pool_epochs, own_epochs=own_epochs, steps=steps, few_steps=few_steps)
    settings |= dict(pretraining_rate=pretraining_rate, learning_rate=learning_rate, dropout=dropout)
    run = Run("text_pretraining", out, settings | dict(choosing=choosing, seed=seed))

    sets = read_sets(data_root, texts, encoding, 120 if smoke else 600, seed)
    sentences = read_pool(data_root, unlabelled, encoding, sets, not texts, pool, seed)
    words = Vocabulary(Words(lower=True), most=vocabulary).fit(
        [*sentences, *(text for known, _ in sets.values() for text in known)]
    )
    sizes = (len(words), embedding_size, hidden_size)
    print(f"data   {', '.join(f'{name} {len(texts)}' for name, (texts, _) in sets.items())}; pool {len(sentences)}")

    def tokens(texts):
        return [words.encode(text)[-longest:] for text in texts]

    torch.manual_seed(seed)
    reader = pretrainable(*parts(*sizes), method)
    losses = {"pool": pretrain(reader, tokens(sentences), pool_epochs, pretraining_rate, seed)}
    rows = []
    for fold in range(1 if choosing else folds):
        split = {name: divided(*labelled, folds, fold, choosing, seed) for name, labelled in sets.items()}
        own = copy.deepcopy(reader)
        learnt_from = tokens(text for known, _ in split.values() for text in known[0])
        losses[f"fold {fold}"] = pretrain(own, learnt_from, own_epochs, pretraining_rate / 4, seed + fold)
        torch.manual_seed(seed + fold)
        starts = {"random": parts(*sizes), "pretrained": (own.decoder.embed, own.decoder.recurrence)}
        for name, (known, judged) in split.items():
            for kept, count, length in (("all", len(known[0]), steps), (labels, labels, few_steps)):
                few = some(*known, count, seed + fold)
                read = [(tokens(texts), classes) for texts, classes in (few, judged)]
                found = {
                    start: classified(*learnt, *read, length, learning_rate, dropout, seed + fold)
                    for start, learnt in starts.items()
                }
                rows.append({"set": name, "labels": kept, "fold": fold} | found | bags_of_words(few, judged))
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)

    results = [line(rows, name, count) for count in ("all", labels) for name in (*sets, None)]
    metrics = {
        f"{line['set']}, {line['labels']} labels: {key}": line[key]
        for line in results
        for key in ("random", "pretrained", "gain")
    }
    save_figure(loss_figure({name: loss for name, loss in losses.items() if loss}), run.path("loss.png"))
    seqae.save(own, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def read_sets(data_root: str, texts: str, encoding: str, made_up: int, seed: int) -> dict[str, tuple]:
    """Return sets of texts with the numbers of their classes, by name."""
    from seqae.data.texts.files import read_labelled
    from seqae.data.texts.made import opinions
    from seqae.data.texts.sets import read_text_set

    if texts:
        sets = {Path(texts).stem: read_labelled(texts, encoding)}
    elif data_root:
        sets = {"rt_polarity": read_text_set("rt_polarity", data_root)}
        mixed = read_text_set("sentiment_sentences", data_root)
        for place, name in enumerate(("amazon", "imdb", "yelp")):  # as many sentences of each
            third = slice(place * len(mixed[0]) // 3, (place + 1) * len(mixed[0]) // 3)
            sets[name] = (mixed[0][third], mixed[1][third])
    else:
        sets = {f"opinions {number}": opinions(made_up, seed + number) for number in (1, 2, 3)}
    return {name: once(*labelled) for name, labelled in sets.items()}


def read_pool(
    data_root: str, path: str, encoding: str, sets: dict[str, tuple], made_up: bool, most: int, seed: int
) -> list[str]:
    """Return sentences from elsewhere, each once and none that is in a set."""
    from seqae.data.texts.files import read_texts
    from seqae.data.texts.made import opinions
    from seqae.data.texts.sets import read_text_set

    if path:
        found = read_texts(path, encoding)
    elif data_root:
        found = [line.strip() for text in read_text_set("movie_reviews", data_root)[0] for line in text.split("\n")]
    else:
        found = opinions(most, seed)[0] if made_up else []
    known = {text.lower() for texts, _ in sets.values() for text in texts}
    elsewhere = [line for line in dict.fromkeys(found) if line and line.lower() not in known]
    order = np.random.default_rng(seed).permutation(len(elsewhere))[:most]
    return [elsewhere[place] for place in order]


def once(texts: list[str], labels: list[str]):
    """Return each text once, with the number of its class."""
    pairs = dict(zip(texts, labels))
    names = sorted(set(labels))
    if len(names) < 2:
        raise ValueError(f"one class only ({names[0]!r}). Expected at least two. Check the labels")
    return list(pairs), np.array([names.index(label) for label in pairs.values()])


def divided(texts: list[str], labels: np.ndarray, folds: int, fold: int, choosing: bool, seed: int):
    """Return what is learnt from and what is judged in a fold: texts and labels each."""
    from sklearn.model_selection import StratifiedKFold

    def part(numbers: np.ndarray):
        return [texts[number] for number in numbers], labels[numbers]

    def split(labels: np.ndarray, fold: int):
        parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
        return list(parts)[fold]

    train, test = split(labels, fold)
    if choosing:
        inner, held_out = split(labels[train], 0)
        train, test = train[inner], train[held_out]
    return part(train), part(test)


def some(texts: list[str], labels: np.ndarray, count: int, seed: int):
    """Return so many texts with their labels, as many of each class; all if that is how many there are."""
    if count >= len(texts):
        return texts, labels
    random, classes = np.random.default_rng(seed), np.unique(labels)
    chosen = np.concatenate(
        [random.permutation(np.flatnonzero(labels == name))[: count // len(classes)] for name in classes]
    )
    return [texts[number] for number in chosen], labels[chosen]


def parts(words: int, embedding_size: int, hidden_size: int):
    """Return a new embedding and a new LSTM."""
    from torch import nn

    import seqae

    embedding = nn.Embedding(words, embedding_size)
    nn.init.normal_(embedding.weight, std=0.1)
    return embedding, seqae.LSTM(embedding_size, hidden_size)


def pretrainable(embedding, recurrence, method: str):
    """Return what learns from texts without labels; an autoencoder's encoder and decoder share their LSTM."""
    import seqae
    from seqae.modules.language import SilentEncoder
    from seqae.modules.tokens import TiedHead

    size = recurrence.hidden_size
    encoder = seqae.RecurrentEncoder(recurrence, size, embedding) if method == "autoencoder" else SilentEncoder(size)
    return seqae.Autoencoder(encoder, seqae.FeedbackDecoder(size, recurrence, TiedHead(embedding, size), embedding))


def pretrain(model, sequences: list, epochs: int, learning_rate: float, seed: int) -> list[float]:
    """Learn from texts without labels, if there are any; return the loss of each epoch in nats a token."""
    import seqae
    from seqae.data.batches import BatchOrder, Loader, Sequences
    from seqae.training.optimizers import cosine

    if not sequences:
        return []
    source = Sequences(sequences)
    task = seqae.Reconstruction(model, seqae.token_error, learning_rate=learning_rate, rate=cosine)
    return seqae.fit(task, Loader(source, BatchOrder(source.lengths, 64, seed)), epochs=epochs).train


def classified(
    embedding, recurrence, known, judged, steps: int, learning_rate: float, dropout: float, seed: int
) -> float:
    """Train a copy of embedding and LSTM with a classifier on known sequences; return its accuracy in percent."""
    import torch
    from torch import nn

    import seqae
    from seqae.data.batches import BatchOrder, LabelledSource, Loader, Sequences
    from seqae.modules.pooling import max_over_time
    from seqae.training.optimizers import cosine
    from seqae.training.tasks import Classification

    torch.manual_seed(seed)
    embedding, recurrence = copy.deepcopy((embedding, recurrence))
    embed = nn.Sequential(embedding, nn.Dropout(dropout))
    encoder = seqae.RecurrentEncoder(recurrence, recurrence.hidden_size, embed, max_over_time)
    head = nn.Sequential(nn.Dropout(dropout), nn.Linear(encoder.code_size, int(known[1].max()) + 1))
    source = LabelledSource(Sequences(known[0]), known[1])
    batches = Loader(source, BatchOrder(source.lengths, 32, seed))
    task = Classification(encoder, head, learning_rate, cosine)
    seqae.fit(task, batches, epochs=-(-steps // len(batches)), progress=False)
    with torch.inference_mode():
        answers = head.eval()(torch.from_numpy(seqae.encode(encoder, judged[0]))).argmax(dim=1).numpy()
    return float(100 * (answers == judged[1]).mean())


def bags_of_words(known, judged) -> dict[str, float]:
    """Return the accuracy of classifiers that count words and pairs of words, in percent."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    pattern = r"\w+|[^\w\s]"
    models = (
        make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), token_pattern=pattern), LogisticRegression(C=10, max_iter=1000)
        ),
        make_pipeline(CountVectorizer(ngram_range=(1, 2), token_pattern=pattern, binary=True), MultinomialNB()),
    )
    return {name: float(100 * model.fit(*known).score(*judged)) for name, model in zip(BASELINES, models)}


def line(rows: list[dict], name: str | None, count: int | str) -> dict[str, object]:
    """Return a line of the table for a set, or for the mean of all sets: means over folds, and a paired t-test."""
    from scipy.stats import ttest_rel

    columns = ("random", "pretrained", *BASELINES)
    chosen = [row for row in rows if row["labels"] == count and name in (None, row["set"])]
    folds = sorted({row["fold"] for row in chosen})
    found = np.array(
        [[np.mean([row[column] for row in chosen if row["fold"] == fold]) for column in columns] for fold in folds]
    )
    gains = found[:, 1] - found[:, 0]
    return {
        "set": name or "mean",
        "labels": count,
        **dict(zip(columns, map(float, found.mean(axis=0)))),
        "gain": float(gains.mean()),
        "p": float(ttest_rel(found[:, 1], found[:, 0]).pvalue) if len(folds) > 2 and np.ptp(gains) else None,
    }


if __name__ == "__main__":
    cli.run(main)
