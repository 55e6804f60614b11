"""Sequences of different lengths in one tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

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
        lengths: `(batch,)` int64, the number of steps of each sequence, at least 1.
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
        lengths = torch.tensor([len(sequence) for sequence in sequences], device=sequences[0].device)
        return cls(pad_sequence(sequences, batch_first=True), lengths)

    @classmethod
    def full(cls, values: Tensor) -> Batch:
        """Return a batch of sequences of one length, `(batch, time, *step)`, without padding."""
        return cls(values, torch.full(values.shape[:1], values.shape[1], device=values.device))

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
        """True if there is no padding; False while torch exports or compiles, which can't look at lengths."""
        if is_exporting() or torch.compiler.is_compiling():
            return False
        return int(self.lengths.min()) == self.values.shape[1]

    @property
    def steps(self) -> Tensor:
        """The steps of all sequences in a row, `(sum of lengths, *step)`, without padding."""
        return self.values.flatten(0, 1) if self.is_unpadded else self.values[self.mask]

    def with_steps(self, steps: Tensor) -> Batch:
        """Return sequences of the same lengths with other steps, `(sum of lengths, *step)`; the padding is zero."""
        if self.is_unpadded:
            return Batch(steps.unflatten(0, self.values.shape[:2]), self.lengths)
        mask = self.mask
        values = steps.new_zeros(*mask.shape, *steps.shape[1:])
        values[mask] = steps
        return Batch(values, self.lengths)

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
        return [row[:length] for row, length in zip(self.values, self.lengths.tolist())]

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch `(batch, time, *step)` on another device."""
        return Batch(self.values.to(device), self.lengths.to(device))


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
