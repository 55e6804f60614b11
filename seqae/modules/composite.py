"""One code from which the past is reconstructed and the future predicted.

Srivastava et al. 2015, https://arxiv.org/abs/1502.04681: reconstruction alone favours codes that memorise the input,
prediction alone codes that forget all but its end; a code for both can do neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqae.batch import Batch, on_host, to_device
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder


@dataclass(frozen=True, eq=False)
class CompositeOutput:
    """The output of a composite autoencoder.

    Attributes:
        code: `(batch, code_size)`.
        past: The reconstruction, `(batch, time, *prediction)`; None without a decoder for it.
        future: The prediction, `(batch, horizon, *prediction)`; None without a decoder for it.
    """

    code: Tensor
    past: Batch | None
    future: Batch | None


class CompositeAutoencoder(nn.Module):
    """An encoder with a decoder for the past, one for the future, or both.

    Args:
        encoder: The encoder, which reads the past.
        past: Reconstructs the past, for example a `ReversedDecoder`; None to predict only.
        future: The decoder that predicts the following steps; None to reconstruct only.

    Raises:
        ValueError: Both decoders are None.
    """

    def __init__(self, encoder: Encoder, past: Decoder | None = None, future: Decoder | None = None):
        super().__init__()
        if past is None and future is None:
            raise ValueError("a composite without decoders has nothing to learn. Give past, future, or both")
        self.encoder = encoder
        self.past = past
        self.future = future

    def forward(self, batch: Batch, horizon: Tensor, targets: Batch | None = None) -> CompositeOutput:
        """Encode the past and decode past and future.

        Args:
            batch: The past, `(batch, time, *step)`.
            horizon: `(batch,)` int64, the number of steps to predict, at least 1.
            targets: The true future, `(batch, horizon, *step)`, for a decoder that reads its own output, while
                training.
        """
        code = self.encoder(batch)
        past = None if self.past is None else self.past(code, batch.lengths, None if targets is None else batch)
        future = None if self.future is None else self.future(code, horizon, targets)
        return CompositeOutput(code, past, future)

    def encode(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`."""
        return self.encoder(batch)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the reconstruction of the past, `(batch, time, *prediction)`.

        Raises:
            ValueError: There is no decoder for the past.
        """
        if self.past is None:
            raise ValueError("this composite has no decoder for the past. Give past=")
        return self.past(self.encoder(batch), batch.lengths)

    def predict(self, batch: Batch, steps: int) -> Batch:
        """Return the predictions for as many steps after the last one, `(batch, steps, *prediction)`.

        Raises:
            ValueError: There is no decoder for the future.
        """
        if self.future is None:
            raise ValueError("this composite has no decoder for the future. Give future=")
        return self.future(self.encoder(batch), _equal(batch, steps))


def split_at(batch: Batch, steps: int) -> tuple[Batch, Batch]:
    """Return the first steps of each sequence, `(batch, steps, *step)`, and the rest.

    Args:
        batch: Sequences `(batch, time, *step)`, each longer than `steps`.
        steps: The number of steps of the past.

    Raises:
        ValueError: A sequence is not longer than `steps`, or `steps` is below 1.
    """
    lengths = on_host(batch.lengths)
    if not 0 < steps < int(lengths.min()):
        raise ValueError(
            f"{steps} steps of the past, and a sequence of {int(lengths.min())} steps. Leave at least one step to each "
            "side"
        )
    past = Batch(batch.values[:, :steps], _equal(batch, steps))
    return past, Batch(batch.values[:, steps:], to_device(lengths - steps, batch.lengths.device))


def _equal(batch: Batch, steps: int) -> Tensor:
    """Return lengths `(batch,)` that are all the same."""
    return to_device(torch.full((len(batch),), steps, device="cpu"), batch.lengths.device)
