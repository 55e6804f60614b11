"""Learn codes of texts by predicting, from the code alone, which words are in a text and around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch, moved, on_host, to_device
from seqae.modules.encoders import Encoder
from seqae.modules.tokens import TiedHead
from seqae.training.optimizers import cosine_with_warmup
from seqae.training.tasks.task import Task


@dataclass(eq=False)  # not frozen: see Batch
class BagOfWordsBatch:
    """Texts with the words to be predicted.

    Attributes:
        batch: The texts, tokens `(batch, time)`.
        words: The tokens to be predicted, `(words,)`, text after text.
        rows: The row of `batch` from whose code each word is to be predicted, `(words,)`.
    """

    batch: Batch
    words: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each text, `(batch,)`."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> BagOfWordsBatch:
        """Return the same batch on a device."""
        return BagOfWordsBatch(self.batch.to(device), to_device(self.words, device), moved(self.rows, device))

    def pin_memory(self) -> BagOfWordsBatch:
        """Return the same batch in memory from which a GPU copies while it computes."""
        return BagOfWordsBatch(self.batch.pin_memory(), self.words.pin_memory(), self.rows.pin_memory())


class ContextDataset:
    """Sentences, each with its own words and those of its neighbours to be predicted.

    Args:
        documents: The sentences of each document, tokens `(time,)` each.
        window: The number of neighbours on each side; 0 makes an autoencoder of each sentence alone.
    """

    def __init__(self, documents: Sequence[Sequence[Tensor]], window: int = 1):
        self.sentences = [sentence for document in documents for sentence in document]
        self.lengths = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        self.bags = [
            torch.cat(list(document[max(0, index - window) : index + window + 1]))
            for document in documents
            for index in range(len(document))
        ]

    def batch(self, indices: np.ndarray) -> BagOfWordsBatch:
        """Return the sentences at `indices`, tokens `(batch, time)`, with the words to be predicted, `(words,)`."""
        bags = [self.bags[index] for index in indices]
        rows = torch.arange(len(bags)).repeat_interleave(torch.tensor([len(bag) for bag in bags]))
        return BagOfWordsBatch(Batch.of([self.sentences[index] for index in indices]), torch.cat(bags), rows)


class BagOfWordsPrediction(Task):
    """Predict the words of a text and of its neighbours, in any order. The loader yields `BagOfWordsBatch`.

    Neighbours as in Kiros et al. 2015 (https://arxiv.org/abs/1506.06726), bags of words as in Hill et al. 2016
    (https://aclanthology.org/N16-1162). A word competes with the other words of its batch only, which is several times
    cheaper than with the whole vocabulary. The learning rate follows `cosine_with_warmup`.

    Args:
        encoder: Maps texts to codes.
        head: Maps codes to the logits of words.
        learning_rate: The highest learning rate of Adam.
    """

    def __init__(self, encoder: Encoder, head: TiedHead, learning_rate: float = 4e-3):
        super().__init__(learning_rate, lr_scheduler=cosine_with_warmup)
        self.encoder = encoder
        self.head = head

    def training_step(self, bags: BagOfWordsBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of a word in nats."""
        # On the CPU: how many words there are is asked of it.
        words, targets = (
            moved(each, bags.words.device) for each in torch.unique(on_host(bags.words), return_inverse=True)
        )
        logits = self.head.logits_for(self.encoder(bags.batch), words)
        return -logits.log_softmax(dim=1)[bags.rows, targets].mean()  # picks at once: `[bags.rows]` alone copies
