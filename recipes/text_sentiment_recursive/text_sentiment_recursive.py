"""Classify opinions with recursive autoencoders; on real reviews they are no better than naive Bayes.

Socher et al. 2011, https://aclanthology.org/D11-1014: words are merged two by two into one vector, each merge has to be
reconstructed, and each node is classified. A leaf is a word and the pair that it makes with the next one; the vectors
of both start with the log-count ratios of naive Bayes (Wang & Manning 2012, https://aclanthology.org/P12-2018).

    python recipes/text_sentiment_recursive/text_sentiment_recursive.py --data-root folder/with/rt_polarity
    python recipes/text_sentiment_recursive/text_sentiment_recursive.py --file mine.csv --trees chain
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
from words_and_pairs import first_vectors, frequent_pairs, with_pairs

import seqae
from seqae import cli
from seqae.data import read_labelled, read_text_set, synthetic_reviews
from seqae.datasets import TreeDataset
from seqae.modules import BalancedTree, ChainTree, Composition, Decomposition, FastDropout, GreedyTree, MeanOfNodes
from seqae.report import DrawnTree, trees_figure
from seqae.training import TreeReconstruction

DATA = "rt_polarity (sentences of film reviews), a file of labelled texts, or synthetic reviews"
QUICK = {"data_root": "", "epochs": 20, "hidden": 0.2, "folds": 2}


def build_model(vectors: Tensor, classes: int, trees: str) -> seqae.RecursiveAutoencoder:
    """Return a recursive autoencoder whose words and pairs of words begin with given vectors, `(count, size)`."""
    size, split = vectors.shape[1], Decomposition(vectors.shape[1])
    shape = {"balanced": BalancedTree(), "chain": ChainTree(), "greedy": GreedyTree(split)}[trees]
    words = nn.EmbeddingBag.from_pretrained(vectors, freeze=False, mode="sum", padding_idx=0)  # hidden ones are zeros
    embed = nn.Sequential(words, FastDropout(0.4))
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
    hidden: float = 0.5,
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
        polarity: Factor of the log-count ratios with which vectors of words and pairs begin.
        hidden: Probability with which training hides a word, and its pair with the next one.
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
        tokens = [vocabulary.encode(text) for text in known]
        pairs = frequent_pairs(tokens, len(vocabulary))
        leaves = [with_pairs(each, pairs) for each in tokens]
        judged_leaves = [with_pairs(vocabulary.encode(text), pairs) for text in judged]

        vectors = first_vectors(leaves, labels[train], len(vocabulary), len(pairs), size, polarity)
        model = build_model(vectors, len(classes), trees)
        corrupt, schedule = seqae.MaskSteps(hidden), seqae.cosine_with_warmup
        task = TreeReconstruction(model, corrupt=corrupt, learning_rate=learning_rate, lr_scheduler=schedule, seed=seed)
        loader = seqae.make_loader(TreeDataset(leaves, labels[train].tolist()), 128, seed)
        history = seqae.fit(task, loader, epochs=epochs, progress=False)
        counted = naive_bayes.fit(known, labels[train]).predict(judged)
        found = {"recursive autoencoder": predict(model, judged_leaves), "naive Bayes": counted}
        rows.append({name: float((answers == labels[test]).mean()) for name, answers in found.items()})
        print(f"fold {len(rows):2}  " + "  ".join(f"{name} {value:.4f}" for name, value in rows[-1].items()))

    columns = {name: [row[name] for row in rows] for name in rows[0]}
    metrics = {name: float(np.mean(each)) for name, each in columns.items()}
    results = [{"method": name, "accuracy": np.mean(each), "std": np.std(each)} for name, each in columns.items()]
    short = sorted(judged_leaves, key=len)[len(judged) // 8 :][:4]
    drawn = [drawn_tree(model, vocabulary, each) for each in short]
    seqae.save_figure(trees_figure(drawn, low=classes[0], high=classes[-1]), run.path("trees.png"))
    seqae.save_figure(seqae.loss_figure({"train": history.train}), run.path("loss.png"))
    kept = {"model": model, "vocabulary": vocabulary, "pairs": np.array([*pairs], dtype=np.int64), "classes": classes}
    seqae.save(kept, run.path("model"), metrics=rows[-1])
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


def predict(model: seqae.RecursiveAutoencoder, leaves: list[Tensor]) -> np.ndarray:
    """Return the class of each sentence, `(sentences,)`."""
    batches = [seqae.Batch.of(leaves[at : at + 256]) for at in range(0, len(leaves), 256)]
    with seqae.evaluating(model):
        return np.concatenate([model(batch).sentence_logits.argmax(dim=1).numpy() for batch in batches])


def drawn_tree(model: seqae.RecursiveAutoencoder, vocabulary: seqae.Vocabulary, leaves: Tensor) -> DrawnTree:
    """Return the tree of a sentence, to be drawn: each node with the probability of the last class."""
    with seqae.evaluating(model):
        (tree,) = model(seqae.Batch.of([leaves])).trees()
    words, scores = [vocabulary.word(int(token)) for token in leaves[:, 0]], tree.logits.softmax(dim=1)[:, -1]
    return DrawnTree(words, tree.tree, tree.errors.numpy(), scores.numpy())


if __name__ == "__main__":
    cli.run(main)
