"""Recurrent layers and encoders that read one sequence as it arrives, step by step, and carry their state."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from math import log
from typing import cast

import numpy as np
import torch
from torch import Tensor

from seqae.modules.encoders import RecurrentEncoder
from seqae.modules.native.layer import Weights
from seqae.modules.native.stream import NativeStream
from seqae.modules.recurrent import LSTM, RecurrentLayer, State


class RecurrentStream:
    """Reads one sequence step by step; the hidden states equal those of the whole sequence.

    A step takes microseconds on a CPU, see `seqae.modules.native`, and as long after a million steps as after one.

    >>> import numpy as np
    >>> from seqae.modules import LSTM, RecurrentStream
    >>> stream = RecurrentStream(LSTM(input_size=3, hidden_size=8))
    >>> [stream.push(step).shape for step in np.zeros((2, 3))]
    [(8,), (8,)]

    Args:
        rnn: Layers that read in one direction. They are copied: training them further changes nothing here.

    Raises:
        ValueError: The layers read in both directions, so that each state depends on steps to come.
    """

    def __init__(self, rnn: RecurrentLayer):
        if rnn.bidirectional:
            raise ValueError(
                "these layers read in both directions, and steps to come are not known. Give bidirectional=False"
            )
        self.rnn = copy.deepcopy(rnn).eval().requires_grad_(False)
        weights = [cast("Weights", tuple(layer.parameters())) for layer in self.rnn.forward_layers]
        self._native = NativeStream.of("lstm" if isinstance(rnn, LSTM) else "gru", weights)
        self._state: State = []  # where there is no kernel
        self.reset()

    def reset(self) -> None:
        """Begin another sequence."""
        nothing = np.zeros((self.rnn.num_layers, self.rnn.hidden_size), np.float32)
        self.restore({"hidden": nothing, "memory": nothing})

    def push(self, step: np.ndarray) -> np.ndarray:
        """Read one step, `(input_size,)`, and return the last layer's hidden state, `(hidden_size,)`.

        Raises:
            ValueError: The step has another shape, or a number in it is not finite; nothing has changed then.
        """
        if step.shape != (self.rnn.input_size,):
            raise ValueError(f"a step of shape {step.shape}. These layers read steps of shape ({self.rnn.input_size},)")
        hidden = self._push_by_torch(step) if self._native is None else self._native.push(step)
        if hidden is None:
            place = int(self._tensor(step)[0].isfinite().long().argmin())
            raise ValueError(
                f"number {place} of a step is {step[place]}, and would stay in the state for good. "
                "Fill in what is missing, and correct what is infinite"
            )
        return hidden

    def state(self) -> dict[str, np.ndarray]:
        """Return the state, "hidden" and "memory" (the cells of an LSTM), `(layer, hidden_size)` each."""
        if self._native is not None:
            return {"hidden": self._native.hidden, "memory": self._native.memory}
        hidden, memory = ([layer[part][0].cpu().numpy() for layer in self._state] for part in (0, -1))
        return {"hidden": np.stack(hidden), "memory": np.stack(memory)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError: It is of layers of another size.
        """
        hidden, memory = state["hidden"], state["memory"]
        expected = self.rnn.num_layers, self.rnn.hidden_size
        if not hidden.shape == memory.shape == expected:
            raise ValueError(f"states of shape {hidden.shape} and {memory.shape}. These layers have {expected}")
        if self._native is not None:
            self._native.set_state(hidden, memory)
            return
        parts = (hidden, memory) if isinstance(self.rnn, LSTM) else (hidden,)
        self._state = [tuple(self._tensor(part[number]) for part in parts) for number in range(len(hidden))]

    def _push_by_torch(self, step: np.ndarray) -> np.ndarray | None:
        vector = self._tensor(step)
        if not vector.isfinite().all():
            return None
        with torch.inference_mode():
            self._state = self.rnn.step(vector, self._state)
        return self._state[-1][0][0].cpu().numpy().copy()

    def _tensor(self, vector: np.ndarray) -> Tensor:
        """Return a vector as the layers' numbers are, `(1, size)`."""
        return torch.from_numpy(np.array(vector, np.float64)).to(next(self.rnn.parameters()))[None]


class EncoderStream:
    """The code of a sequence so far, after each of its steps: what the encoder says of the steps up to this one.

    >>> import numpy as np
    >>> from seqae.modules import LSTM, EncoderStream, RecurrentEncoder
    >>> stream = EncoderStream(RecurrentEncoder(LSTM(input_size=3, hidden_size=8), code_size=4))
    >>> stream.push(np.zeros(3)).shape
    (4,)

    Args:
        encoder: An encoder whose layers read in one direction, and whose code is made of their last state. It is
            copied: training it further changes nothing here.

    Raises:
        ValueError: The encoder reads in both directions, or pools the states of all steps.
    """

    def __init__(self, encoder: RecurrentEncoder):
        if encoder.pool is not None:
            raise ValueError("this encoder pools the states of all steps, which a stream does not keep. Give pool=None")
        self.recurrence = RecurrentStream(encoder.rnn)
        self.steps = 0  # that were read
        self._embed = copy.deepcopy(encoder.embed)
        if self._embed is not None:
            self._embed.eval().requires_grad_(False)
        self._reads_length = encoder.reads_length
        self._weight, self._bias = (part.detach().cpu().numpy().copy() for part in encoder.project.parameters())

    def reset(self) -> None:
        """Begin another sequence."""
        self.steps = 0
        self.recurrence.reset()

    def push(self, step: np.ndarray) -> np.ndarray:
        """Read one step of the encoder's shape, and return the code, `(code_size,)`.

        Raises:
            ValueError: The step has another shape, or what the layers read of it is not finite; nothing has changed
                then.
        """
        hidden = self.recurrence.push(step if self._embed is None else self._embedded(self._embed, step))
        self.steps += 1
        if self._reads_length:
            hidden = np.append(hidden, hidden.dtype.type(log(self.steps)))
        return self._weight @ hidden + self._bias

    def state(self) -> dict[str, np.ndarray]:
        """Return the state: that of the layers, and how many "steps" were read, `()`."""
        return self.recurrence.state() | {"steps": np.array(self.steps)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError: It is of layers of another size.
        """
        self.recurrence.restore(state)
        self.steps = int(state["steps"])

    def _embedded(self, embed: torch.nn.Module, step: np.ndarray) -> np.ndarray:
        steps = torch.as_tensor(step)[None]
        if steps.is_floating_point():
            steps = steps.to(torch.from_numpy(self._bias).dtype)
        with torch.inference_mode():
            return embed(steps.to(next(self.recurrence.rnn.parameters()).device))[0].cpu().numpy()
