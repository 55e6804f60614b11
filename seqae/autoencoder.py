"""An encoder and a decoder that meet at the code."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.codes import Bottleneck, BottleneckOutput
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder


@dataclass(frozen=True, eq=False)
class AutoencoderOutput:
    """What an autoencoder makes of a batch.

    Attributes:
        prediction: For every step of the batch, `(batch, time, *prediction)`.
        code: `(batch, code_size)`, as the decoder read it.
        penalty: `(batch,)`, the price of each code.
    """

    prediction: Batch
    code: Tensor
    penalty: Tensor


class Autoencoder(nn.Module):
    """Any encoder with any decoder.

    Args:
        encoder: Writes codes.
        decoder: Reads codes.
        code: What happens to the code between them: a penalty, sampling, or nothing (None).
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, code: Bottleneck | None = None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.code = code

    def forward(self, batch: Batch, targets: Batch | None = None) -> AutoencoderOutput:
        """Encode and decode.

        Args:
            batch: What is read.
            targets: The true sequences for a decoder that reads its own output, while training.
        """
        coded = self._coded(batch)
        return AutoencoderOutput(self.decoder(coded.code, batch.lengths, targets), coded.code, coded.penalty)

    def encode(self, batch: Batch) -> Tensor:
        """Return the codes as the decoder gets them, `(batch, code_size)`."""
        return self._coded(batch).code

    def decode(self, code: Tensor, lengths: Tensor) -> Batch:
        """Return sequences of the given lengths `(batch,)`, given codes `(batch, code_size)`."""
        return self.decoder(code, lengths)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the prediction for every step, written without a targets."""
        return self.decode(self.encode(batch), batch.lengths)

    def _coded(self, batch: Batch) -> BottleneckOutput:
        code = self.encoder(batch)
        return BottleneckOutput(code, code.new_zeros(len(code))) if self.code is None else self.code(code)
