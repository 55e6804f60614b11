"""Trained models applied in float64: what a sequence gets is the same in any batch and order.

In float32 a sum depends on where a processor's vectors begin and end, in the last of its digits.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.inference import over_batches
from seqae.modules.encoders import Encoder

M = TypeVar("M", bound=nn.Module)
_BATCH_SIZE = 256
_NOISE = 1e-12  # of the largest number of a code: far more than batches of float64 differ by, about 1e-15


def in_float64(model: M, sequences: Sequence[Tensor]) -> tuple[M, list[Tensor]]:
    """Return a copy of a model, and sequences `(time, *step)`, in float64; ids of tokens stay as they are."""
    doubled = [sequence.double() if sequence.is_floating_point() else sequence for sequence in sequences]
    return copy.deepcopy(model).double().eval(), doubled


def exact_codes(model: Encoder | Autoencoder, sequences: Sequence[Tensor], head: nn.Module | None = None) -> Tensor:
    """Return the codes of sequences `(time, *step)`, `(sequences, code_size)` float32, the same bits in any batch.

    Args:
        model: An encoder, or an autoencoder, whose codes are those that its decoder reads.
        sequences: The sequences, at least one.
        head: Maps codes `(batch, code_size)` to what is returned in their place, for example logits.
    """
    exact, doubled = in_float64(model, sequences)
    last = nn.Identity() if head is None else copy.deepcopy(head).double().eval()

    def codes_of(encoder: Encoder | Autoencoder, batch: Batch) -> list[Tensor]:
        return list(last(encoder.encode(batch) if isinstance(encoder, Autoencoder) else encoder(batch)))

    codes = torch.stack(over_batches(exact, doubled, _BATCH_SIZE, codes_of))
    if len(doubled) > 1 and len(unsure := _unsure(codes)):
        # So near to the middle between two numbers of float32 that the batch would choose. Alone there is no batch.
        codes[unsure] = torch.stack(over_batches(exact, [doubled[index] for index in unsure], 1, codes_of))
    return codes.float()


def exact_reconstructions(model: Autoencoder, sequences: Sequence[Tensor]) -> list[Tensor]:
    """Return the reconstruction of each sequence `(time, *step)`, `(time, *prediction)` float64."""
    exact, doubled = in_float64(model, sequences)
    return over_batches(exact, doubled, _BATCH_SIZE, lambda found, batch: found.reconstruct(batch).unpad())


def _unsure(codes: Tensor) -> list[int]:
    """Return the indices of the codes `(sequences, ...)` float64 that noise could round to other numbers of float32."""
    rows = codes.flatten(1)
    noise = _NOISE * rows.abs().amax(dim=1, keepdim=True)
    return ((rows - noise).float() != (rows + noise).float()).any(dim=1).nonzero().flatten().tolist()
