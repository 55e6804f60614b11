"""Tell opinions by recursive autoencoders, beside naive Bayes and support vector machines in the same folds.

Socher et al. 2011, https://aclanthology.org/D11-1014: words are merged two by two into one vector, each merge has to
keep what was merged, and each node says what opinion it hears. Ours merges along balanced trees, a whole batch at a
time, and its words begin with the log-count ratios of naive Bayes, learnt from the training sentences.

    python recipes/text_sentiment_recursive.py
    python recipes/text_sentiment_recursive.py --data-root folder/with/rt_polarity
    python recipes/text_sentiment_recursive.py --texts mine.csv --ask "not bad at all"

Published for these sentences (Pang & Lee 2005) in ten folds, without vectors of words from elsewhere: recursive
autoencoder 77.7 (Socher et al. 2011), naive Bayes 79.0 and NB-SVM 79.4 (Wang & Manning 2012).
"""

import os
import time
from pathlib import Path
from typing import Literal

import numpy as np

from seqae import cli

DATA = "rt_polarity (sentences of film reviews), a file of labelled texts, or made-up opinions"
MINUTES = 10
RESULT = "rt-polarity, 10 folds: 78.2 % alone, 79.7 % with NB-SVM; NB-SVM 79.0 %, naive Bayes 78.2 %"
ALONE, TREES, BOTH = "recursive autoencoder", "several of them", "several of them and NB-SVM"
MACHINE, BAYES, BLIND = "NB-SVM", "naive Bayes", "codes learnt without labels"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    texts: str = "",
    encoding: str = "utf-8",
    ask: tuple[str, ...] = (),
    trees: Literal["balanced", "chain", "greedy"] = "balanced",
    size: int = 100,
    polarity: float = 0.3,
    members: int = 2,
    epochs: int = 3,
    learning_rate: float = 2e-3,
    folds: int = 10,
    first: int = 0,
    blind: int = 3,
    choosing: bool = False,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train and test in folds, and draw trees.

    Args:
        data_root: Folder that holds the folder rt_polarity; without it opinions are made up.
        texts: A file of labelled texts in their place: .csv or .tsv with columns text and label, or .jsonl.
        encoding: Of the characters of that file.
        ask: Sentences of your own, to be judged by the model of the first fold.
        trees: Which trees are grown.
        size: Length of the vector of a node.
        polarity: How much of the log-count ratio of naive Bayes a word begins with.
        members: Recursive autoencoders that are trained in each fold, with other random numbers.
        epochs: Passes over the training sentences.
        learning_rate: The highest, of AdamW.
        folds: Parts of the data, each of which is the test once.
        first: How many of the folds are done; 0 for all.
        blind: In how many of them codes are learnt without labels, too.
        choosing: Whether a tenth of the training sentences stands for the test, for choosing settings.
        seed: Of folds, weights and order.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    from naive_bayes import NaiveBayesSVM

    import seqae
    from seqae.data.text.files import train_test_overlap
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.trees import trees_figure
    from seqae.report.run import Run
    from seqae.text.vocabulary import Vocabulary

    if smoke:
        data_root, texts, size, members, epochs, folds = "", "", 16, 1, 2, 2
    seqae.configure_runtime()
    settings = dict(data_root=data_root, texts=texts, trees=trees, size=size, polarity=polarity, members=members)
    settings |= dict(epochs=epochs, learning_rate=learning_rate, folds=folds, choosing=choosing, seed=seed)
    sentences, labels, classes = read(data_root, texts, encoding, 200 if smoke else 2000)
    pool = read_pool("" if texts else data_root, sentences)
    part = in_folds(labels, folds, seed)
    print(
        f"data   {len(sentences)} sentences: " + ", ".join(f"{(labels == k).sum()} {c}" for k, c in enumerate(classes))
    )
    run = Run("text_sentiment_recursive", out, settings)

    right: dict[str, list[float]] = {}
    for fold in range(first or folds):
        test, train = np.flatnonzero(part == fold), np.flatnonzero(part != fold)
        if choosing:
            inner = in_folds(labels[train], 10, seed + fold)
            test, train = train[inner == 0], train[inner != 0]
        learnt, judged = [sentences[at] for at in train], [sentences[at] for at in test]
        if both := train_test_overlap(learnt, judged):
            print(f"note   fold {fold + 1}: {len(both)} of the test sentences were learnt from, too, as {both[0]!r}")
        vocabulary = Vocabulary(min_frequency=2).fit(learnt)
        if fold == 0:
            check_words(vocabulary, ask)
        started, models, chances = time.perf_counter(), [], []
        for member in range(members):
            model = autoencoder(vocabulary, learnt, labels[train], len(classes), trees, size, polarity, seed + member)
            losses = trained(model, encoded(vocabulary, learnt), labels[train], epochs, learning_rate, seed + member)
            models.append(model)
            chances.append(log_probabilities(model, encoded(vocabulary, judged)))
        speed = len(train) * epochs * members / (time.perf_counter() - started)
        bayes = NaiveBayesSVM().fit(learnt, labels[train])
        machine = bayes.log_probabilities(judged)
        scores = {TREES: np.mean(chances, axis=0), MACHINE: machine, BAYES: bayes.naive_bayes(judged)}
        scores |= {BOTH: np.mean(chances, axis=0) + machine}
        if fold < blind:
            scores |= {BLIND: without_labels(vocabulary, learnt, labels[train], judged, pool, trees, 6 * size, seed)}
        found = {name: float((score.argmax(axis=1) == labels[test]).mean()) for name, score in scores.items()}
        found[ALONE] = float(np.mean([(each.argmax(axis=1) == labels[test]).mean() for each in chances]))
        for name, share in found.items():
            right.setdefault(name, []).append(share)
        print(f"fold {fold + 1:2} {speed:6.0f} sentences/s  " + "  ".join(f"{k} {v:.4f}" for k, v in found.items()))
        if fold == 0:
            shown = sorted(judged, key=lambda text: abs(len(text) - 45))[:4] + list(ask)
            drawn = [drawn_tree(models[0], vocabulary, text, classes) for text in shown]
            save_figure(trees_figure(drawn, low=classes[0], high=classes[-1]), run.path("trees.png"))
            save_figure(loss_figure({"train": losses}), run.path("loss.png"))
            kept = {"model": models[0], "vocabulary": vocabulary, "classes": list(classes)}
            seqae.save(kept, run.path("model"), metrics={"accuracy": found[ALONE]})
            for text, tree in zip(ask, drawn[4:]):
                print(f"asked  {text}: {tree.title}")

    published = {ALONE: "77.7", MACHINE: "79.4", BAYES: "79.0"} if data_root and not texts else {}
    results = [
        {
            "method": name,
            "accuracy %": f"{100 * np.mean(right[name]):.2f} ± {100 * np.std(right[name]):.2f}",
            "folds": len(right[name]),
            "published": published.get(name, ""),
        }
        for name in (ALONE, TREES, BOTH, MACHINE, BAYES, BLIND)
        if name in right
    ]
    metrics = {name: float(np.mean(shares)) for name, shares in right.items()}
    run.finish(results, metrics)
    return metrics


