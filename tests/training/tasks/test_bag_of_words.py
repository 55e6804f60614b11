"""Codes are learnt by writing the words of a text and of its neighbours."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import seqae
from seqae import Batch
from seqae.datasets.loader import make_loader
from seqae.modules.encoders import MeanEncoder
from seqae.modules.tokens import TiedHead
from seqae.training.tasks.bag_of_words import BagOfWordsPrediction, ContextDataset

WORDS, SIZE = 12, 6
DOCUMENTS = [[torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([4, 4, 5])], [torch.tensor([6])]]


def task(learning_rate: float = 0.02) -> BagOfWordsPrediction:
    torch.manual_seed(0)
    embedding = nn.Embedding(WORDS, SIZE)
    return BagOfWordsPrediction(MeanEncoder(SIZE, 5, embedding), TiedHead(embedding, 5), learning_rate)


@pytest.mark.parametrize(
    ("window", "expected"),
    [(0, [[1, 2], [3], [4, 4, 5], [6]]), (1, [[1, 2, 3], [1, 2, 3, 4, 4, 5], [3, 4, 4, 5], [6]])],
)
def test_a_bag_holds_the_words_of_neighbours_in_the_same_document(window, expected):
    bags = ContextDataset(DOCUMENTS, window).batch(np.arange(4))
    assert [bags.words[bags.rows == row].tolist() for row in range(4)] == expected
    assert bags.lengths.tolist() == [2, 1, 3, 1]


def test_the_loss_tells_words_from_the_others_of_the_batch():
    ours, bags = task(), ContextDataset(DOCUMENTS).batch(np.array([3, 1]))
    codes = ours.encoder(Batch.of([torch.tensor([6]), torch.tensor([3])]))
    there = [1, 2, 3, 4, 5, 6]
    logits = ours.head(codes)[:, there]
    row, word = torch.tensor([0, 1, 1, 1, 1, 1, 1]), torch.tensor([6, 1, 2, 3, 4, 4, 5])
    torch.testing.assert_close(ours.training_step(bags, 0), F.cross_entropy(logits[row], word - 1))


def test_what_a_document_is_about_is_learnt_with_fit():
    random = np.random.default_rng(0)
    documents = [
        [torch.from_numpy(start + random.integers(0, WORDS // 2, 4)) for _ in range(3)]
        for start in random.integers(0, 2, 60) * WORDS // 2
    ]
    source, ours = ContextDataset(documents), task()
    history = seqae.fit(ours, make_loader(source, 16), epochs=6, progress=False)
    assert history.train[-1] < np.log(WORDS / 2) + 0.15 < history.train[0]
