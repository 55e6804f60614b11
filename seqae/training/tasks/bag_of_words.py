"""Learn codes of texts by writing, from the code alone, which words stand in a text and around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightning
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.batch import Batch
from seqae.modules.encoders import Encoder
from seqae.modules.tokens import TiedHead
from seqae.training.optimizers import adam, cosine_with_warmup, with_schedule


@dataclass(frozen=True, eq=False)
class BagOfWordsBatch:
    """Texts with the words to be written.

    Attributes:
        batch: The texts, numbers of words `(batch, time)`.
        words: `(words,)`, for one text after the other.
        rows: `(words,)`, the text for which a word is to be written.
    """

    batch: Batch
    words: Tensor
    rows: Tensor

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def lengths(self) -> Tensor:
        """`(batch,)`, the number of steps in each text."""
        return self.batch.lengths

    def to(self, device: torch.device | str) -> BagOfWordsBatch:
        return BagOfWordsBatch(self.batch.to(device), self.words.to(device), self.rows.to(device))


class ContextDataset:
    """Sentences, each with its own words and those of its neighbours to be written.

    Args:
        documents: Their sentences, `(time,)` numbers of words each.
        window: Neighbours on each side; none makes an autoencoder of each sentence alone.
    """

    def __init__(self, documents: Sequence[Sequence[Tensor]], window: int = 1):
        self.sentences = [sentence for document in documents for sentence in document]
        self.lengths = np.array([len(sentence) for sentence in self.sentences], dtype=np.int64)
        self.bags = [
            torch.cat(list(document[max(0, place - window) : place + window + 1]))
            for document in documents
            for place in range(len(document))
        ]

    def batch(self, indices: np.ndarray) -> BagOfWordsBatch:
        bags = [self.bags[number] for number in indices]
        rows = torch.arange(len(bags)).repeat_interleave(torch.tensor([len(bag) for bag in bags]))
        return BagOfWordsBatch(Batch.of([self.sentences[number] for number in indices]), torch.cat(bags), rows)


class BagOfWordsPrediction(lightning.LightningModule):
    """Write the words of a text and of its neighbours, in any order. The loader yields `BagOfWordsBatch`.

    Neighbours as in Kiros et al. 2015 (https://arxiv.org/abs/1506.06726), bags of words as in Hill et al. 2016
    (https://aclanthology.org/N16-1162). A word is told from the other words of the batch only, which is several times
    cheaper than from all.

    Args:
        encoder: Writes the code.
        head: Writes words, given the code.
        learning_rate: Of Adam, the highest.
    """

    def __init__(self, encoder: Encoder, head: TiedHead, learning_rate: float = 4e-3):
        super().__init__()
        self.encoder = encoder
        self.head = head
        self.learning_rate = learning_rate

    def training_step(self, bags: BagOfWordsBatch, batch_idx: int) -> Tensor:
        """Return the mean cross-entropy of a word in nats."""
        words, place = torch.unique(bags.words, return_inverse=True)
        logits = self.head.logits_for(self.encoder(bags.batch), words)
        return F.nll_loss(logits.log_softmax(dim=1)[bags.rows], place)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, adam(self), cosine_with_warmup)

    def transfer_batch_to_device(
        self, batch: BagOfWordsBatch, device: torch.device, dataloader_idx: int
    ) -> BagOfWordsBatch:
        return batch.to(device)
