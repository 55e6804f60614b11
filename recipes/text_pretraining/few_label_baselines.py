"""Draws of labelled sentences, and baselines of a pretrained encoder: classifiers that learn from these alone."""

import numpy as np
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

import seqae

NGRAMS = {"ngram_range": (1, 2), "token_pattern": r"\w+|[^\w\s]"}
BAGS_OF_WORDS = {
    "tf-idf, logistic regression": make_pipeline(TfidfVectorizer(**NGRAMS), LogisticRegression(C=10, max_iter=1000)),
    "counts, naive Bayes": make_pipeline(CountVectorizer(binary=True, **NGRAMS), MultinomialNB()),
}


def drawn(known: np.ndarray, labels: int, draws: int, seed: int) -> list[np.ndarray]:
    """Return random draws of so many labelled sentences, of all of them if it is 0: their indices, `(labels,)` each."""
    if labels:
        split = StratifiedShuffleSplit(draws, train_size=labels, random_state=seed)
        return [draw for draw, _ in split.split(known, known)]
    return [np.random.default_rng((seed, draw)).permutation(len(known)) for draw in range(draws)]


def trained_on_labels(
    encoder: seqae.MeanMaxEncoder, train: list[Tensor], known: np.ndarray, test: list[Tensor], seed: int
) -> np.ndarray:
    """Train an encoder with a linear classifier; return the classes of test sequences, `(test sequences,)`.

    It takes at least 120 batches and four passes over the sequences.

    Args:
        encoder: The encoder, which is changed.
        train: Labelled sequences, `(time,)` tokens each.
        known: Their classes, `(train sequences,)`.
        test: Sequences `(time,)`.
        seed: Seed of the order of batches.
    """
    head = nn.Sequential(nn.Dropout(0.3), nn.Linear(encoder.code_size, int(known.max()) + 1))
    dataset = seqae.LabelledDataset(seqae.SequenceDataset(train), known)
    task = seqae.Classification(encoder, head, 2e-3, seqae.cosine_with_warmup)
    loader = seqae.make_loader(dataset, 32, seed)
    seqae.fit(task, loader, epochs=max(4, 120 // len(loader)), progress=False)
    with seqae.evaluating(head):
        return head(torch.from_numpy(seqae.encode(encoder, test))).argmax(dim=1).numpy()
