"""Trained models applied in float64: what a sequence gets is the same in any batch and order, to all digits of float32.

In float32 a sum depends on where a processor's vectors begin and end, in the last of its digits.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.inference import over_batches
from seqae.modules.encoders import Encoder

M = TypeVar("M", bound=nn.Module)
_BATCH_SIZE = 256


def in_float64(model: M, sequences: Sequence[Tensor]) -> tuple[M, list[Tensor]]:
    """Return a copy of a model, and sequences `(time, *step)`, in float64; ids of tokens stay as they are."""
    doubled = [sequence.double() if sequence.is_floating_point() else sequence for sequence in sequences]
    return copy.deepcopy(model).double(), doubled


def exact_codes(model: Encoder | Autoencoder, sequences: Sequence[Tensor]) -> Tensor:
    """Return the codes of sequences `(time, *step)`, `(sequences, code_size)` float32.

    Args:
        model: An encoder, or an autoencoder, whose codes are those that its decoder reads.
        sequences: The sequences, at least one.
    """
    exact, doubled = in_float64(model, sequences)
    function = exact.encode if isinstance(exact, Autoencoder) else exact
    return torch.stack(over_batches(exact, doubled, _BATCH_SIZE, lambda batch: list(function(batch)))).float()


def exact_reconstructions(model: Autoencoder, sequences: Sequence[Tensor]) -> list[Tensor]:
    """Return the reconstruction of each sequence `(time, *step)`, `(time, *prediction)` float64."""
    exact, doubled = in_float64(model, sequences)
    return over_batches(exact, doubled, _BATCH_SIZE, lambda batch: exact.reconstruct(batch).unpad())
