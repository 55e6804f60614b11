"""Sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass(eq=False)  # not frozen: Lightning writes other precisions to a copy
class Batch:
    """Sequences padded at the end to a common length.

    A step is the value at one time: a token id `()`, a sensor reading `(channel,)`, a video frame
    `(channel, height, width)`. An image is a sequence of one step.

    >>> import torch
    >>> from seqae import Batch
    >>> batch = Batch.of([torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0])])
    >>> batch.values
    tensor([[1., 2., 3.],
            [4., 0., 0.]])
    >>> batch.lengths, batch.steps
    (tensor([3, 1]), tensor([1., 2., 3., 4.]))

    Functions of steps never see the padding:

    >>> batch.map(lambda steps: 10 * steps).unpad()
    [tensor([10., 20., 30.]), tensor([40.])]

    Attributes:
        values: `(batch, time, *step)`. The padding beyond a sequence's length is never read.
        lengths: `(batch,)` int64, the number of steps of each sequence, at least 1. They remember on the CPU what they
            are, see `on_host`: nothing has to wait for the device to tell it, and `torch.compile` need not ask.
    """

    values: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, sequences: Iterable[Tensor]) -> Batch:
        """Return a batch of sequences `(time, *step)`; the collate function for a DataLoader.

        Raises:
            ValueError: A sequence is empty, or its steps have another shape than the first one's.
        """
        sequences = list(sequences)
        if not sequences:
            raise ValueError("no sequences (an empty list). A batch needs at least one sequence")
        for index, sequence in enumerate(sequences):
            if len(sequence) == 0:
                raise ValueError(f"sequence {index} of {len(sequences)} is empty. Drop empty sequences first")
            if sequence.shape[1:] != sequences[0].shape[1:]:
                raise ValueError(
                    f"sequence {index} has steps of shape {tuple(sequence.shape[1:])}, sequence 0 of shape "
                    f"{tuple(sequences[0].shape[1:])}. All sequences of a batch need steps of one shape"
                )
        lengths = [len(sequence) for sequence in sequences]
        known = remember(torch.tensor(lengths, device="cpu"), Extent.of(min(lengths), max(lengths)))
        return cls(pad_sequence(sequences, batch_first=True), to_device(known, sequences[0].device))

    @classmethod
    def full(cls, values: Tensor) -> Batch:
        """Return a batch of sequences of one length, `(batch, time, *step)`, without padding."""
        batch, time = values.shape[:2]
        lengths = remember(torch.full((batch,), time, device="cpu"), Extent.of(time, time))
        return cls(values, to_device(lengths, values.device))

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.lengths)

    @property
    def mask(self) -> Tensor:
        """`(batch, time)` bool, True at steps, False at padding."""
        time = torch.arange(self.values.shape[1], device=self.values.device)
        return time < self.lengths.unsqueeze(1)

    @property
    def is_unpadded(self) -> bool:
        """True if there is no padding; False while torch exports, and where it compiles without knowing the lengths."""
        extent = extent_of(self.lengths)
        return extent is not None and extent.is_even and extent.longest == self.values.shape[1]

    @property
    def steps(self) -> Tensor:
        """The steps of all sequences in a row, `(sum of lengths, *step)`, without padding."""
        if self.is_unpadded:
            return self.values.flatten(0, 1)
        places = self._step_places()
        return self.values.flatten(0, 1).index_select(0, places)

    def with_steps(self, steps: Tensor) -> Batch:
        """Return sequences of the same lengths with other steps, `(sum of lengths, *step)`; the padding is zero."""
        if self.is_unpadded:
            return Batch(steps.unflatten(0, self.values.shape[:2]), self.lengths)
        (batch, time), places = self.values.shape[:2], self._step_places()
        values = steps.new_zeros(batch * time, *steps.shape[1:]).index_copy_(0, places, steps)
        return Batch(values.unflatten(0, (batch, time)), self.lengths)

    def map(self, function: Callable[[Tensor], Tensor]) -> Batch:
        """Return the batch with a function of `(steps, *step)` applied to all steps; padding never reaches it."""
        if is_exporting():  # how many steps there are is open: compute all places, and zero the padding on both sides
            values = function(self.mask_padding().values.flatten(0, 1)).unflatten(0, self.values.shape[:2])
            return Batch(values, self.lengths).mask_padding()
        return self.with_steps(function(self.steps))

    def mask_padding(self) -> Batch:
        """Return the same sequences, `(batch, time, *step)`, with zeros as padding, for layers that read neighbours."""
        if self.is_unpadded:
            return self
        mask = self.mask.reshape(*self.mask.shape, *[1] * (self.values.ndim - 2))
        return Batch(torch.where(mask, self.values, torch.zeros_like(self.values)), self.lengths)

    def reversed(self) -> Batch:
        """Return each sequence in reverse, `(batch, time, *step)`; the padding stays at the end."""
        time = torch.arange(self.values.shape[1], device=self.values.device)
        from_end = self.lengths.unsqueeze(1) - 1 - time
        index = torch.where(from_end >= 0, from_end, time)
        rows = torch.arange(self.values.shape[0], device=self.values.device).unsqueeze(1)
        return Batch(self.values[rows, index], self.lengths)

    def unpad(self) -> list[Tensor]:
        """Return the sequences, each of its own length, `(time, *step)`."""
        return [row[:length] for row, length in zip(self.values, on_host(self.lengths).tolist())]

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch `(batch, time, *step)` on another device."""
        return Batch(moved(self.values, device), to_device(self.lengths, device))

    def pin_memory(self) -> Batch:
        """Return the batch `(batch, time, *step)` in memory from which a GPU copies while it computes."""
        return Batch(self.values.pin_memory(), self.lengths.pin_memory())

    def _step_places(self) -> Tensor:
        """Return where the steps lie among all places, padding included, `(sum of lengths,)`."""
        known = _known(self.lengths)
        if known is not None and known.places is not None and max_length(self.lengths) == self.values.shape[1]:
            return known.places
        return _places(on_host(self.lengths), self.values.shape[1], self.values.device)


