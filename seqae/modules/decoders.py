"""Decoders: from codes `(batch, code_size)` to sequences of any lengths."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.convolution import Convolutions
from seqae.modules.feedforward import mlp
from seqae.modules.positions import ResampledCode, positional_features
from seqae.modules.recurrent import LSTM, RecurrentLayer, State
from seqae.modules.soundness import CODE_SIZES, Shape, probe


class Decoder(nn.Module, ABC):
    """Turns each code into a sequence of a given length."""

    @abstractmethod
    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return a prediction for every step, `(batch, time, *prediction)`.

        Args:
            code: `(batch, code_size)`.
            lengths: `(batch,)` int64, the number of steps to write.
            targets: The true sequences, `(batch, time, *step)`. A decoder that reads its own output reads these
                instead (teacher forcing); the others ignore them.
        """

    def check_soundness(self, shape: Sequence[int] | None = None) -> Shape | None:
        """Raise a ValueError if predictions are no finite numbers, see `seqae.modules.soundness.probe`.

        Args:
            shape: How many steps it has written before, and the length of their code; None to look for them.
        """
        return probe(self, lambda batch: self(batch.values[:, 0], batch.lengths).steps, shape, CODE_SIZES)


class RepeatDecoder(Decoder):
    """A recurrent layer that reads the code at every step and nothing else.

    The unconditioned decoder of Srivastava et al. 2015, https://arxiv.org/abs/1502.04681.

    Args:
        rnn: A recurrent layer whose `input_size` is the length of a code.
        head: Turns hidden states `(steps, output_size)` into predictions `(steps, *prediction)`.
    """

    def __init__(self, rnn: RecurrentLayer, head: nn.Module):
        super().__init__()
        self.rnn = rnn
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        repeated = code.unsqueeze(1).expand(-1, max_length(lengths), -1)
        return self.rnn(Batch(repeated, lengths)).map(self.head)


class AutoregressiveDecoder(Decoder):
    """A recurrent layer that starts from the code and at each step reads the step before.

    Sutskever et al. 2014, https://arxiv.org/abs/1409.3215. Given targets it reads the true step before (teacher
    forcing), or with a probability its own output (scheduled sampling, Bengio et al. 2015,
    https://arxiv.org/abs/1506.03099); without targets it reads its own output throughout.

    >>> import torch
    >>> from torch import nn
    >>> from seqae import LSTM, AutoregressiveDecoder
    >>> decoder = AutoregressiveDecoder(code_size=4, rnn=LSTM(3, 8), head=nn.Linear(8, 3))
    >>> written = decoder(torch.zeros(2, 4), lengths=torch.tensor([5, 2]))
    >>> written.values.shape, written.lengths
    (torch.Size([2, 5, 3]), tensor([5, 2]))

    Tokens need `embed`, a head that writes logits, and `to_input`, which chooses a token:

    >>> from seqae.modules import Argmax
    >>> decoder = AutoregressiveDecoder(4, LSTM(6, 8), nn.Linear(8, 100), nn.Embedding(100, 6), to_input=Argmax())
    >>> decoder(torch.zeros(2, 4), torch.tensor([5, 2])).values.shape
    torch.Size([2, 5, 100])

    Args:
        code_size: Length of a code.
        rnn: A recurrent layer of one direction; its `input_size` is the length of an embedded step.
        head: Turns hidden states `(steps, hidden_size)` into predictions `(steps, *prediction)`.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None for readings.
        to_input: Turns predictions into steps, for example logits into the likeliest token; None if
            they are steps already.
        sampling_probability: Probability with which a step reads the decoder's own output in place of the target,
            while training. The task that trains it may raise it from epoch to epoch.
        condition_every_step: Whether `rnn` and `head` also read the code at every step, so that it is neither
            forgotten nor ignored (Dieng et al. 2019, https://arxiv.org/abs/1807.04863); a `ResampledCode` turns it
            into what it says of the step. What they read is then longer by `code_size`, or by its `size`.

    Raises:
        ValueError: `rnn` is bidirectional, or reads vectors too short to hold the code and a step.
    """

    def __init__(
        self,
        code_size: int,
        rnn: RecurrentLayer,
        head: nn.Module,
        embed: nn.Module | None = None,
        to_input: nn.Module | None = None,
        sampling_probability: float = 0.0,
        condition_every_step: bool | ResampledCode = False,
    ):
        super().__init__()
        if rnn.bidirectional:
            raise ValueError("a decoder that reads its own output can't read it backwards. Use bidirectional=False")
        at_steps = condition_every_step if isinstance(condition_every_step, ResampledCode) else None
        condition_size = code_size * bool(condition_every_step) if at_steps is None else at_steps.size
        step_size = rnn.input_size - condition_size
        if step_size < 1:
            raise ValueError(
                f"an rnn that reads vectors of {rnn.input_size}, of which the code takes {condition_size}. "
                "Give it an input_size that holds both step and code"
            )
        self.code_size = code_size
        self.rnn = rnn
        self.head = head
        self.embed = embed
        self.to_input = to_input
        self.sampling_probability = sampling_probability
        self.condition_every_step = condition_every_step
        self.code_to_state = nn.Linear(code_size, rnn.hidden_size)
        self.first_step = nn.Parameter(torch.zeros(step_size))  # read where there is no step before

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        state = self.rnn.initial_state(self.code_to_state(code).tanh())
        first = self.first_step.expand(len(code), -1)
        condition = self._conditions(code, lengths)
        probability = self.sampling_probability if self.training else 0.0
        if targets is not None and probability == 0.0:
            embedded = targets if self.embed is None else targets.map(self.embed)
            before = torch.cat([first.unsqueeze(1), embedded.values[:, : condition.shape[1] - 1]], dim=1)
            hidden = self.rnn(Batch(_joined(before, condition), lengths), state)
            return Batch(_joined(hidden.values, condition), lengths).map(self.head)
        if (
            targets is None
            and self._reads_predictions
            and isinstance(self.rnn, LSTM)
            and isinstance(self.head, nn.Linear)
        ):
            hidden = self.rnn.run_autoregressive(state, first, self.head, max_length(lengths))
            return Batch(hidden, lengths).map(self.head)
        return self._step_by_step(state, first, condition, lengths, targets, probability)

    def _conditions(self, code: Tensor, lengths: Tensor) -> Tensor:
        """Return what is read of the code at each step, `(batch, time, size)`; of size 0 if nothing is."""
        if isinstance(self.condition_every_step, ResampledCode):
            return self.condition_every_step(code, lengths)
        return code[:, None, : self.code_size * self.condition_every_step].expand(-1, max_length(lengths), -1)

    @property
    def _reads_predictions(self) -> bool:
        """Whether one layer reads the prediction as it is; with a linear head it is linear in the state before."""
        as_it_is = self.embed is None and self.to_input is None and not self.condition_every_step
        return as_it_is and self.rnn.num_layers == 1

    def _step_by_step(
        self,
        state: State,
        before: Tensor,
        condition: Tensor,
        lengths: Tensor,
        targets: Batch | None,
        probability: float,
    ) -> Batch:
        """Return the predictions of a loop over the steps.

        Args:
            state: Before the first step.
            before: The input of the first step, `(batch, step_size)`.
            condition: What is read beside each step, `(batch, time, size)`.
            lengths: `(batch,)`.
            targets: The true sequences, `(batch, time, *step)`, or None.
            probability: Probability of reading the own output where there is a true step.
        """
        # Indexing a tensor at each step makes the backward pass quadratic: unbind it once.
        truths = None if targets is None else targets.mask_padding().values.unbind(dim=1)
        predictions = []
        for time, beside in enumerate(condition.unbind(dim=1)):
            state = self.rnn.step(_joined(before, beside), state)
            prediction = self.head(_joined(state[-1][0], beside))
            predictions.append(prediction)
            step = prediction if self.to_input is None else self.to_input(prediction)
            if truths is not None:
                own = torch.rand(len(step), device=step.device) < probability
                own = own.reshape(-1, *[1] * (step.ndim - 1))
                step = torch.where(own, step, truths[time].to(step.dtype))
            before = step if self.embed is None else self.embed(step)
        return Batch(torch.stack(predictions, dim=1), lengths)