def read(data_root: str, file: str, encoding: str, made: int) -> tuple[list[str], np.ndarray, list[str]]:
    """Return sentences, the number of each one's class, and the names of the classes."""
    from seqae.data.text.files import read_labelled
    from seqae.data.text.labelled_sets import read_text_set
    from seqae.data.text.synthetic import synthetic_reviews

    if file:
        sentences, names = read_labelled(file, encoding)
    else:
        sentences, names = read_text_set("rt_polarity", data_root) if data_root else synthetic_reviews(made)
    classes, labels = np.unique(names, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"one class only: all {len(sentences)} texts are {str(classes[0])!r} ({file or data_root}). Expected two "
            "classes or more. Add texts of another class"
        )
    return sentences, labels, classes.tolist()


def read_pool(data_root: str, sentences: list[str]) -> list[list[str]]:
    """Return the sentences of whole reviews, if there are any, without those that are given."""
    from seqae.data.text.deduplicate import decontaminate
    from seqae.data.text.labelled_sets import read_text_set

    there = data_root and (Path(data_root) / "movie_reviews").exists()
    return decontaminate(read_text_set("movie_reviews", data_root)[0] if there else [], sentences)


def in_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each sentence, all with the same share of each class."""
    random, part = np.random.default_rng(seed), np.empty(len(labels), dtype=int)
    counts = np.bincount(labels)
    if folds < 2 or counts.min() < 2 * folds:
        raise ValueError(
            f"{folds} folds of classes with {counts.min()} texts and more. Expected at least 2 folds, and two texts of "
            "each class in each. Give more texts, or fewer --folds"
        )
    for label in range(len(counts)):
        rows = random.permutation(np.flatnonzero(labels == label))
        part[rows] = np.arange(len(rows)) % folds
    return part


def check_words(vocabulary, asked: tuple[str, ...]) -> None:
    """Refuse sentences of which not a word is known."""
    for text in asked:
        words = vocabulary.tokenizer.split(text)
        if all(word in vocabulary.unknown(text) for word in words):
            raise ValueError(
                f"all words are unknown in {text!r} (--ask). Expected some of the {len(vocabulary.tokens_)} words "
                f"of the training sentences, such as {', '.join(vocabulary.tokens_[-3:])}. Ask in such words"
            )


def encoded(vocabulary, sentences: list[str]) -> list:
    """Return the numbers of each sentence's words."""
    return [vocabulary.encode(sentence) for sentence in sentences]


