"""Codes that need not keep the order of words: they predict the words of a sentence and of its neighbours."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

import seqae
from seqae.modules import Encoder, TiedHead, mean_over_time
from seqae.training import BagOfWordsPrediction, ContextDataset

KNOWN = 12_000  # words, the frequent ones
NEIGHBOURS = 5  # sentences on each side
EPOCHS = 2  # four are no better


class MeanVector(Encoder):
    """The mean of the vectors of words.

    Args:
        embed: Turns tokens `(steps,)` into vectors `(steps, code_size)`.
    """

    def __init__(self, embed: nn.Embedding):
        super().__init__()
        self.embed = embed
        self.code_size = embed.embedding_dim

    def forward(self, batch: seqae.Batch) -> torch.Tensor:
        """Return the codes, `(batch, code_size)`, given tokens `(batch, time)`."""
        return mean_over_time(batch.map(self.embed))


def context_codes(texts: list[str], documents: Sequence[Sequence[str]], code_size: int, seed: int) -> np.ndarray:
    """Return codes of texts `(texts, code_size)`: means of vectors of words, which start at random.

    After Hill et al. 2016, https://aclanthology.org/N16-1162.

    Args:
        texts: The sentences to encode; they are learnt from, too, each without neighbours.
        documents: The sentences of each document, in order.
        code_size: Length of a code and of the vector of a word.
        seed: Seed of the vectors and of the order of batches.
    """
    torch.manual_seed(seed)
    words = seqae.Vocabulary(seqae.WordTokenizer(lower=True), KNOWN)
    documents = [*documents, *([text] for text in texts)]
    words.fit(text for document in documents for text in document)
    tokens = [[words.encode(text) for text in document] for document in documents]
    dataset = ContextDataset(tokens, NEIGHBOURS)
    embedding = nn.Embedding(len(words), code_size)
    nn.init.normal_(embedding.weight, std=code_size**-0.5)
    encoder, head = MeanVector(embedding), TiedHead(embedding)
    with torch.no_grad():  # start from the frequencies of the words
        head.bias.copy_(torch.bincount(torch.cat(dataset.sentences), minlength=len(words)).clamp(min=1).log())
    loader = seqae.make_loader(dataset, 64, seed)
    seqae.fit(BagOfWordsPrediction(encoder, head), loader, epochs=EPOCHS, progress=False)
    return seqae.encode(encoder, [words.encode(text) for text in texts])
