"""Autoencoders: an encoder, a bottleneck and a decoder."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.codes import Bottleneck, BottleneckOutput
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder


@dataclass(frozen=True, eq=False)
class AutoencoderOutput:
    """The output of an autoencoder.

    Attributes:
        prediction: The prediction for every step, `(batch, time, *prediction)`.
        code: The codes that the decoder read, `(batch, code_size)`.
        penalty: The penalty of each code, `(batch,)`, zero without a bottleneck.
    """

    prediction: Batch
    code: Tensor
    penalty: Tensor


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
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, code: Bottleneck | None = None):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.code = code

    def forward(self, batch: Batch, targets: Batch | None = None) -> AutoencoderOutput:
        """Encode and decode.

        Args:
            batch: The sequences to encode, `(batch, time, *step)`.
            targets: The true sequences for a decoder that reads its own output, while training (teacher forcing).
        """
        bottleneck = self._encode(batch)
        prediction = self.decoder(bottleneck.code, batch.lengths, targets)
        return AutoencoderOutput(prediction, bottleneck.code, bottleneck.penalty)

    def encode(self, batch: Batch) -> Tensor:
        """Return the codes that the decoder reads, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self._encode(batch).code

    def decode(self, code: Tensor, lengths: Tensor) -> Batch:
        """Return predictions of the given lengths `(batch,)` int64, given codes `(batch, code_size)`."""
        return self.decoder(code, lengths)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the prediction for every step, `(batch, time, *prediction)`, without teacher forcing."""
        return self.decode(self.encode(batch), batch.lengths)

    def _encode(self, batch: Batch) -> BottleneckOutput:
        code = self.encoder(batch)
        return BottleneckOutput(code, code.new_zeros(len(code))) if self.code is None else self.code(code)
