"""Poolings as nodes: from `Sequences` of vectors to one vector of each, `(batch, size)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqae.export.graph import Converter, Graph
from seqae.export.sequences import Sequences, last_steps, mask_padding, reshape, unsqueeze
from seqae.modules.pooling import SegmentMeanPooling, last_step, max_over_time, mean_over_time
from seqae.modules.positional import AttentionPooling

_FLOAT32 = 1  # the number that ONNX gives to this type


def mean_of(graph: Graph, batch: Sequences) -> str:
    """Return the mean over time."""
    total = graph.node("ReduceSum", mask_padding(graph, batch).values, np.array([1]), keepdims=0)
    return graph.node("Div", total, unsqueeze(graph, graph.node("Cast", batch.lengths.values, to=_FLOAT32), 1))


def max_of(graph: Graph, batch: Sequences) -> str:
    """Return the maximum over time."""
    lowest = np.finfo(np.float32).min
    steps = graph.node("Where", unsqueeze(graph, batch.lengths.mask, 2), batch.values, lowest)
    return graph.node("ReduceMax", steps, axes=[1], keepdims=0)


def segment_means_of(graph: Graph, pooling: SegmentMeanPooling, batch: Sequences) -> str:
    """Return the means of the segments, one after the other."""
    segments = np.int64(pooling.num_segments)
    edges = graph.node("Mul", np.arange(segments + 1), unsqueeze(graph, batch.lengths.values, 1))
    begin = graph.node("Div", _columns(graph, edges, 0, int(segments)), segments)
    end = graph.node("Add", _columns(graph, edges, 1, int(segments) + 1), segments - 1)
    end = graph.node("Div", end, segments)  # rounded up
    padded = graph.node("Pad", mask_padding(graph, batch).values, np.array([0, 1, 0, 0, 0, 0]))
    sums = graph.node("CumSum", padded, np.int64(1))
    upper, lower = (graph.node("GatherND", sums, unsqueeze(graph, index, 2), batch_dims=1) for index in (end, begin))
    counts = graph.node("Cast", graph.node("Sub", end, begin), to=_FLOAT32)
    means = graph.node("Div", graph.node("Sub", upper, lower), unsqueeze(graph, counts, 2))
    return reshape(graph, means, 0, -1)


def _columns(graph: Graph, table: str, begin: int, end: int) -> str:
    return graph.node("Slice", table, np.array([begin]), np.array([end]), np.array([1]))


def _attention_pooling(graph: Graph, pooling: AttentionPooling, batch: Sequences) -> str:
    vectors = mask_padding(graph, batch).values
    scores = graph.convert(pooling.score, "score", vectors)
    scores = graph.node("Where", unsqueeze(graph, batch.lengths.mask, 2), scores, np.float32(-np.inf))
    weights = unsqueeze(graph, graph.node("Softmax", scores, axis=1), 3)
    parts = reshape(graph, graph.convert(pooling.value, "value", vectors), 0, 0, pooling.num_queries, -1)
    means = graph.node("ReduceSum", graph.node("Mul", weights, parts), np.array([1]), keepdims=0)
    return reshape(graph, means, 0, -1)


CONVERTERS: dict[Any, Converter] = {
    last_step: lambda graph, pool, batch: last_steps(graph, batch),
    mean_over_time: lambda graph, pool, batch: mean_of(graph, batch),
    max_over_time: lambda graph, pool, batch: max_of(graph, batch),
    SegmentMeanPooling: segment_means_of,
    AttentionPooling: _attention_pooling,
}