def _joined(vectors: Tensor, condition: Tensor) -> Tensor:
    """Return vectors followed by what is read beside them, if that is anything."""
    return torch.cat([vectors, condition], dim=-1) if condition.shape[-1] else vectors


class ConvDecoder(Decoder):
    """Convolutions over the code, repeated at every step beside the step's position in the sequence.

    Args:
        code_size: Length of a code.
        head: Turns vectors `(steps, channels[-1])` into predictions `(steps, *prediction)`.
        channels: Length of the vector written by each layer.
        kernel_size: Steps that a layer reads for each step that it writes.
        positional_frequencies: The number of periods of the positional features, see
            `seqae.modules.positional_features`.
    """

    def __init__(
        self,
        code_size: int,
        head: nn.Module,
        channels: Sequence[int] = (32, 32, 32),
        kernel_size: int = 3,
        positional_frequencies: int = 8,
    ):
        super().__init__()
        self.code_size = code_size
        self.head = head
        self.channels = tuple(channels)
        self.kernel_size = kernel_size
        self.positional_frequencies = positional_frequencies
        self.convolutions = Convolutions(code_size + 4 * positional_frequencies, channels, kernel_size)

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        positions = positional_features(lengths, max_length(lengths), self.positional_frequencies).to(code.dtype)
        repeated = code.unsqueeze(1).expand(-1, positions.shape[1], -1)
        return self.convolutions(Batch(torch.cat([repeated, positions], dim=-1), lengths)).map(self.head)


class DenseDecoder(Decoder):
    """Fully connected layers that write a window of a fixed number of steps, or one step (an image).

    Args:
        steps: The length of the longest sequence; of a shorter one the first steps are kept.
        output_size: Length of the prediction of a step.
        code_size: Length of a code.
        hidden_sizes: Length of each hidden vector; none makes the decoder linear.
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
        self.layers = mlp([code_size, *hidden_sizes, steps * output_size])

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`.

        Raises:
            ValueError: A length is above `steps`.
        """
        time = max_length(lengths)
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

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        step = self.head(code)
        return Batch(step.unsqueeze(1).expand(-1, max_length(lengths), *step.shape[1:]), lengths)


class ReversedDecoder(Decoder):
    """Another decoder that writes each sequence from its last step to its first.

    What was read last is written first, so that the distance from input to output is short (Srivastava et al. 2015,
    https://arxiv.org/abs/1502.04681). The prediction comes back in the order of the input.

    Args:
        decoder: The decoder that writes.
    """

    def __init__(self, decoder: Decoder):
        super().__init__()
        self.decoder = decoder

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        return self.decoder(code, lengths, None if targets is None else targets.reversed()).reversed()