class Extent(NamedTuple):
    """The shortest and the longest of several lengths, and whether all are the same."""

    shortest: int
    longest: int
    is_even: bool  # told apart, since torch.compile makes a graph for each answer, but not for each length

    @classmethod
    def of(cls, shortest: int, longest: int) -> Extent:
        return cls(shortest, longest, shortest == longest)


class _Known:
    """What lengths remember on the CPU, as attributes of the tensor. A copy of the tensor remembers nothing.

    Attributes:
        host: The lengths on the CPU; None if they are there.
        version: How often the tensor had been written to when it was asked.
        extent: That of the lengths; None if nobody has asked.
        places: Where steps lie among `batch * longest` places, on the device of the lengths, `(sum of lengths,)`; None
            if there is no padding, or nobody has asked.
    """

    def __init__(self, host: Tensor | None, version: int):
        self.host = host
        self.version = version
        self.extent: Extent | None = None
        self.places: Tensor | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(None), ()


def remember(lengths: Tensor, extent: Extent | None = None) -> Tensor:
    """Let lengths `(batch,)` remember all that `torch.compile` would have to ask them, and return them.

    Args:
        lengths: `(batch,)`.
        extent: That of the lengths; None to look for it.
    """
    if torch.compiler.is_compiling() or lengths.is_inference():  # torch counts no writes to inference tensors
        return lengths
    known = _known(lengths) or _Known(None, _version(lengths))
    lengths._known = known  # type: ignore[attr-defined]
    known.extent = extent or extent_of(lengths)
    if known.places is None and known.extent is not None and not known.extent.is_even:
        known.places = _places(on_host(lengths), known.extent.longest, lengths.device)
    return lengths


def moved(tensor: Tensor, device: torch.device | str) -> Tensor:
    """Return a tensor on another device; a GPU copies it from the CPU while the program goes on."""
    return tensor.to(device, non_blocking=tensor.is_cpu and torch.device(device).type == "cuda")


def to_device(lengths: Tensor, device: torch.device | str) -> Tensor:
    """Return lengths `(batch,)`, or other small integers, on a device, where `on_host` still knows them."""
    found = moved(lengths, device)
    if not (found is lengths or found.is_cpu or torch.compiler.is_compiling()):
        known, before = _Known(on_host(lengths), _version(found)), _known(lengths)
        if before is not None:
            known.extent = before.extent
            known.places = None if before.places is None else moved(before.places, device)
        found._known = known  # type: ignore[attr-defined]
    return found


def on_host(lengths: Tensor) -> Tensor:
    """Return lengths `(batch,)`, or other small integers, on the CPU.

    Those that a batch brought to their device, and those that were asked for before, wait for no device: the tensor
    remembers them until it is written to.
    """
    if lengths.is_cpu:
        return lengths
    known = _known(lengths)
    return lengths if known is None or known.host is None else known.host


def extent_of(lengths: Tensor) -> Extent | None:
    """Return the number of steps of the shortest and of the longest sequence, given lengths `(batch,)`.

    None if they do not remember it and torch exports or compiles, so that they can't be asked.
    """
    known = _known(lengths)
    if known is not None and known.extent is not None:
        return known.extent
    if torch.compiler.is_compiling():
        return None
    shortest, longest = on_host(lengths).aminmax()
    extent = Extent.of(int(shortest), int(longest))
    if known is not None:
        known.extent = extent
    return extent


def _known(lengths: Tensor) -> _Known | None:
    """Return what lengths remember; those of another device than the CPU do, unless torch exports or compiles."""
    known = getattr(lengths, "_known", None)
    if is_exporting():  # for all lengths
        return None
    if torch.compiler.is_compiling():  # which can't ask how often they were written to
        return known
    if known is not None and known.version == _version(lengths):
        return known
    if lengths.is_cpu:
        return None
    known = lengths._known = _Known(lengths.cpu(), _version(lengths))  # type: ignore[attr-defined]
    return known


def places_of(mask: Tensor, device: torch.device | str) -> Tensor:
    """Return where a mask on the CPU, `(batch, time)`, is True in the flattened values of a device, `(places,)`."""
    return moved(mask.flatten().nonzero().squeeze(1), device)


def _places(lengths: Tensor, time: int, device: torch.device) -> Tensor:
    """Return where the steps of sequences lie among `batch * time` places, given lengths on the CPU, `(batch,)`."""
    return places_of(torch.arange(time, device=lengths.device) < lengths.unsqueeze(1), device)


def max_length(lengths: Tensor) -> int:
    """Return the number of steps of the longest sequence, given lengths `(batch,)`."""
    extent = extent_of(lengths)
    return int(lengths.max()) if extent is None else extent.longest


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def is_exporting() -> bool:
    """Return whether `torch.export` records the computation, for any batch and lengths.

    Raises:
        RuntimeError: `torch.jit.trace` does, which keeps the batch size and lengths of its example for good.
    """
    if torch.jit.is_tracing():
        raise RuntimeError(
            "torch.jit.trace (and torch.onnx.export with dynamo=False) would freeze batch size and lengths of the "
            "example. Use seqae.export.to_onnx, or torch.export.export with seqae.export.TensorEncoder"
        )
    return torch.compiler.is_exporting()
