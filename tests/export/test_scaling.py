"""A scaler in a graph does what `Scaler` does."""

from __future__ import annotations

import numpy as np
import pytest

from seqae.export.graph import Graph
from seqae.export.scaling import scale_values, unscale_values
from seqae.transforms import Scaler

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
# A usual channel, one far from zero, a minute one, and constants: zero, large, and a fraction.
ROWS = np.random.default_rng(0).standard_normal((50, 6)) * [1, 5, 1e-9, 0, 0, 0] + [0, 1e7, 0, 0, 12345.678, 0.1]


def run(convert, scaler: Scaler, values: np.ndarray) -> np.ndarray:
    graph = Graph({})
    given = graph.input("values", values.dtype.type, ("rows", values.shape[1]))
    graph.output("written", convert(graph, scaler, given), np.float32, ("rows", values.shape[1]))
    return runtime.InferenceSession(graph.serialize({})).run(None, {"values": values})[0]


def test_values_are_scaled_as_by_the_scaler_to_the_last_bit():
    scaler = Scaler().fit([ROWS])
    assert scaler.is_constant_.tolist() == [False, False, False, True, True, True]
    odd = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0, 12345.678, 12345.679, 0.1, 0.10000001, 0.1000001])
    values = np.concatenate([ROWS, np.repeat(odd[:, None], 6, axis=1)]).astype(np.float32)
    with np.errstate(invalid="ignore"):
        expected = scaler.transform(values)
    assert (expected[: len(ROWS), 3:] == 0).all() and np.abs(expected[-1, 5]) > 0
    np.testing.assert_array_equal(run(scale_values, scaler, values), expected)


def test_a_float64_next_to_a_constant_is_the_constant_only_if_it_is_its_float32():
    scaler = Scaler().fit([ROWS])
    column = np.array([0.1, np.float32(0.1), 0.1 + 1e-9, 12345.678, np.float32(12345.678), 12345.6781, np.nan, 1e39])
    values = np.repeat(column[:, None], 6, axis=1)
    with np.errstate(over="ignore"):
        expected = scaler.transform(values)
    assert expected[1, 5] == 0 and expected[2, 5] > 0
    np.testing.assert_array_equal(run(scale_values, scaler, values), expected)


def test_values_are_scaled_back_as_by_the_scaler_rounded_to_float32():
    scaler = Scaler().fit([ROWS])
    values = np.random.default_rng(1).standard_normal((20, 6)).astype(np.float32)
    expected = scaler.inverse_transform(values.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(run(unscale_values, scaler, values), expected)
