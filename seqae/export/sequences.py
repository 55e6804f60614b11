"""What `Batch` does, as nodes of a graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqae.export.graph import Graph

INT = np.int64


@dataclass(frozen=True, eq=False)
class Lengths:
    """Names of what is known of the lengths of a batch.

    Attributes:
        values: `(batch,)` int64, the steps of each sequence.
        mask: `(batch, time)` bool, True at steps, False at padding.
        batch: `(1,)` int64, the number of sequences.
        time: `(1,)` int64, the number of steps with the padding.
    """

    values: str
    mask: str
    batch: str
    time: str

    def steps(self, graph: Graph) -> str:
        """Return 0, 1, ... up to the padded number of steps, `(time,)` int64."""
        return graph.node("Range", INT(0), scalar(graph, self.time), INT(1))


@dataclass(frozen=True, eq=False)
class Sequences:
    """Names of the parts of a batch.

    Attributes:
        values: `(batch, time, *step)`.
        lengths: Their lengths.
    """

    values: str
    lengths: Lengths

    def with_values(self, values: str) -> Sequences:
        """Return sequences of the same lengths with other values, `(batch, time, *step)`."""
        return replace(self, values=values)


def read_lengths(graph: Graph, given: str, batch: str, time: str | None, limit: int | None) -> Lengths:
    """Return lengths, checked when the graph runs: below 1, or above the number of steps, a node finds no index.

    Args:
        graph: The graph to add to.
        given: `(batch,)` int64.
        batch: The number of sequences, `(1,)`.
        time: The padded number of steps, `(1,)`; None for the largest length.
        limit: The largest length that the model takes, None without such a limit.
    """
    lengths = graph.node("Reshape", given, batch)  # fails for another number of lengths than of sequences
    time = time or graph.node("ReduceMax", lengths, axes=[0], keepdims=1)
    most = time if limit is None else graph.node("Min", time, np.array([limit], INT))
    after = graph.node("Add", scalar(graph, most), INT(1))
    allowed = graph.node("Range", INT(1), after, INT(1))
    index = graph.node("Sub", lengths, INT(1))
    index = graph.node("Where", graph.node("Less", index, INT(0)), most, index)
    lengths = graph.nodes("Gather", 1, allowed, index, name="lengths_are_from_1_to_time")[0]
    steps = graph.node("Range", INT(0), scalar(graph, time), INT(1))
    mask = graph.node("Less", steps, unsqueeze(graph, lengths, 1))
    return Lengths(lengths, mask, batch, time)


def scalar(graph: Graph, vector: str) -> str:
    """Return the value of a vector of one."""
    return graph.node("Squeeze", vector, np.array([0], INT))


def unsqueeze(graph: Graph, value: str, *axes: int) -> str:
    """Return a value with axes of one added."""
    return graph.node("Unsqueeze", value, np.array(axes, INT))


def reshape(graph: Graph, value: str, *shape: int) -> str:
    """Return a value in a shape, in which 0 keeps a size, and -1 takes what is left."""
    return graph.node("Reshape", value, np.array(shape, INT))


def mask_padding(graph: Graph, sequences: Sequences, step_axes: int = 1, dtype: type = np.float32) -> Sequences:
    """Return the same sequences with zeros as padding.

    Args:
        graph: The graph to add to.
        sequences: Of any values, also NaN, in the padding.
        step_axes: The number of axes of a step: 1 for vectors.
        dtype: The type of the values.
    """
    mask = sequences.lengths.mask
    if step_axes:
        mask = unsqueeze(graph, mask, *range(2, 2 + step_axes))
    return sequences.with_values(graph.node("Where", mask, sequences.values, dtype(0)))


def map_steps(graph: Graph, sequences: Sequences, layers: Any, name: str) -> Sequences:
    """Return the sequences with a module of `(steps, *step)` applied to all steps, and zeros as padding.

    Args:
        graph: The graph to add to.
        sequences: Their padding is zero, or at least finite.
        layers: The module.
        name: The attribute that holds it.
    """
    shape = graph.node("Shape", sequences.values)
    places, step = split_shape(graph, shape, 2)
    flat = graph.node("Reshape", sequences.values, graph.node("Concat", np.array([-1], INT), step, axis=0))
    written = graph.convert(layers, name, flat)
    shape = graph.node("Concat", places, split_shape(graph, graph.node("Shape", written), 1)[1], axis=0)
    written = sequences.with_values(graph.node("Reshape", written, shape))
    return replace(written, values=mask_steps(graph, written))


def mask_steps(graph: Graph, sequences: Sequences, added: str | None = None) -> str:
    """Return values `(batch, time, *step)` of steps of any shape, with zeros as padding.

    Args:
        graph: The graph to add to.
        sequences: The sequences.
        added: Added to all values of a sequence, `(batch,)`.
    """
    rows = reshape(graph, sequences.values, 0, 0, -1)
    if added is not None:
        rows = graph.node("Add", rows, unsqueeze(graph, added, 1, 2))
    masked = mask_padding(graph, sequences.with_values(rows)).values
    return graph.node("Reshape", masked, graph.node("Shape", sequences.values))


def nan_unless_finite(graph: Graph, values: str, nan_is_read: bool = False) -> str:
    """Return NaN for each row of `(batch, ...)` with a value that is not finite, else 0, `(batch,)`.

    Runtimes take NaN for a number in some layers, such as an LSTM or a maximum: this is added, so that bad input shows.

    Args:
        graph: The graph to add to.
        values: The values.
        nan_is_read: Whether NaN counts as finite, since the model reads it.
    """
    flat = reshape(graph, values, 0, -1)
    bad = graph.node("IsInf", flat)
    bad = bad if nan_is_read else graph.node("Or", bad, graph.node("IsNaN", flat))
    flags = graph.node("Where", bad, np.float32(np.nan), np.float32(0))
    return graph.node("ReduceSum", flags, np.array([1], INT), keepdims=0)


def split_shape(graph: Graph, shape: str, at: int) -> tuple[str, str]:
    """Return the first sizes of a shape, and the others."""
    end = np.array([np.iinfo(INT).max], INT)
    first = graph.node("Slice", shape, np.array([0], INT), np.array([at], INT))
    return first, graph.node("Slice", shape, np.array([at], INT), end)


def reverse(graph: Graph, sequences: Sequences) -> Sequences:
    """Return each sequence in reverse; the padding stays at the end."""
    lengths = sequences.lengths
    steps = lengths.steps(graph)
    from_end = graph.node("Sub", graph.node("Sub", unsqueeze(graph, lengths.values, 1), INT(1)), steps)
    index = graph.node("Where", lengths.mask, from_end, steps)
    return sequences.with_values(graph.node("GatherND", sequences.values, unsqueeze(graph, index, 2), batch_dims=1))


def last_steps(graph: Graph, sequences: Sequences) -> str:
    """Return the last step of each sequence, `(batch, *step)`."""
    index = graph.node("Sub", sequences.lengths.values, INT(1))
    return graph.node("GatherND", sequences.values, unsqueeze(graph, index, 1), batch_dims=1)


def fit_time(graph: Graph, values: str, before: str | int, after: str | int) -> str:
    """Return vectors `(batch, time, size)` with another number of steps: cut off, or padded with zeros.

    Args:
        graph: The graph to add to.
        values: The vectors.
        before: The number of steps they have, a number or `(1,)`.
        after: The number of steps to have.
    """
    sizes = [np.array([size], INT) if isinstance(size, int) else size for size in (after, before)]
    added = graph.node("Sub", *sizes)
    nothing = np.array([0], INT)
    pads = graph.node("Concat", nothing, nothing, nothing, nothing, added, nothing, axis=0)
    return graph.node("Pad", values, pads)
