"""Tell opinions apart with few labels: what reading texts without labels is good for.

Dai & Le 2015, https://arxiv.org/abs/1511.01432: an LSTM that has learnt from texts without labels starts a classifier
better than random weights do. Theirs writes the text back or goes on with it; a small LSTM learns more from a small
pool by writing, from its code, which words stand in a sentence and its neighbours (Kiros et al. 2015, Hill et al.
2016). Words begin with what is counted around them. The pretrained classifier begins with a logistic regression on
the codes, and with few labels it stays there; that of random weights, for which this is worse, learns all at once, at
a rate and for a time of its own. Bags of words stand beside them.

    python recipes/text_pretraining.py
    python recipes/text_pretraining.py --data-root folder/with/rt_polarity
    python recipes/text_pretraining.py --texts mine.csv --unlabelled sentences.txt

The pool holds no text that is in a set; of the sets only training texts are read without their labels. Settings were
chosen by held-out parts of the first fold's training texts (--choosing); that random weights do without the logistic
regression was confirmed by test numbers, in their favour. Texts that a set holds twice count once.
"""

import copy
import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "rt_polarity, sentiment_sentences (three sets), and movie_reviews as pool; or made-up opinions"
MINUTES = 20
RESULT = "four sets, 100 labels: 69.1 % pretrained, 60.6 % from scratch; all labels: 79.1 %, 78.0 %"
BASELINES = ("tf-idf, logistic regression", "counts, naive Bayes")


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    texts: str = "",
    unlabelled: str = "",
    encoding: str = "utf-8",
    longest: int = 40,
    vocabulary: int = 12_000,
    embedding_size: int = 200,
    hidden_size: int = 128,
    folds: int = 5,
    labels: int = 100,
    pool: int = 70_000,
    reach: int = 1,
    pretraining_rate: float = 4e-3,
    rates: tuple[float, float] = (2e-3, 1e-3),
    steps: tuple[int, int] = (200, 75),
    few_steps: tuple[int, int] = (120, 0),
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
        longest: Tokens of a text that are read, the last of them.
        vocabulary: Words that are known, the most frequent ones of all texts that are learnt from.
        embedding_size: Numbers for a word.
        hidden_size: Of the LSTM.
        folds: Of each set.
        labels: In the comparison with few of them.
        pool: Sentences without labels from elsewhere, at most.
        reach: Neighbours on each side whose words are written, too; none makes an autoencoder of each sentence.
        pretraining_rate: Learning rate of pretraining, the highest.
        rates: The highest of the classifiers, from random weights and pretrained.
        steps: Of these with all labels, 32 texts each; two passes at least.
        few_steps: Of these with few; 0 leaves it at the logistic regression.
        dropout: The share of numbers that is set to zero before the LSTM and after it.
        choosing: Whether the judged texts are a part of the first fold's training texts, to choose settings by.
        seed: Of weights, folds and order.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.text.tokenizers import WordTokenizer
    from seqae.text.vocabulary import Vocabulary

    if smoke:
        data_root, pool, embedding_size, hidden_size = "", 300, 8, 8
        folds, labels, steps, few_steps = 3, 20, (4, 2), (4, 2)
    seqae.configure_runtime()
    settings = dict(data_root=data_root, texts=texts, unlabelled=unlabelled, longest=longest, vocabulary=vocabulary)
    settings |= dict(embedding_size=embedding_size, hidden_size=hidden_size, folds=folds, labels=labels, pool=pool)
    settings |= dict(reach=reach, pretraining_rate=pretraining_rate, rates=rates, steps=steps, few_steps=few_steps)
    run = Run("text_pretraining", out, settings | dict(dropout=dropout, choosing=choosing, seed=seed))

    sets = read_sets(data_root, texts, encoding, 120 if smoke else 600, seed)
    documents = read_pool(data_root, unlabelled, encoding, sets, not texts, pool, seed)
    sentences = sum(map(len, documents))
    print(f"data   {', '.join(f'{name} {len(texts)}' for name, (texts, _) in sets.items())}; pool {sentences}")
    rows, losses = [], {}
    for fold in range(1 if choosing else folds):
        split = {name: divided(*labelled, folds, fold, choosing, seed) for name, labelled in sets.items()}
        learnt_from = documents + [[text] for known, _ in split.values() for text in known[0]]
        words = Vocabulary(WordTokenizer(lower=True), vocabulary).fit(
            text for document in learnt_from for text in document
        )

        torch.manual_seed(seed + fold)
        starts = {name: reader(len(words), embedding_size, hidden_size) for name in ("random", "pretrained")}
        read = [tokens(words, document, longest) for document in learnt_from]
        losses[f"fold {fold}"] = pretrain(starts["pretrained"], read, reach, pretraining_rate, seed + fold)
        for name, (known, judged) in split.items():
            for kept, count, lengths in (("all", len(known[0]), steps), (labels, labels, few_steps)):
                few = some(*known, count, seed + fold)
                both = [(tokens(words, texts, longest), classes) for texts, classes in (few, judged)]
                found = {
                    start: classified(encoder, *both, start == "pretrained", length, rate, dropout, seed + fold)
                    for (start, encoder), length, rate in zip(starts.items(), lengths, rates)
                }
                rows.append({"set": name, "labels": kept, "fold": fold} | found | bags_of_words(few, judged))
                print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)

    results = [line(rows, name, count) for count in ("all", labels) for name in (*sets, None)]
    metrics = {
        f"{line['set']}, {line['labels']} labels: {key}": line[key]
        for line in results
        for key in ("random", "pretrained", "gain")
    }
    save_figure(loss_figure(losses), run.path("loss.png"))
    seqae.save({"model": starts["pretrained"], "vocabulary": words}, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def read_sets(data_root: str, texts: str, encoding: str, made_up: int, seed: int) -> dict[str, tuple]:
    """Return sets of texts with the numbers of their classes, by name."""
    from seqae.data.text.files import read_labelled
    from seqae.data.text.labelled_sets import read_text_set
    from seqae.data.text.synthetic import synthetic_reviews

    if texts:
        sets = {Path(texts).stem: read_labelled(texts, encoding)}
    elif data_root:
        sets = {"rt_polarity": read_text_set("rt_polarity", data_root)}
        mixed = read_text_set("sentiment_sentences", data_root)
        for place, name in enumerate(("amazon", "imdb", "yelp")):  # as many sentences of each
            third = slice(place * len(mixed[0]) // 3, (place + 1) * len(mixed[0]) // 3)
            sets[name] = (mixed[0][third], mixed[1][third])
    else:
        sets = {f"opinions {number}": synthetic_reviews(made_up, seed + number) for number in (1, 2, 3)}
    return {name: once(*labelled) for name, labelled in sets.items()}


def read_pool(
    data_root: str, path: str, encoding: str, sets: dict[str, tuple], made_up: bool, most: int, seed: int
) -> list[list[str]]:
    """Return documents of sentences from elsewhere, without sentences that are in a set."""
    from seqae.data.text.deduplicate import decontaminate
    from seqae.data.text.files import read_texts
    from seqae.data.text.labelled_sets import read_text_set
    from seqae.data.text.synthetic import synthetic_reviews

    if path:
        found = read_texts(path, encoding)
    elif data_root:
        found = read_text_set("movie_reviews", data_root)[0]
    else:
        found = synthetic_reviews(most, seed)[0] if made_up else []
    documents = decontaminate(found, (text for texts, _ in sets.values() for text in texts))
    order = np.random.default_rng(seed).permutation(len(documents))
    counts = np.cumsum([len(documents[number]) for number in order])
    return [documents[number] for number, count in zip(order, counts) if count <= most]


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


def tokens(words, texts: list[str], longest: int) -> list:
    """Return the numbers of each text's last words."""
    return [words.encode(text)[-longest:] for text in texts]


def reader(words: int, embedding_size: int, hidden_size: int):
    """Return an encoder of texts with random weights."""
    from torch import nn

    import seqae
    from seqae.modules.encoders import MeanMaxEncoder

    embedding = nn.Embedding(words, embedding_size)
    nn.init.normal_(embedding.weight, std=0.1)
    return MeanMaxEncoder(seqae.LSTM(embedding_size, hidden_size), embedding)


def pretrain(encoder, documents: list[list], reach: int, learning_rate: float, seed: int) -> list[float]:
    """Learn from documents without labels; return the loss in nats a word."""
    import torch

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.modules.pooling import mean_over_time
    from seqae.modules.tokens import TiedHead
    from seqae.text.cooccurrence import word_vectors
    from seqae.training.tasks.bag_of_words import BagOfWordsPrediction, ContextDataset

    embedding = encoder.embed
    source = ContextDataset(documents, reach)
    head = TiedHead(embedding)
    with torch.no_grad():
        vectors = word_vectors(documents, len(embedding.weight), embedding.embedding_dim)
        embedding.weight.copy_(torch.from_numpy(vectors).clamp(-6, 6) / 2)
        head.bias.copy_(torch.bincount(torch.cat(source.sentences), minlength=len(vectors)).clamp(min=1).log())
    writer = seqae.RecurrentEncoder(encoder.rnn, embedding.embedding_dim, embedding, mean_over_time)
    task = BagOfWordsPrediction(writer, head, learning_rate)
    return seqae.fit(
        task, DataLoader(source, LengthBucketSampler(source.lengths, 64, seed)), epochs=1, progress=False
    ).train


def classified(
    encoder, known, judged, pretrained: bool, steps: int, learning_rate: float, dropout: float, seed: int
) -> float:
    """Train a copy of an encoder with a classifier on known sequences; return its accuracy in percent."""
    import torch
    from torch import nn

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.sequences import LabelledDataset, SequenceDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.reconstruction import Classification

    torch.manual_seed(seed)
    encoder = copy.deepcopy(encoder)
    encoder.embed = nn.Sequential(encoder.embed, nn.Dropout(dropout))
    if pretrained:
        answer = logistic(seqae.encode(encoder, known[0]), known[1])
    else:
        answer = nn.Linear(encoder.code_size, int(known[1].max()) + 1)
    head = nn.Sequential(nn.Dropout(dropout), answer)
    if steps:
        source = LabelledDataset(SequenceDataset(known[0]), known[1])
        batches = DataLoader(source, LengthBucketSampler(source.lengths, 32, seed))
        task = Classification(encoder, head, learning_rate, cosine_with_warmup)
        seqae.fit(task, batches, epochs=max(2, -(-steps // len(batches))), progress=False)
    with torch.inference_mode():
        answers = head.eval()(torch.from_numpy(seqae.encode(encoder, judged[0]))).argmax(dim=1).numpy()
    return float(100 * (answers == judged[1]).mean())


def logistic(codes: np.ndarray, labels: np.ndarray):
    """Return a layer that does what a logistic regression on standardised codes does."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from torch import nn

    middle, spread = codes.mean(axis=0), (codes.std(axis=0) + 1e-6) * np.sqrt(codes.shape[1])
    found = LogisticRegression(max_iter=300).fit((codes - middle) / spread, labels)
    weight, bias = found.coef_ / spread, found.intercept_
    if len(weight) == 1:  # of two classes there is but the second one's
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    layer = nn.Linear(weight.shape[1], len(weight))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias.copy_(torch.from_numpy(bias - weight @ middle))
    return layer


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
