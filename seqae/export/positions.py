"""Positions of steps as features, as nodes."""

from __future__ import annotations

import math

import numpy as np

from seqae.export.graph import Graph
from seqae.export.sequences import Lengths, unsqueeze

_FLOAT32 = 1  # the number that ONNX gives to this type


def position_waves(graph: Graph, lengths: Lengths, frequencies: int) -> str:
    """Return `seqae.modules.positions.positional_features`, `(batch, time, 4 * frequencies)`."""
    steps = lengths.steps(graph)
    to_end = graph.node("Sub", graph.node("Sub", unsqueeze(graph, lengths.values, 1), np.int64(1)), steps)
    same = graph.node("Expand", steps, graph.node("Shape", to_end))
    return graph.node("Concat", _waves(graph, same, frequencies), _waves(graph, to_end, frequencies), axis=-1)


def _waves(graph: Graph, steps: str, frequencies: int) -> str:
    # Rounded to float32 where the module rounds: at step 300 another order of factors is wrong by 3e-5.
    turns = graph.node("Mul", unsqueeze(graph, graph.node("Cast", steps, to=_FLOAT32), 2), np.float32(2 * math.pi))
    angles = graph.node("Div", turns, (4.0 * 2.0 ** np.arange(frequencies)).astype(np.float32))
    return graph.node("Concat", graph.node("Sin", angles), graph.node("Cos", angles), axis=-1)
