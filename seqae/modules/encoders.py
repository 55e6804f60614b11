"""Encoders: from a batch of sequences to one code per sequence, `(batch, code_size)`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.convolution import Convolutions
from seqae.modules.feedforward import mlp
from seqae.modules.pooling import SegmentMeanPooling, max_over_time, mean_over_time
from seqae.modules.positions import with_log_length
from seqae.modules.recurrent import RecurrentLayer
from seqae.modules.soundness import Shape, probe, require_size


class Encoder(nn.Module, ABC):
    """Turns each sequence into a code.

    The code of a sequence is the same alone as in any batch.

    Attributes:
        code_size: Length of a code.
    """

    code_size: int

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""

    def check_soundness(self, shape: Sequence[int] | None = None) -> Shape | None:
        """Raise a ValueError if the codes are no finite numbers, see `seqae.modules.soundness.probe`."""
        return probe(self, lambda batch: require_size(self(batch), self), shape)


class RecurrentEncoder(Encoder):
    """The last hidden state of a recurrent layer, projected to the code.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215.

    >>> import torch
    >>> from torch import nn
    >>> from seqae import LSTM, Batch, RecurrentEncoder
    >>> encoder = RecurrentEncoder(LSTM(input_size=3, hidden_size=8, bidirectional=True), code_size=4)
    >>> encoder(Batch.of([torch.zeros(5, 3), torch.zeros(2, 3)])).shape
    torch.Size([2, 4])

    Tokens need `embed`:

    >>> encoder = RecurrentEncoder(LSTM(6, 8), code_size=4, embed=nn.Embedding(100, 6))
    >>> encoder(Batch.of([torch.tensor([7, 99, 2]), torch.tensor([5])])).shape
    torch.Size([2, 4])

    Args:
        rnn: A recurrent layer, for example `LSTM(input_size, hidden_size, num_layers=2, bidirectional=True)`.
        code_size: Length of a code.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`: an embedding for
            tokens, a CNN for frames, None for sensor readings.
        pool: Maps the hidden states of all steps to one vector per sequence, in place of the last state; see
            `seqae.modules.pooling`.
        reads_length: Whether the code is also made of the length of the sequence.
    """

    def __init__(
        self,
        rnn: RecurrentLayer,
        code_size: int,
        embed: nn.Module | None = None,
        pool: Callable[[Batch], Tensor] | None = None,
        reads_length: bool = False,
    ):
        super().__init__()
        self.rnn = rnn
        self.code_size = code_size
        self.embed = embed
        self.pool = pool
        self.reads_length = reads_length
        self.project = nn.Linear(rnn.output_size + reads_length, code_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        hidden = self.rnn(embed_steps(batch, self.embed))
        pooled = self.rnn.last_output(hidden) if self.pool is None else self.pool(hidden)
        return self.project(with_log_length(pooled, batch.lengths) if self.reads_length else pooled)


class ConvEncoder(Encoder):
    """Dilated convolutions over time, pooled and projected to the code.

    With `max_over_time` the encoder of Franceschi et al. 2019, https://arxiv.org/abs/1901.10738.

    Args:
        input_size: Length of the vector read at each step.
        code_size: Length of a code.
        channels: Length of the vector written by each layer.
        kernel_size: Steps that a layer reads for each step that it writes.
        causal: Whether a layer reads no later steps.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`.
        pool: Maps vectors to one vector per sequence, see `seqae.modules.pooling`.
    """

    def __init__(
        self,
        input_size: int,
        code_size: int,
        channels: Sequence[int] = (32, 32, 32),
        kernel_size: int = 3,
        causal: bool = False,
        embed: nn.Module | None = None,
        pool: Callable[[Batch], Tensor] = mean_over_time,
    ):
        super().__init__()
        self.input_size = input_size
        self.code_size = code_size
        self.channels = tuple(channels)
        self.kernel_size = kernel_size
        self.causal = causal
        self.embed = embed
        self.pool = pool
        self.convolutions = Convolutions(input_size, channels, kernel_size, causal)
        self.project = nn.Linear(self.convolutions.output_size, code_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self.project(self.pool(self.convolutions(embed_steps(batch, self.embed))))


class DenseEncoder(Encoder):
    """Fully connected layers over a window of a fixed number of steps, or over one step (an image).

    Hinton & Salakhutdinov 2006, https://doi.org/10.1126/science.1127647.

    Args:
        steps: The length of the longest sequence; a shorter one is padded with zeros.
        input_size: Length of the vector read at each step.
        code_size: Length of a code.
        hidden_sizes: Length of each hidden vector; none makes the encoder linear.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`.
    """

    def __init__(
        self,
        steps: int,
        input_size: int,
        code_size: int,
        hidden_sizes: Sequence[int] = (128,),
        embed: nn.Module | None = None,
    ):
        super().__init__()
        self.steps = steps
        self.input_size = input_size
        self.code_size = code_size
        self.hidden_sizes = tuple(hidden_sizes)
        self.embed = embed
        self.layers = mlp([steps * input_size, *hidden_sizes, code_size])

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`.

        Raises:
            ValueError: A sequence is longer than `steps`.
        """
        values = embed_steps(batch, self.embed).mask_padding().values
        if max_length(batch.lengths) > self.steps:
            raise ValueError(
                f"a sequence has {max_length(batch.lengths)} steps; this encoder reads at most {self.steps}. "
                "Cut it into windows, or use a recurrent or convolutional encoder"
            )
        missing = self.steps - values.shape[1]  # negative if there is padding only, which may go
        if missing:  # torch copies what it pads by nothing
            values = F.pad(values, (0, 0, 0, missing))
        return self.layers(values.flatten(start_dim=1))


class MeanEncoder(Encoder):
    """The mean of the embedded steps, projected to the code: a baseline that ignores the order.

    Args:
        input_size: Length of the vector read at each step.
        code_size: Length of a code.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`.
    """

    def __init__(self, input_size: int, code_size: int, embed: nn.Module | None = None):
        super().__init__()
        self.input_size = input_size
        self.code_size = code_size
        self.embed = embed
        self.project = nn.Linear(input_size, code_size)

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return self.project(mean_over_time(embed_steps(batch, self.embed)))


class SegmentMeanEncoder(Encoder):
    """The mean hidden state of a recurrent layer in each of several segments of a sequence, one after the other.

    As features for a classifier they hold more than the code for which the layer was trained.

    Args:
        rnn: A recurrent layer, for example of a trained `RecurrentEncoder`, for vectors `(batch, time, input_size)`.
        num_segments: Segments of each sequence.
    """

    def __init__(self, rnn: RecurrentLayer, num_segments: int):
        super().__init__()
        self.rnn = rnn
        self.num_segments = num_segments
        self.code_size = rnn.output_size * num_segments

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return SegmentMeanPooling(self.num_segments)(self.rnn(batch))


class MeanMaxEncoder(Encoder):
    """The mean of the embedded steps, beside mean and maximum of a recurrent layer's hidden states.

    With few labels a classifier gains most from the means (see the recipe text_pretraining); the states hold the order.

    Args:
        rnn: A recurrent layer that reads the embedded steps.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None if they are such vectors.
    """

    def __init__(self, rnn: RecurrentLayer, embed: nn.Module | None = None):
        super().__init__()
        self.rnn = rnn
        self.embed = embed
        self.code_size = rnn.input_size + 2 * rnn.output_size

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        read = embed_steps(batch, self.embed).mask_padding()
        states = self.rnn(read)
        return torch.cat([mean_over_time(read), mean_over_time(states), max_over_time(states)], dim=1)


def embed_steps(batch: Batch, embed: nn.Module | None) -> Batch:
    """Return `embed` of each step, `(batch, time, *vector)`; the batch itself if it is None."""
    return batch if embed is None else batch.map(embed)


class NullEncoder(Encoder):
    """Codes of zeros for any input. A decoder that is trained with it is a language model.

    Mikolov et al. 2010, https://www.isca-archive.org/interspeech_2010/mikolov10_interspeech.html.

    Args:
        code_size: Length of a code.

    Raises:
        ValueError: `code_size` is below 1.
    """

    def __init__(self, code_size: int = 1):
        super().__init__()
        if code_size < 1:
            raise ValueError(f"code_size is {code_size}. Give at least 1")
        self.code_size = code_size

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given steps `(batch, time, *step)`."""
        return torch.zeros(len(batch), self.code_size, device=batch.values.device)
