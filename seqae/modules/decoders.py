"""Decoders: codes in, sequences out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.convolution import Convolutions
from seqae.modules.dense import dense
from seqae.modules.recurrent import LSTM, Recurrence


class Decoder(nn.Module, ABC):
    """Turns each code into a sequence of a given length."""

    @abstractmethod
    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        """Return a prediction for every step.

        Args:
            code: `(batch, code_size)`.
            lengths: `(batch,)`, the number of steps to write.
            teacher: The true sequences. A decoder that reads its own output reads these
                instead (teacher forcing); the others ignore them.
        """


class RepeatDecoder(Decoder):
    """A recurrence that reads the code at every step and nothing else.

    The unconditioned decoder of Srivastava et al. 2015, https://arxiv.org/abs/1502.04681.

    Args:
        recurrence: Its `input_size` is the length of a code.
        head: Turns hidden states `(steps, output_size)` into predictions `(steps, *prediction)`.
    """

    def __init__(self, recurrence: Recurrence, head: nn.Module):
        super().__init__()
        self.recurrence = recurrence
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        repeated = code.unsqueeze(1).expand(-1, int(lengths.max()), -1)
        return self.recurrence(Batch(repeated, lengths)).map(self.head)


class FeedbackDecoder(Decoder):
    """A recurrence that starts from the code and at each step reads the step before.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215. With a teacher it reads the true step
    before, except for a share of the steps at which it reads its own (scheduled sampling, Bengio et
    al. 2015, https://arxiv.org/abs/1506.03099); without one it reads its own output throughout.

    Args:
        code_size: Length of a code.
        recurrence: One direction; its `input_size` is the length of an embedded step.
        head: Turns hidden states `(steps, hidden_size)` into predictions `(steps, *prediction)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None for readings.
        choose: Turns predictions into steps, for example logits into the likeliest token; None if
            they are steps already.
        own_share: The share of steps at which it does not believe its teacher, while training. The
            task that trains it may raise it from epoch to epoch.
        rereads: Whether recurrence and head read the code, too, at every step, so that it is neither forgotten nor
            ignored (Dieng et al. 2019, https://arxiv.org/abs/1807.04863). What they read is then longer by `code_size`.
    """

    def __init__(
        self,
        code_size: int,
        recurrence: Recurrence,
        head: nn.Module,
        embed: nn.Module | None = None,
        choose: nn.Module | None = None,
        own_share: float = 0.0,
        rereads: bool = False,
    ):
        super().__init__()
        if recurrence.bidirectional:
            raise ValueError("a decoder that reads its own output can't read it backwards. Use bidirectional=False")
        step_size = recurrence.input_size - code_size * rereads
        if step_size < 1:
            raise ValueError(
                f"a recurrence that reads {recurrence.input_size} numbers, of which the code takes {code_size}. "
                "Give it an input_size that holds both step and code"
            )
        self.code_size = code_size
        self.recurrence = recurrence
        self.head = head
        self.embed = embed
        self.choose = choose
        self.own_share = own_share
        self.rereads = rereads
        self.start = nn.Linear(code_size, recurrence.hidden_size)
        self.first = nn.Parameter(torch.zeros(step_size))  # read at the first step

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        state = self.recurrence.start(self.start(code).tanh())
        first = self.first.expand(len(code), -1)
        own_share = self.own_share if self.training else 0.0
        if teacher is not None and own_share == 0.0:
            embedded = teacher if self.embed is None else teacher.map(self.embed)
            before = torch.cat([first.unsqueeze(1), embedded.values[:, :-1]], dim=1)
            hidden = self.recurrence(Batch(self._beside_code(before, code), lengths), state)
            return Batch(self._beside_code(hidden.values, code), lengths).map(self.head)
        if teacher is None and self._is_linear:
            hidden = self.recurrence.read_own_output(state, first, self.head, int(lengths.max()))
            return Batch(hidden, lengths).map(self.head)
        return self._step_by_step(state, first, code, lengths, teacher, own_share)

    def _beside_code(self, vectors: Tensor, code: Tensor) -> Tensor:
        """Return vectors `(batch, time, size)` followed by the code, if it is read again."""
        if not self.rereads:
            return vectors
        return torch.cat([vectors, code.unsqueeze(1).expand(-1, vectors.shape[1], -1)], dim=-1)

    @property
    def _is_linear(self) -> bool:
        """Whether the way from a hidden state to what the next step reads is one linear layer."""
        simple = self.embed is None and self.choose is None and not self.rereads and isinstance(self.head, nn.Linear)
        return simple and isinstance(self.recurrence, LSTM) and self.recurrence.layers == 1

    def _step_by_step(
        self, state, before: Tensor, code: Tensor, lengths: Tensor, teacher: Batch | None, own_share: float
    ) -> Batch:
        # Indexing a tensor at each step makes the backward pass quadratic: unbind it once.
        truths = None if teacher is None else teacher.zero_padded().values.unbind(dim=1)
        predictions = []
        for time in range(int(lengths.max())):
            state = self.recurrence.step(self._beside_code(before.unsqueeze(1), code)[:, 0], state)
            prediction = self.head(self._beside_code(state[-1][0].unsqueeze(1), code)[:, 0])
            predictions.append(prediction)
            step = prediction if self.choose is None else self.choose(prediction)
            if truths is not None:
                own = torch.rand(len(step), device=step.device) < own_share
                own = own.reshape(-1, *[1] * (step.ndim - 1))
                step = torch.where(own, step, truths[time].to(step.dtype))
            before = step if self.embed is None else self.embed(step)
        return Batch(torch.stack(predictions, dim=1), lengths)


class ConvDecoder(Decoder):
    """Convolutions over the code repeated at every step, with the step's place in the sequence beside it.

    Args:
        code_size: Length of a code.
        head: Turns vectors `(steps, channels[-1])` into predictions `(steps, *prediction)`.
        channels: Length of the vector written by each layer.
        kernel_size: Steps that a layer looks at.
        waves: Sine and cosine pairs that tell where a step stands, counted from both ends.
    """

    def __init__(
        self,
        code_size: int,
        head: nn.Module,
        channels: Sequence[int] = (32, 32, 32),
        kernel_size: int = 3,
        waves: int = 8,
    ):
        super().__init__()
        self.code_size = code_size
        self.head = head
        self.channels = tuple(channels)
        self.kernel_size = kernel_size
        self.waves = waves
        self.convolutions = Convolutions(code_size + 4 * waves, channels, kernel_size)

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        time = torch.arange(int(lengths.max()), device=code.device)
        to_end = lengths.unsqueeze(1) - 1 - time
        places = torch.cat([self._place(time.expand_as(to_end)), self._place(to_end)], dim=-1).to(code.dtype)
        repeated = code.unsqueeze(1).expand(-1, len(time), -1)
        return self.convolutions(Batch(torch.cat([repeated, places], dim=-1), lengths)).map(self.head)

    def _place(self, steps: Tensor) -> Tensor:
        """Return `(batch, time, 2 * waves)`: waves with periods of 4 steps and more (Vaswani et al. 2017)."""
        periods = 4.0 * 2.0 ** torch.arange(self.waves, device=steps.device)
        angles = 2 * math.pi * steps.unsqueeze(-1) / periods
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


class DenseDecoder(Decoder):
    """Fully connected layers that write a window of a fixed number of steps, or one step (an image).

    Args:
        steps: The most steps that a sequence may have; of a shorter one the first are kept.
        output_size: Length of the prediction of a step.
        code_size: Length of a code.
        hidden_sizes: Length of the vector between layers; none makes the decoder linear.
        head: Turns vectors `(steps, output_size)` into predictions, for example `nn.Unflatten`.
    """

    def __init__(
        self,
        steps: int,
        output_size: int,
        code_size: int,
        hidden_sizes: Sequence[int] = (128,),
        head: nn.Module | None = None,
    ):
        super().__init__()
        self.steps = steps
        self.output_size = output_size
        self.code_size = code_size
        self.hidden_sizes = tuple(hidden_sizes)
        self.head = head
        self.layers = dense([code_size, *hidden_sizes, steps * output_size])

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        time = int(lengths.max())
        if time > self.steps:
            raise ValueError(f"asked for {time} steps; this decoder writes at most {self.steps}")
        written = Batch(self.layers(code).unflatten(1, (self.steps, self.output_size))[:, :time], lengths)
        return written if self.head is None else written.map(self.head)


class ConstantDecoder(Decoder):
    """The same prediction at every step of a sequence: a baseline.

    Args:
        head: Turns codes `(batch, code_size)` into predictions `(batch, *prediction)`.
    """

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        step = self.head(code)
        return Batch(step.unsqueeze(1).expand(-1, int(lengths.max()), *step.shape[1:]), lengths)


class BackwardsDecoder(Decoder):
    """Lets another decoder write each sequence from its last step to its first.

    What was read last is written first, which makes the way from input to output short (Sutskever
    et al. 2014). The prediction comes back in the order of the input.

    Args:
        decoder: The decoder that writes.
    """

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        return self.decoder(code, lengths, None if teacher is None else teacher.reversed()).reversed()
