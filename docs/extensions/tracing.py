"""What a model does with a batch: which modules run, in which order, and the shapes of what they write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass

import torch
from torch import Tensor, nn

from seqae import Batch


@dataclass
class Call:
    """A module that ran.

    Attributes:
        path: Where it is in the model, for example "encoder.project".
        module: The module.
        output: The shape of what it wrote, with words for batch, time and steps.
        size: How many values it wrote for a sequence, or for a step if it writes one step after the other.
        times: How often it ran in a row.
    """

    path: str
    module: nn.Module
    output: str
    size: int
    times: int = 1

    @property
    def parameters(self) -> int:
        """How many numbers of it are learnt."""
        return sum(parameter.numel() for parameter in self.module.parameters())


class Shapes:
    """Puts shapes into words, given the batch that the model reads.

    Args:
        batch: Its numbers of sequences, of steps in all, and of time steps have to be unlike any other length. For
            images, sequences of one step, no steps are told from the batch.
    """

    def __init__(self, batch: Batch):
        self.sequences = len(batch)
        self.first = {int(batch.lengths.sum()): "steps", len(batch): "batch"}
        time = int(batch.lengths.max())
        self.other = {time: "time"} if time > 1 else {}

    def words(self, tensor: Tensor) -> str:
        """Return the shape, for example "(batch, time, 32)"."""
        shape = list(tensor.shape)
        named = [self.first.get(length, self.other.get(length, str(length))) for length in shape[:1]]
        named += [self.other.get(length, str(length)) for length in shape[1:]]
        return f"({', '.join(named)}{',' if len(named) == 1 else ''})"

    def size(self, tensor: Tensor) -> int:
        """Return how many values there are for a sequence."""
        return max(1, tensor.numel() // self.sequences)


def trace(model: nn.Module, batch: Batch) -> list[Call]:
    """Return all modules that run while a model trains on a batch, in the order in which they end."""
    shapes, calls = Shapes(batch), []

    def note(path: str, module: nn.Module, output: object) -> None:
        tensor = next(tensors(output), None)
        if tensor is None:
            return
        call = Call(path, module, shapes.words(tensor), shapes.size(tensor))
        if calls and calls[-1].path == path:
            calls[-1].times += 1
        else:
            calls.append(call)

    def hook(path: str) -> Callable[[nn.Module, object, object], None]:
        return lambda module, inputs, output: note(path, module, output)

    handles = [module.register_forward_hook(hook(path)) for path, module in model.named_modules()]
    try:
        with torch.no_grad():
            model.train()(batch, batch)
    finally:
        for handle in handles:
            handle.remove()
    return calls


def leaves(calls: list[Call]) -> list[Call]:
    """Return the calls of modules inside which no other module ran, except the model itself."""
    paths = [call.path for call in calls]
    return [call for call in calls if call.path and not any(path.startswith(f"{call.path}.") for path in paths)]


def tensors(output: object) -> Iterator[Tensor]:
    """Yield the tensors in what a module returned."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, Batch):
        yield output.values
    elif isinstance(output, (tuple, list)):
        for part in output:
            yield from tensors(part)
    elif is_dataclass(output):
        for part in fields(output):
            yield from tensors(getattr(output, part.name))