def autoencoder(vocabulary, learnt: list[str], labels, classes: int, trees: str, size: int, polarity: float, seed: int):
    """Return a recursive autoencoder that is not trained yet but knows the words' log-count ratios."""
    import torch
    from naive_bayes import log_ratios
    from torch import nn

    from seqae.modules.dropout import FastDropout
    from seqae.modules.recursive import RecursiveAutoencoder

    torch.manual_seed(seed)
    embedding = nn.Embedding(len(vocabulary), size)
    counts = np.zeros((classes, len(vocabulary)))
    for words, label in zip(encoded(vocabulary, learnt), labels):
        counts[label, np.unique(words)] += 1
    ratios = torch.from_numpy(log_ratios(counts)[1:]).float()  # the first class is what the others are not
    width = max(1, min(8, size // len(ratios)))  # numbers of a vector that begin with the ratio of one class
    with torch.no_grad():
        embedding.weight.normal_(std=0.1)
        start = polarity * ratios.repeat_interleave(width, dim=0)[:size]
        embedding.weight[:, : len(start)] += start.T
    encoder, split = encoder_of(nn.Sequential(embedding, FastDropout(0.3)), trees, size)
    return RecursiveAutoencoder(encoder, split, head=nn.Sequential(FastDropout(0.5), nn.Linear(size, classes)))


def encoder_of(embed, trees: str, size: int):
    """Return an encoder whose code is the mean of all nodes, and what splits its nodes."""
    from seqae.modules.merging import Composition, Decomposition
    from seqae.modules.recursive import BalancedTree, ChainTree, GreedyTree, MeanOfNodes, RecursiveEncoder

    split = Decomposition(size)
    shape = {"balanced": BalancedTree, "chain": ChainTree}[trees]() if trees != "greedy" else GreedyTree(split)
    return RecursiveEncoder(Composition(size), shape, embed, MeanOfNodes()), split


def trained(model, words: list, labels, epochs: int, learning_rate: float, seed: int) -> list[float]:
    """Train and return the loss of each epoch; a label of -1 says nothing."""
    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.trees import TreeDataset
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.recursive import TreeReconstruction
    from seqae.transforms.corruptions import MaskTokens

    task = TreeReconstruction(
        model, corrupt=MaskTokens(0.2), learning_rate=learning_rate, lr_scheduler=cosine_with_warmup, seed=seed
    )
    source = TreeDataset(words, labels)
    loader = DataLoader(source, LengthBucketSampler(source.lengths, 128, seed))
    return seqae.fit(task, loader, epochs=epochs, progress=False).train


def log_probabilities(model, words: list) -> np.ndarray:
    """Return the logarithm of the probability of each class in nats, (sentence, class)."""
    from seqae.batch import Batch
    from seqae.inference import evaluating

    with evaluating(model):
        parts = [model(Batch.of(words[at : at + 256])).sentence_logits for at in range(0, len(words), 256)]
        return np.concatenate([part.log_softmax(dim=1).numpy() for part in parts])


def without_labels(
    vocabulary, learnt: list[str], labels, judged: list[str], pool: list[list[str]], trees: str, size: int, seed: int
):
    """Return what a linear classifier makes of codes that were learnt without labels, (sentence, class).

    Words begin with what is counted around them, in the training sentences and in the pool.
    """
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from torch import nn

    import seqae
    from seqae.modules.recursive import RecursiveAutoencoder
    from seqae.text.cooccurrence import word_vectors

    torch.manual_seed(seed)
    documents = [encoded(vocabulary, document) for document in (*pool, *([text] for text in learnt))]
    vectors = 0.15 * torch.from_numpy(word_vectors(documents, len(vocabulary), size))  # so large that tanh keeps them
    encoder, split = encoder_of(nn.Embedding.from_pretrained(vectors), trees, size)
    trained(RecursiveAutoencoder(encoder, split), encoded(vocabulary, learnt), [-1] * len(learnt), 1, 1e-3, seed)
    codes = [seqae.encode(encoder, encoded(vocabulary, texts)) for texts in (learnt, judged)]
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=1 / size, max_iter=200)).fit(codes[0], labels)
    return classifier.predict_proba(codes[1])


def drawn_tree(model, vocabulary, text: str, classes: list[str]):
    """Return the tree of a sentence, to be drawn: each node with the probability of the last class."""
    from seqae.batch import Batch
    from seqae.inference import evaluating
    from seqae.report.figures.trees import DrawnTree

    words = vocabulary.encode(text)
    with evaluating(model):
        grown = model(Batch.of([words]))
        (tree,) = grown.trees()
        chances = grown.sentence_logits[0].softmax(dim=0)
    title = f"{classes[int(chances.argmax())]} ({float(chances.max()):.2f})"
    shown = [vocabulary.word(int(word)) for word in words]
    return DrawnTree(shown, tree.tree, tree.errors.numpy(), tree.logits.softmax(dim=1)[:, -1].numpy(), title=title)


if __name__ == "__main__":
    cli.run(main)
