"""Whether networks give numbers: each that is saved or loaded reads a tiny batch.

What a network reads does not stand in one place. As it is saved, its layers tell sizes that it may read; which one it
did read is saved beside it, and must still be read when it is loaded. Where none of them can be read, nothing is known
against the network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, product
from typing import Any

import torch
from torch import Tensor, nn

from seqae._files import reason
from seqae.batch import Batch

Shape = tuple[int, ...]  # of a sequence, (time, *step); (time,) of tokens

FIRST_LAYERS = 4  # that may tell the size of a step
MAX_STEP = 65_536  # numbers of a step that are tried
MAX_CHANNELS, MAX_SIDE = 16, 64  # of a square image that is tried
LENGTHS = (2, 1)  # steps that are tried: some layers read no shorter ones, and some no longer ones
STEP_SIZES = ("input_size", "in_features", "in_channels", "step_size")
CODE_SIZES = ("code_size", *STEP_SIZES)
# What a network may say to what it does not read.
UNREADABLE = (RuntimeError, ValueError, IndexError, TypeError, AttributeError, AssertionError, ZeroDivisionError)


def probe(
    model: nn.Module,
    forward: Callable[[Batch], Tensor],
    shape: Sequence[int] | None = None,
    names: Sequence[str] = STEP_SIZES,
    others: Iterable[Shape] = (),
) -> Shape | None:
    """Let a network read one tiny sequence of ones, or of tokens 0.

    Args:
        model: The network that reads, in evaluation.
        forward: Returns what it makes of a batch, a tensor of any shape.
        shape: Of the sequence that it has read before, `(time, *step)`; None to look for one.
        names: The attributes of its layers that tell how many numbers a step may have.
        others: Shapes that are tried, too, before images.

    Returns:
        The shape that it has read; None if it has read nothing.

    Raises:
        ValueError: It makes NaN or infinity, does not read the given shape, or writes vectors of another size than it
            tells.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    error: Exception | None = None
    likely = [_checked(shape)] if shape is not None else chain(_likely_shapes(model, names), others, _images(model))
    for each in likely:
        values = torch.ones(1, *each, device=device)
        try:
            found = forward(Batch.full(values if len(each) > 1 else values.long() - 1))
        except WrongSizeError as wrong:  # an image of another size has a code of another size
            error = wrong if len(each) < 3 else error
        except UNREADABLE as unreadable:
            error = error or unreadable
        else:
            if found.is_floating_point() and not found.isfinite().all():
                raise ValueError(
                    f"it makes NaN or infinity of {_what(each)}: its weights are too large, or were changed. Train it "
                    "again"
                )
            return each
    if isinstance(error, WrongSizeError):
        raise error
    if shape is not None:
        raise ValueError(
            f"it does not read {_what(tuple(shape))}, as it did when it was saved ({reason(error or ValueError())}). "
            "Save it again"
        )
    return None


class WrongSizeError(ValueError):
    """A network writes vectors of another size than it tells."""


def require_size(vectors: Tensor, model: nn.Module, name: str = "code_size") -> Tensor:
    """Return vectors `(vector, size)` that a network has written, if the size is what the attribute of a name tells.

    Raises:
        ValueError: They are no vectors.
        WrongSizeError: They are of another size.
    """
    if vectors.ndim != 2:
        raise ValueError(f"it writes an array of shape {tuple(vectors.shape)} in place of vectors")
    if vectors.shape[1] != getattr(model, name):
        raise WrongSizeError(f"{name} is {getattr(model, name)}. Expected {vectors.shape[1]}, the size that it writes")
    return vectors


def _checked(shape: Sequence[int]) -> Shape:
    """Return a shape that a file tells.

    Raises:
        ValueError: It is of no small sequence.
    """
    is_shape = isinstance(shape, list | tuple) and all(type(size) is int and size > 0 for size in shape)
    if not is_shape or not shape or math.prod(shape) > LENGTHS[0] * MAX_STEP:
        raise ValueError(f"it is said to read a sequence of shape {str(shape)[:60]}. Expected (time, *step)")
    return tuple(shape)


def _likely_shapes(model: nn.Module, names: Sequence[str]) -> Iterator[Shape]:
    """Yield the shapes of sequences that the first layers may read."""
    if any(isinstance(part, nn.Embedding) for part in model.modules()):
        yield from ((time,) for time in LENGTHS)
    for size in dict.fromkeys(_step_sizes(model, names)):
        yield from ((time, size) for time in LENGTHS)


def _step_sizes(model: nn.Module, names: Sequence[str]) -> Iterator[int]:
    """Yield how many numbers a step may have; an embedding of missing values makes two of each."""
    declared = (size for part in model.modules() for size in _declared(part, names))
    for size in islice((each for each in declared if isinstance(each, int) and 0 < each <= MAX_STEP), FIRST_LAYERS):
        yield size
        if size % 2 == 0:
            yield size // 2


def _declared(part: nn.Module, names: Sequence[str]) -> Iterator[object]:
    if isinstance(part, nn.Unflatten):
        yield math.prod(size for size in part.unflattened_size if isinstance(size, int))
    yield from (getattr(part, name, None) for name in names)


def _images(model: nn.Module) -> Iterator[Shape]:
    """Yield the shapes of images, of the declared size and of squares, that layers for images may read."""
    read = dict.fromkeys(part.in_channels for part in model.modules() if isinstance(part, nn.Conv2d))
    sizes: list[tuple[Any, Any]] = [(side, side) for side in range(1, MAX_SIDE + 1)]
    if hasattr(model, "height") and hasattr(model, "width"):
        sizes.insert(0, (model.height, model.width))
    for channels, size in product((each for each in read if each <= MAX_CHANNELS), sizes):
        yield from ((time, channels, *size) for time in LENGTHS)


def _what(shape: Shape) -> str:
    return f"{shape[0]} tokens" if len(shape) == 1 else f"a sequence of ones of shape {shape}"
