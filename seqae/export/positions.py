"""Positions of steps as features, as nodes."""

from __future__ import annotations

import math

import numpy as np

from seqae.export.graph import Graph
from seqae.export.networks import halves
from seqae.export.sequences import Lengths, unsqueeze
from seqae.modules.positions import PhaseModulation

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


def place_nodes(graph: Graph, lengths: Lengths, num_positions: int) -> str:
    """Return `seqae.modules.positions.resampled_places`, `(batch, time)`."""
    middles = graph.node("Add", graph.node("Cast", lengths.steps(graph), to=_FLOAT32), np.float32(0.5))
    scaled = graph.node("Mul", middles, np.float32(num_positions))
    return graph.node("Div", scaled, unsqueeze(graph, graph.node("Cast", lengths.values, to=_FLOAT32), 1))


def modulated(graph: Graph, module: PhaseModulation, vectors: str, places: str) -> str:
    """Return vectors `(batch, time, size)`, scaled and shifted by their places `(batch, time)`."""
    turns = graph.node("Mul", unsqueeze(graph, places, 2), np.float32(math.pi))
    angles = graph.node("Div", turns, (2.0 ** np.arange(module.from_phase.in_features // 2)).astype(np.float32))
    phases = graph.node("Concat", graph.node("Sin", angles), graph.node("Cos", angles), axis=-1)
    scale, shift = halves(graph, graph.convert(module.from_phase, "from_phase", phases))
    return graph.node("Add", graph.node("Mul", vectors, graph.node("Add", scale, np.float32(1))), shift)


def triangles(graph: Graph, distances: str, reach: str | np.float32) -> str:
    """Return weights that fall from 1 to 0 within a reach."""
    fallen = graph.node("Sub", np.float32(1), graph.node("Div", graph.node("Abs", distances), reach))
    return graph.node("Max", fallen, np.float32(0))


def position_middles(num_positions: int) -> np.ndarray:
    """Return the middles of the positions, `(num_positions,)`."""
    return np.arange(num_positions, dtype=np.float32) + np.float32(0.5)
