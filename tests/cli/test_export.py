"""`seqae export`: saved models as ONNX files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import noisy_waves
from seqae.export import OnnxDetector, OnnxModel
from seqae.modules.encoders import NullEncoder

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    decoder = seqae.ConstantDecoder(nn.Linear(4, 3))
    model = seqae.Autoencoder(seqae.MeanEncoder(3, 4), decoder)
    return seqae.save(model, tmp_path_factory.mktemp("run") / "model")


def test_a_saved_model_is_written_as_an_onnx_file(saved: Path, tmp_path: Path, command: Callable):
    path = tmp_path / "model.onnx"
    done = command("export", str(saved.parent), "--to", "onnx", "-o", str(path))
    assert (done.code, done.err) == (0, "")
    assert "reads sequences (batch, time, 3), lengths (batch)\n" in done.out
    assert "gives codes (batch, 4), reconstruction (batch, time, 3)\n" in done.out
    assert f"wrote {path} (" in done.out
    sequence = np.ones((5, 3), np.float32)
    expected = seqae.encode(seqae.load(saved), [sequence])
    np.testing.assert_allclose(OnnxModel(path).encode([sequence]), expected, rtol=0, atol=1e-6)
    again = command("export", str(saved), "-o", str(path))
    assert (again.code, again.err) == (
        2,
        f"error: {path} exists already. Add --overwrite, or give another --out\n",
    )
    assert "reconstruction" not in command("export", str(saved), "--out", str(path), "--overwrite", "--codes-only").out


def test_the_shape_of_a_step_can_be_given(tmp_path: Path, command: Callable):
    folder = seqae.save(seqae.MeanEncoder(12, 4, nn.Flatten()), tmp_path / "encoder")
    words = ("export", str(folder), "-o", str(tmp_path / "encoder.onnx"))
    assert "error: the shape of a step can't be told from a Flatten. Give step_shape" in command(*words).err
    assert "reads sequences (batch, time, 1, 3, 4)" in command(*words, "--step-shape", "1", "3", "4").out


def test_mistakes_are_one_line(saved: Path, tmp_path: Path, command: Callable):
    nothing = seqae.save(NullEncoder(2), tmp_path / "null")
    layer = seqae.save(seqae.LSTM(2, 3), tmp_path / "layer")
    absent, path = tmp_path / "absent" / "model.onnx", tmp_path / "model.onnx"
    for words, message in (
        ((saved, "-o", tmp_path / "model.pb"), f"{tmp_path / 'model.pb'} does not end in .onnx. Give the name of an"),
        ((saved, "-o", absent), f"no folder {absent.parent} for model.onnx. Create it, or give another path"),
        ((nothing, "-o", path), "NullEncoder has no ONNX form (the model). Replace it"),
        ((layer, "-o", path), "a LSTM has no ONNX form. Expected an Encoder, a Decoder or an Autoencoder"),
        ((tmp_path / "nothing", "-o", path), "no file or folder nothing"),
        ((saved, "-o", path, "--to", "torch"), "--to: Expected"),
    ):
        done = command("export", *map(str, words))
        assert done.code == 2 and done.err.startswith(f"error: {message}") and done.err.count("\n") == 1
    assert not path.exists()


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = noisy_waves(600, 0, [5, 9], noise=0.2)
    return seqae.save(seqae.AnomalyDetector().fit(rows), tmp_path_factory.mktemp("run") / "model")


def test_a_detector_is_written_whole(detector: Path, tmp_path: Path, command: Callable):
    path = tmp_path / "detector.onnx"
    done = command("export", str(detector.parent), "--to", "onnx", "-o", str(path))
    assert (done.code, done.err) == (0, "")
    assert "reads rows (row, 2), threshold (), before (16, 2)\n" in done.out
    assert "gives scores (row), channel_scores (row, 2), alarms (row), filled (row, 2)\n" in done.out
    rows = noisy_waves(200, 1, [5, 9], noise=0.2)
    rows[100:110] += 3
    expected = seqae.load(detector).score_samples(rows)
    np.testing.assert_allclose(OnnxDetector(path).score(rows).scores, expected, rtol=0, atol=1e-6)


def test_what_was_written_is_told_as_json(detector: Path, saved: Path, tmp_path: Path, command: Callable):
    for model, kind, reads in (
        (detector, "AnomalyDetector", {"rows": ["row", 2], "threshold": [], "before": [16, 2]}),
        (saved, "Autoencoder", {"sequences": ["batch", "time", 3], "lengths": ["batch"]}),
    ):
        path = tmp_path / f"{kind}.onnx"
        report = json.loads(command("export", str(model), "-o", str(path), "--json").printed)
        assert (report["model"], report["kind"], report["reads"]) == (str(model), kind, reads)
        assert (report["written"], report["bytes"]) == (str(path), path.stat().st_size)


@pytest.mark.parametrize("words", [("--codes-only",), ("--step-shape", "3")])
def test_options_of_other_models_are_refused_for_a_detector(words, detector: Path, tmp_path: Path, command: Callable):
    done = command("export", str(detector), "-o", str(tmp_path / "detector.onnx"), *words)
    assert done.code == 2
    assert done.err == f"error: {words[0]} is for encoders and autoencoders, and this is a detector. Leave it out\n"
    assert list(tmp_path.iterdir()) == []
