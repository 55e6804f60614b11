"""Whether networks give numbers: each that is saved or loaded reads a tiny batch of the size that its layers declare.

What an encoder reads does not stand in one place: its first layers tell. Where none of what they may mean can be read,
nothing is known against the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from seqae.batch import Batch

FIRST_LAYERS = 4  # that may tell the size of a step
MAX_STEP = 65_536  # numbers of a step that are tried
LENGTHS = (2, 1)  # steps that are tried: some layers read no shorter ones, and some no longer ones
_SIZES = ("input_size", "in_features", "in_channels", "step_size")


def check_forward(model: nn.Module, forward: Callable[[Batch], Tensor]) -> None:
    """Raise a ValueError if a network in evaluation makes of a tiny batch what is no finite number.

    Args:
        model: The network that reads; one that is training is not tried, since its layers would keep what they read.
        forward: Returns what it makes of a batch, a tensor of any shape.

    Raises:
        ValueError: It makes NaN or infinity.
    """
    if any(part.training for part in model.modules()):
        return
    for batch in _likely_batches(model):
        try:
            with torch.inference_mode():
                found = forward(batch)
        except (RuntimeError, ValueError, IndexError, TypeError, AttributeError, AssertionError):
            continue  # it reads something else
        if found.is_floating_point() and not found.isfinite().all():
            raise ValueError(
                f"it makes NaN or infinity of {_what(batch)}: its weights are too large, or were changed. Train it "
                "again"
            )
        return


def _likely_batches(model: nn.Module) -> Iterator[Batch]:
    """Yield batches of one sequence that the first layers may read: ids 0 `(1, time)`, or ones `(1, time, size)`."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    if any(isinstance(part, nn.Embedding) for part in model.modules()):
        yield from (Batch.full(torch.zeros(1, time, dtype=torch.long, device=device)) for time in LENGTHS)
    for size in dict.fromkeys(_step_sizes(model)):
        yield from (Batch.full(torch.ones(1, time, size, device=device)) for time in LENGTHS)


def _step_sizes(model: nn.Module) -> Iterator[int]:
    """Yield how many numbers a step may have; an embedding of missing values makes two of each."""
    declared = (getattr(part, name, None) for part in model.modules() for name in _SIZES)
    for size in islice((each for each in declared if isinstance(each, int) and 0 < each <= MAX_STEP), FIRST_LAYERS):
        yield size
        if size % 2 == 0:
            yield size // 2


def _what(batch: Batch) -> str:
    shape = tuple(batch.values[0].shape)
    return f"{shape[0]} tokens" if len(shape) == 1 else f"a sequence of ones of shape {shape}"
