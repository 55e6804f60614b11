"""Encoders that take tensors, for exporters of torch."""

from __future__ import annotations

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder


class TensorEncoder(nn.Module):
    """An encoder that takes values and lengths, in place of a batch, as `torch.export` wants it.

    Batch and time stay free; an exported program does not check lengths:

    >>> import torch
    >>> from seqae import LSTM, RecurrentEncoder
    >>> from seqae.export import TensorEncoder
    >>> module = TensorEncoder(RecurrentEncoder(LSTM(3, 8), code_size=4)).eval()
    >>> batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    >>> example = torch.randn(2, 5, 3), torch.tensor([5, 3])
    >>> program = torch.export.export(module, example, dynamic_shapes=({0: batch, 1: time}, {0: batch}))
    >>> with torch.no_grad():  # a recurrent layer is far slower with gradients
    ...     program.module()(torch.randn(4, 9, 3), torch.tensor([9, 1, 4, 7])).shape
    torch.Size([4, 4])

    Args:
        encoder: A recurrent, convolutional, attentive or mean encoder; one that checks lengths against a fixed window
            cannot be exported.
    """

    def __init__(self, encoder: Encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, values: Tensor, lengths: Tensor) -> Tensor:
        """Return the codes, `(batch, code_size)`, given values `(batch, time, *step)` and lengths `(batch,)` int64."""
        return self.encoder(Batch(values, lengths))
