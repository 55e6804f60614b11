"""Classify opinions with recursive autoencoders, beside naive Bayes in the same folds.

Socher et al. 2011, https://aclanthology.org/D11-1014: words are merged two by two into one vector, each merge has to be
reconstructed, and each node is classified. Word vectors start with the log-count ratios of naive Bayes.

    python recipes/text_sentiment_recursive.py --data-root folder/with/rt_polarity
    python recipes/text_sentiment_recursive.py --file mine.csv --trees chain
"""

import os
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import read_labelled, read_text_set, synthetic_reviews
from seqae.datasets import TreeDataset
from seqae.modules import BalancedTree, ChainTree, Composition, Decomposition, FastDropout, GreedyTree, MeanOfNodes
from seqae.report import DrawnTree, trees_figure
from seqae.training import TreeReconstruction

DATA = "rt_polarity (sentences of film reviews), a file of labelled texts, or synthetic reviews"
QUICK = {"data_root": "", "epochs": 8, "folds": 2}


def build_model(vectors: Tensor, classes: int, trees: str) -> seqae.RecursiveAutoencoder:
    """Return a recursive autoencoder whose words begin with given vectors, `(words, size)`."""
    size, split = vectors.shape[1], Decomposition(vectors.shape[1])
    shape = {"balanced": BalancedTree(), "chain": ChainTree(), "greedy": GreedyTree(split)}[trees]
    embed = nn.Sequential(nn.Embedding.from_pretrained(vectors, freeze=False), FastDropout(0.3))
    encoder = seqae.RecursiveEncoder(Composition(size), shape, embed, MeanOfNodes())
    head = nn.Sequential(FastDropout(0.5), nn.Linear(size, classes))
    return seqae.RecursiveAutoencoder(encoder, split, head=head)


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    file: str = "",
    encoding: str = "utf-8",
    trees: Literal["balanced", "chain", "greedy"] = "balanced",
    size: int = 100,
    polarity: float = 0.3,
    epochs: int = 3,
    learning_rate: float = 2e-3,
    folds: int = 10,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train and test in folds, and draw trees.

    Args:
        data_root: Folder that holds the folder rt_polarity; without it reviews are synthetic.
        file: Your own labelled texts in its place: a .csv, .tsv or .jsonl file with columns text and label.
        encoding: Encoding of that file.
        trees: How trees are built: of minimum height, from left to right, or by the lowest error first.
        size: Length of the vector of a node.
        polarity: Factor of the log-count ratios with which vectors of words begin.
        epochs: Passes over the training sentences.
        learning_rate: The highest learning rate; it rises and then falls to zero.
        folds: Parts of the data, each of which is the test once.
        seed: Seed of the folds, the weights and the order of batches.
        smoke: Only try whether it runs, on synthetic reviews.
        out: Folder for the results.
    """
    if smoke:
        data_root, file, size, epochs, folds = "", "", 16, 2, 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    texts, labels, classes = read(data_root, file, encoding, 200 if smoke else 2000)
    ngrams = {"tokenizer": seqae.WordTokenizer().split, "token_pattern": None, "ngram_range": (1, 3), "binary": True}
    naive_bayes = make_pipeline(CountVectorizer(**ngrams), MultinomialNB())
    rows = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed).split(texts, labels):
        known, judged = [texts[index] for index in train], [texts[index] for index in test]
        vocabulary = seqae.Vocabulary(min_frequency=2).fit(known)
        tokens, judged_tokens = ([vocabulary.encode(text) for text in part] for part in (known, judged))

        model = build_model(word_vectors(tokens, labels[train], len(vocabulary), size, polarity), len(classes), trees)
        corrupt, schedule = seqae.MaskTokens(0.2), seqae.cosine_with_warmup
        task = TreeReconstruction(model, corrupt=corrupt, learning_rate=learning_rate, lr_scheduler=schedule, seed=seed)
        loader = seqae.make_loader(TreeDataset(tokens, labels[train].tolist()), 128, seed)
        history = seqae.fit(task, loader, epochs=epochs, progress=False)
        counted = naive_bayes.fit(known, labels[train]).predict(judged)
        found = {"recursive autoencoder": predict(model, judged_tokens), "naive Bayes": counted}
        rows.append({name: float((answers == labels[test]).mean()) for name, answers in found.items()})
        print(f"fold {len(rows):2}  " + "  ".join(f"{name} {value:.4f}" for name, value in rows[-1].items()))

    columns = {name: [row[name] for row in rows] for name in rows[0]}
    metrics = {name: float(np.mean(each)) for name, each in columns.items()}
    results = [{"method": name, "accuracy": np.mean(each), "std": np.std(each)} for name, each in columns.items()]
    drawn = [drawn_tree(model, vocabulary, text) for text in sorted(judged, key=len)[len(judged) // 8 :][:4]]
    seqae.save_figure(trees_figure(drawn, low=classes[0], high=classes[-1]), run.path("trees.png"))
    seqae.save_figure(seqae.loss_figure({"train": history.train}), run.path("loss.png"))
    seqae.save({"model": model, "vocabulary": vocabulary, "classes": classes}, run.path("model"), metrics=rows[-1])
    run.finish(results, metrics)
    return metrics


def read(data_root: str, file: str, encoding: str, synthetic: int) -> tuple[list[str], np.ndarray, list[str]]:
    """Return texts, the index of the class of each, `(texts,)`, and the names of the classes."""
    if file:
        texts, names = read_labelled(file, encoding)
    else:
        texts, names = read_text_set("rt_polarity", data_root) if data_root else synthetic_reviews(synthetic)
    classes, labels = np.unique(names, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"one class only, {names[0]!r} ({file}). Expected two or more. Add texts of another class")
    return texts, labels, classes.tolist()


def word_vectors(tokens: list[Tensor], labels: np.ndarray, words: int, size: int, polarity: float) -> Tensor:
    """Return vectors `(words, size)`, near zero, some values of which begin with log-count ratios of classes."""
    counts = np.ones((labels.max() + 1, words))
    for row, label in zip(tokens, labels):
        counts[label, np.unique(row)] += 1
    logs = np.log(counts / counts.sum(axis=1, keepdims=True))
    ratios = torch.from_numpy(logs[1:] - logs[0]).float().T  # to the first class, (words, classes - 1)
    repeated = ratios.repeat_interleave(max(1, min(8, size // ratios.shape[1])), dim=1)[:, :size]
    return 0.1 * torch.randn(words, size) + polarity * nn.functional.pad(repeated, (0, size - repeated.shape[1]))


def predict(model: seqae.RecursiveAutoencoder, tokens: list[Tensor]) -> np.ndarray:
    """Return the class of each sentence, `(sentences,)`."""
    batches = [seqae.Batch.of(tokens[at : at + 256]) for at in range(0, len(tokens), 256)]
    with seqae.evaluating(model):
        return np.concatenate([model(batch).sentence_logits.argmax(dim=1).numpy() for batch in batches])


def drawn_tree(model: seqae.RecursiveAutoencoder, vocabulary: seqae.Vocabulary, text: str) -> DrawnTree:
    """Return the tree of a sentence, to be drawn: each node with the probability of the last class."""
    tokens = vocabulary.encode(text)
    with seqae.evaluating(model):
        (tree,) = model(seqae.Batch.of([tokens])).trees()
    words, scores = [vocabulary.word(int(token)) for token in tokens], tree.logits.softmax(dim=1)[:, -1]
    return DrawnTree(words, tree.tree, tree.errors.numpy(), scores.numpy())


if __name__ == "__main__":
    cli.run(main)
