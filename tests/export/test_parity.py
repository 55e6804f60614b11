"""A graph that computes something else than its model is not written."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.export import onnx_file, to_onnx
from seqae.export.parity import example_inputs, largest_batch
from seqae.export.steps import StepKind

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


def shifted(amount: float):
    """Return a converter of linear layers that is wrong by an amount."""

    def convert(graph, layer, values):
        product = graph.node("MatMul", values, graph.weight("weight", layer.weight.T))
        return graph.node("Add", product, graph.weight("bias", layer.bias + amount))

    return convert


@pytest.mark.parametrize("amount", [1e-5, 3e-6, torch.nan])
def test_a_graph_that_differs_is_refused_and_nothing_is_written(amount, tmp_path, monkeypatch):
    monkeypatch.setitem(onnx_file.CONVERTERS, nn.Linear, shifted(amount))
    with pytest.raises(ValueError, match=r"the graph's codes differ from the model's by .* so nothing is written"):
        to_onnx(seqae.MeanEncoder(3, 4), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_reconstruction_in_large_units_is_held_to_the_deviation_of_its_channel(tmp_path, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((100, 2)) * [1e6, 1e-3]
    scaler = seqae.transforms.Scaler().fit([rows])
    model = seqae.Autoencoder(seqae.MeanEncoder(2, 4), seqae.ConstantDecoder(nn.Linear(4, 2)))

    def off_in_small_units(graph, scaler, values):
        return graph.node("Add", unscale(graph, scaler, values), np.array([0, 1e-6], np.float32))

    unscale = onnx_file.unscale_values
    assert to_onnx(model, tmp_path / "right.onnx", scaler=scaler).exists()
    monkeypatch.setattr(onnx_file, "unscale_values", off_in_small_units)
    with pytest.raises(ValueError, match="the graph's reconstruction differ"):
        to_onnx(model, tmp_path / "wrong.onnx", scaler=scaler)


def test_rounding_that_torch_has_too_is_no_difference(tmp_path):
    torch.manual_seed(0)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, 32), 4)
    with torch.no_grad():  # so that it carries on what is rounded; more is chaos, in which no difference has a size
        for parameter in encoder.rnn.parameters():
            parameter *= 8
    assert to_onnx(encoder, tmp_path / "model.onnx").exists()


def test_the_check_reads_one_step_many_steps_padding_and_missing_values():
    kind = StepKind((3,))
    found = list(example_inputs(kind, 0, None, None, missing=True))
    shapes = [each["sequences"].shape for each in found]
    assert shapes == [(1, 1, 3), (1, 300, 3), (7, 53, 3), (64, 100, 3)]
    for each, (batch, time, _) in zip(found, shapes):
        steps = np.arange(time) < each["lengths"][:, None]
        assert each["lengths"].min() >= 1 and each["lengths"].max() <= time
        assert batch < 7 or (
            np.isnan(each["sequences"][steps]).any() and not np.isfinite(each["sequences"][~steps]).all()
        )
    assert found[2]["lengths"].max() <= 50 and found[2]["lengths"].min() >= 3


def test_the_check_of_a_model_of_windows_stays_within_them():
    assert [each["sequences"].shape[1] for each in example_inputs(StepKind((3,)), 0, 20, None, False)] == [
        1,
        20,
        20,
        20,
    ]


def test_the_batch_is_smaller_where_outputs_are_large():
    assert largest_batch({"codes": np.zeros((1, 16)), "reconstruction": np.zeros((1, 1, 3))}) == 64
    assert largest_batch({"reconstruction": np.zeros((1, 1, 50_000))}) == 2
    found = example_inputs(StepKind((), 9), 0, None, None, False, most=2)
    assert [each["sequences"].shape for each in found] == [(1, 1), (1, 300), (7, 53), (2, 100)]
