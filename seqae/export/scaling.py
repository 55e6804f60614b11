"""A `Scaler` as nodes. They compute in float64, as it does: a large mean would cost float32 its digits."""

from __future__ import annotations

import numpy as np

from seqae.export.graph import Graph
from seqae.transforms.scaler import Scaler

_FLOAT32, _FLOAT64 = 1, 11  # the numbers that ONNX gives to these types
_LARGEST = 1e6  # of a scaled value


def scale_values(graph: Graph, scaler: Scaler, values: str) -> str:
    """Return what `Scaler.transform` does with values `(..., channel)`, float32 or float64; it returns float32."""
    mean = np.asarray(scaler.mean_, np.float64)
    exact = graph.node("Cast", values, to=_FLOAT64)
    deviation = graph.node("Sub", exact, mean)
    scaled = graph.node("Div", deviation, np.asarray(scaler.scale_, np.float64))
    if scaler.is_constant_.any():  # a float32 next to a constant is the constant, rounded
        near = np.where(scaler.is_constant_, float(np.finfo(np.float32).eps) * np.abs(mean), -1.0)
        is_rounding = graph.node("Not", graph.node("Greater", graph.node("Abs", deviation), near))
        is_float32 = graph.node("Equal", exact, graph.node("Cast", graph.node("Cast", exact, to=_FLOAT32), to=_FLOAT64))
        scaled = graph.node("Where", graph.node("And", is_rounding, is_float32), np.float64(0), scaled)
    clipped = graph.node("Clip", scaled, np.float64(-_LARGEST), np.float64(_LARGEST))
    clipped = graph.node("Where", graph.node("IsNaN", scaled), scaled, clipped)  # runtimes clip NaN as they like
    return graph.node("Cast", clipped, to=_FLOAT32)


def unscale_values(graph: Graph, scaler: Scaler, values: str) -> str:
    """Return values `(batch, time, channel)` in the units of the data, float32."""
    exact = graph.node("Mul", graph.node("Cast", values, to=_FLOAT64), np.asarray(scaler.scale_, np.float64))
    return graph.node("Cast", graph.node("Add", exact, np.asarray(scaler.mean_, np.float64)), to=_FLOAT32)
