"""A memory that loses nothing: each step's vector at a place of its own in the code.

It is the linear recurrence `memory = shift(memory) + write(step)` with an orthogonal `shift`, which makes the longest
memory that a network of this size can have: as many numbers as it has units (White, Lee, Sompolinsky 2004,
https://arxiv.org/abs/cond-mat/0402452). The memory itself is not learnt, so what holds for short sequences holds for
all that fit; what the vectors say is up to the layers before and after.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.modules.recurrent import Recurrence


class Context(nn.Module):
    """What its neighbours tell about a step.

    Args:
        recurrence: Reads the sequence, best in both directions.
        width: Length of the vector written for each step.
        embed: Turns steps `(steps, *step)` into vectors `(steps, input_size)`; None for readings.
    """

    def __init__(self, recurrence: Recurrence, width: int, embed: nn.Module | None = None):
        super().__init__()
        self.recurrence = recurrence
        self.width = width
        self.embed = embed
        self.project = nn.Linear(recurrence.output_size, width)
        nn.init.normal_(self.project.weight, std=0.01)  # at first each step speaks for itself

    def forward(self, batch: Batch) -> Batch:
        """Return vectors, `(batch, time, width)`."""
        return self.recurrence(batch if self.embed is None else batch.map(self.embed)).map(self.project)


class DelayLineEncoder(Encoder):
    """The vectors of all steps side by side.

    Args:
        code_size: Length of a code; it holds `code_size // width` steps.
        width: Length of the vector of a step.
        embed: Turns steps `(steps, *step)` into vectors `(steps, width)`; None if they are.
        context: Is added to the vectors: it can fill in what damage took away. None if each step speaks for itself.
    """

    def __init__(self, code_size: int, width: int, embed: nn.Module | None = None, context: Context | None = None):
        super().__init__()
        self.code_size = code_size
        self.width = width
        self.embed = embed
        self.context = context

    def forward(self, batch: Batch) -> Tensor:
        places = _places(self.code_size, self.width, int(batch.lengths.max()))
        vectors = (batch if self.embed is None else batch.map(self.embed)).zero_padded().values
        if self.context is not None:
            vectors = vectors + self.context(batch).zero_padded().values
        line = vectors[:, :places].flatten(start_dim=1)  # beyond the places there is only padding
        return F.pad(line, (0, self.code_size - line.shape[1]))


class DelayLineDecoder(Decoder):
    """Reads each step's vector from its place in the code.

    Args:
        code_size: Length of a code; it holds `code_size // width` steps.
        width: Length of the vector of a step.
        head: Turns vectors `(steps, width)` into predictions `(steps, *prediction)`.
    """

    def __init__(self, code_size: int, width: int, head: nn.Module):
        super().__init__()
        self.code_size = code_size
        self.width = width
        self.head = head

    def forward(self, code: Tensor, lengths: Tensor, teacher: Batch | None = None) -> Batch:
        time = int(lengths.max())
        places = _places(self.code_size, self.width, time)
        line = code[:, : places * self.width].unflatten(1, (places, self.width))
        return Batch(line[:, :time], lengths).map(self.head)


def _places(code_size: int, width: int, time: int) -> int:
    """Return how many steps a code holds.

    Raises:
        ValueError: A sequence has more.
    """
    if time > code_size // width:
        raise ValueError(
            f"a sequence of {time} steps; a code of {code_size} numbers holds {code_size // width} of width {width}. "
            "Cut the sequence, or give a larger code_size or a smaller width"
        )
    return code_size // width
