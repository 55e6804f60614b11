"""Autoencoders: an encoder, a bottleneck and a decoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.codes import Bottleneck, BottleneckOutput
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.modules.soundness import LENGTHS, UNREADABLE, Shape, probe, require_size


@dataclass(frozen=True, eq=False)
class AutoencoderOutput:
    """The output of an autoencoder.

    Attributes:
        prediction: The prediction for every step, `(batch, time, *prediction)`.
        code: The codes that the decoder read, `(batch, code_size)`.
        penalty: The penalty of each code and the loss of its length, `(batch,)`, zero without a bottleneck and lengths.
    """

    prediction: Batch
    code: Tensor
    penalty: Tensor


class LengthPredictor(nn.Module):
    """The number of steps of a sequence, read off its code: a decoder can then say itself when a sequence ends.

    Args:
        code_size: Length of a code.
        max_length: The largest number of steps that it tells.
        hidden_size: Units of the hidden layer.
        weight: Factor of its loss, the absolute error of the logarithm of the length: near the true length, where a
            squared error fades, it still tells neighbours apart.
    """

    def __init__(self, code_size: int, max_length: int, hidden_size: int = 32, weight: float = 1.0):
        super().__init__()
        self.code_size = code_size
        self.max_length = max_length
        self.hidden_size = hidden_size
        self.weight = weight
        last = nn.Linear(hidden_size, 1)
        nn.init.constant_(last.bias, math.log(max_length) - 1)  # near the lengths, from where it learns
        self.layers = nn.Sequential(nn.Linear(code_size, hidden_size), nn.SiLU(), last)

    def forward(self, code: Tensor) -> Tensor:
        """Return lengths, `(batch,)` int64 from 1 to `max_length`, given codes `(batch, code_size)`."""
        return self._log_length(code).exp().round().clamp(1, self.max_length).long()

    def loss(self, code: Tensor, lengths: Tensor) -> Tensor:
        """Return the weighted loss of each code, `(batch,)`, given the true lengths `(batch,)`."""
        return self.weight * (self._log_length(code) - lengths.to(code.dtype).log()).abs()

    def _log_length(self, code: Tensor) -> Tensor:
        return self.layers(code).squeeze(1)


class Autoencoder(nn.Module):
    """Any encoder with any decoder.

    >>> import torch
    >>> from torch import nn
    >>> from seqae import LSTM, Autoencoder, Batch, L1Code, RecurrentEncoder, RepeatDecoder
    >>> encoder = RecurrentEncoder(LSTM(input_size=3, hidden_size=8), code_size=4)
    >>> decoder = RepeatDecoder(LSTM(input_size=4, hidden_size=8), head=nn.Linear(8, 3))
    >>> model = Autoencoder(encoder, decoder)
    >>> batch = Batch.of([torch.zeros(5, 3), torch.zeros(2, 3)])
    >>> model.encode(batch).shape, [sequence.shape for sequence in model.reconstruct(batch).unpad()]
    (torch.Size([2, 4]), [torch.Size([5, 3]), torch.Size([2, 3])])

    With a penalty on the code:

    >>> output = Autoencoder(encoder, decoder, code=L1Code(weight=0.1))(batch)
    >>> output.prediction.values.shape, output.penalty.shape
    (torch.Size([2, 5, 3]), torch.Size([2]))

    Args:
        encoder: Maps sequences to codes.
        decoder: Maps codes to sequences.
        code: A module applied to the code in between: a penalty or sampling; None for neither.
        length: Learns the length of a sequence from its code; None if lengths are always given.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        code: Bottleneck | None = None,
        length: LengthPredictor | None = None,
    ):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.code = code
        self.length = length

    def forward(self, batch: Batch, targets: Batch | None = None) -> AutoencoderOutput:
        """Encode and decode.

        Args:
            batch: The sequences to encode, `(batch, time, *step)`.
            targets: The true sequences for a decoder that reads its own output, while training (teacher forcing).
        """
        bottleneck = self._encode(batch)
        prediction = self.decoder(bottleneck.code, batch.lengths, targets)
        penalty = bottleneck.penalty
        if self.length is not None:
            penalty = penalty + self.length.loss(bottleneck.code, batch.lengths)
        return AutoencoderOutput(prediction, bottleneck.code, penalty)

    def check_soundness(self, shape: Sequence[int] | None = None) -> Shape | None:
        """Raise a ValueError if reconstructions are no finite numbers, see `seqae.modules.soundness.probe`."""
        return probe(self, self._code_and_reconstruction, shape, others=self._written())

    def encode(self, batch: Batch) -> Tensor:
        """Return the codes that the decoder reads, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self._encode(batch).code

    def decode(self, code: Tensor, lengths: Tensor | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`.

        Args:
            code: `(batch, code_size)`.
            lengths: The number of steps to write, `(batch,)` int64; None if the model tells it from the code.

        Raises:
            ValueError: No lengths are given, and the model has not learnt them.
        """
        if lengths is None:
            if self.length is None:
                raise ValueError("no lengths, and this model has not learnt them. Give the steps of each code")
            lengths = self.length(code)
        return self.decoder(code, lengths)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the prediction for every step, `(batch, time, *prediction)`, without teacher forcing."""
        return self.decode(self.encode(batch), batch.lengths)

    def _code_and_reconstruction(self, batch: Batch) -> Tensor:
        """Return all numbers that are made of a batch."""
        code = require_size(self.encoder(batch), self.encoder)
        read = code if self.code is None else self.code(code).code
        return torch.cat([code.flatten(), self.decode(read, batch.lengths).steps.flatten()])

    def _written(self) -> Iterator[Shape]:
        """Yield the shapes of the sequences that are written, which are often those that are read, too."""
        for steps in LENGTHS:
            with suppress(*UNREADABLE):
                yield tuple(self._decoded_ones(steps).values[0].shape)

    def _decoded_ones(self, steps: int) -> Batch:
        device = next((parameter.device for parameter in self.parameters()), torch.device("cpu"))
        code = torch.ones(1, self.encoder.code_size, device=device)
        lengths = torch.tensor([steps], device=device)
        return self.decode(code if self.code is None else self.code(code).code, lengths)

    def _encode(self, batch: Batch) -> BottleneckOutput:
        code = self.encoder(batch)
        return BottleneckOutput(code, code.new_zeros(len(code))) if self.code is None else self.code(code)
