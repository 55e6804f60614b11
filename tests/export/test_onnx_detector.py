"""Detectors as ONNX files give the scores of the detector, without torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import noisy_waves
from seqae.anomaly import PCA, AnomalyDetector, Conv, Linear, MovingAverage, Recurrent, Transformer, WindowModelFactory
from seqae.anomaly.onnx_graph import _log1p
from seqae.data import telemetry_folder
from seqae.data.signals.loading import as_recordings
from seqae.export import OnnxDetector, OnnxModel, to_onnx
from seqae.export.graph import Graph

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
DOCS = Path(__file__).parents[2] / "docs" / "onnx.md"
NORMAL = np.concatenate([noisy_waves(1500, 0, [5, 9, 12], levels=[0, 1e4, -3]), np.full((1500, 1), 0.1)], axis=1)


def waves(rows: int) -> np.ndarray:
    """Return rows like the normal ones, `(row, 4)`."""
    return np.concatenate([noisy_waves(rows, 2, [5, 9, 12], levels=[0, 1e4, -3]), np.full((rows, 1), 0.1)], axis=1)


def faulty(rows: int = 700) -> np.ndarray:
    """Return rows with faults, missing values in many places, and what is next to a constant, `(row, 4)`."""
    random, values = np.random.default_rng(1), waves(rows)
    values[200:230, 1] += 2
    values[300, 0] = -1e30
    values[400:403, 3] = [np.float32(0.1), 0.1 + 1e-9, 0.2]
    values[random.random(values.shape) < 0.03] = np.nan
    values[:10], values[90:200, 2] = np.nan, np.nan
    return values


def assert_same(found, detector: AnomalyDetector, rows: np.ndarray, tolerance: float = 1e-6) -> None:
    (expected,) = detector.detect(rows)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.channel_scores, expected.channel_scores, rtol=0, atol=tolerance)
    is_near = np.abs(expected.scores - detector.threshold_) < tolerance
    np.testing.assert_array_equal(found.alarms[~is_near], expected.alarms[~is_near])
    assert expected.alarms.any() and not expected.alarms.all()


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector().fit(NORMAL)


@pytest.fixture(scope="module")
def path(detector: AnomalyDetector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detector.to_onnx(tmp_path_factory.mktemp("onnx") / "detector.onnx")


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> tuple[AnomalyDetector, np.ndarray, Path]:
    """A detector of the embedded telemetry, some of the rows with faults, and its file."""
    detector = AnomalyDetector().fit(telemetry_folder() / "normal.csv.gz")
    (faults,) = as_recordings(telemetry_folder() / "faults.csv.gz", channels=detector.channels_)
    missing = np.flatnonzero(np.isnan(faults.values).any(axis=1))
    return (
        detector,
        faults.values[max(missing[0] - 1500, 0) : missing[0] + 2500],
        detector.to_onnx(tmp_path_factory.mktemp("telemetry") / "detector.onnx"),
    )


def test_the_scores_of_the_embedded_telemetry_are_those_of_the_detector(telemetry):
    detector, rows, path = telemetry
    assert np.isnan(rows).any()
    assert_same(OnnxDetector(path).score(rows), detector, rows)


@pytest.mark.parametrize("rows_per_run", [1, 95, 300, 4096])
def test_a_recording_in_pieces_has_the_same_scores_whatever_is_missing(rows_per_run, detector, path):
    rows = faulty(450)
    assert np.isnan(detector.score_samples(rows)).sum() == 10
    assert_same(OnnxDetector(path, rows_per_run).score(rows), detector, rows)


def test_only_rows_near_the_true_ends_have_the_lower_score_of_both_calibrations(detector, path):
    rows, scorer = waves(420), detector.scorer_
    for start in (0, 280, 390):  # at both ends, and where pieces of 295 rows are cut
        rows[start : start + 30, 1] += 0.2
    scaled = torch.from_numpy(scorer.scaler.transform(rows).astype(np.float64))
    windows = scorer.window_evidence(scaled, torch.zeros_like(scaled, dtype=torch.bool))
    totals = scorer.localization.of_rows(windows).sum(dim=1)
    usual, latest = (each.scores(totals).numpy() for each in (scorer.calibration, scorer.latest_calibration))
    expected = np.concatenate([np.minimum(usual, latest)[:15], usual[15:-15], np.minimum(usual, latest)[-15:]])
    assert (latest < usual - 0.01)[
        [0, 14, 15, 294, 295, -16, -15, -1]
    ].all()  # so that each of these rows tells them apart
    for rows_per_run in (295, 4096):
        found = OnnxDetector(path, rows_per_run).score(rows)
        np.testing.assert_allclose(found.scores, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(found.channel_scores.sum(axis=1), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("resolutions", "window", "channels"), [((1,), 7, 4), ((2, 5), 16, 4), ((1, 3, 8), 8, 4), ((1, 4), 16, 1)]
)
def test_any_resolutions_and_a_single_channel_are_written(resolutions, window, channels, tmp_path):
    detector = AnomalyDetector(resolutions=resolutions, window=window).fit(NORMAL[:, :channels])
    written = OnnxDetector(detector.to_onnx(tmp_path / "detector.onnx"), rows_per_run=250)
    assert written.least_rows == window * max(resolutions)
    assert_same(written.score(faulty()[:, :channels]), detector, faulty()[:, :channels])


@pytest.mark.parametrize("model", [PCA(), MovingAverage(), Linear(curved=(True,) * NORMAL.shape[1])], ids=repr)
def test_models_without_training_are_written(model, tmp_path):
    detector = AnomalyDetector(model).fit(NORMAL)
    assert_same(OnnxDetector(detector.to_onnx(tmp_path / "detector.onnx")).score(faulty()), detector, faulty())


@pytest.mark.parametrize(
    "model", [Recurrent("gru", 4, 8), Recurrent("lstm", 4, 8), Conv(4, 8), Transformer(4, 8)], ids=repr
)
def test_trained_models_are_written_to_the_rounding_of_float32(model, tmp_path):
    detector = AnomalyDetector(model, resolutions=(1,), epochs=1).fit(NORMAL[:600])
    # What rounds a reconstruction by 1e-7 moves a score by more: its residual is divided by what is usual.
    assert_same(OnnxDetector(detector.to_onnx(tmp_path / "detector.onnx")).score(faulty()), detector, faulty(), 1e-3)


@pytest.mark.filterwarnings("ignore::seqae.training.TrainingWarning")
def test_a_sequence_autoencoder_of_windows_is_written_with_its_scaling(tmp_path):
    own = seqae.SequenceAutoencoder("gru", code_size=4, hidden_size=8, epochs=1)
    detector = AnomalyDetector(own, resolutions=(1,)).fit(NORMAL[:600])
    assert not np.allclose(detector.scorer_.resolutions[0].model.scale, 1, atol=1e-3)
    assert_same(OnnxDetector(detector.to_onnx(tmp_path / "detector.onnx")).score(faulty()), detector, faulty(), 1e-3)


def test_a_recalibrated_detector_is_written_as_it_is_now(detector, tmp_path):
    recalibrated = detector.recalibrate(NORMAL[:700] + np.array([0.5, 0, 0, 0]))
    assert not np.allclose(recalibrated.score_samples(faulty()), detector.score_samples(faulty()), equal_nan=True)
    assert_same(OnnxDetector(recalibrated.to_onnx(tmp_path / "new.onnx")).score(faulty()), recalibrated, faulty())


def test_a_loaded_detector_is_written(detector, tmp_path):
    loaded = seqae.load(seqae.save(detector, tmp_path / "saved"))
    assert_same(OnnxDetector(loaded.to_onnx(tmp_path / "detector.onnx")).score(faulty()), detector, faulty())


def test_the_threshold_can_be_another_one(detector, path):
    found = OnnxDetector(path).score(faulty(), threshold=1.0)
    np.testing.assert_array_equal(found.alarms, found.scores > 1.0)
    assert found.alarms.sum() > OnnxDetector(path).score(faulty()).alarms.sum() > 0


def test_rows_further_away_than_the_reach_change_nothing(path):
    written, rows = OnnxDetector(path), np.nan_to_num(faulty())
    changed = rows.copy()
    changed[300] += 5
    differs = np.flatnonzero(written.score(rows).scores != written.score(changed).scores)
    assert written.reach == 15 + 63
    assert len(differs) and 300 - written.reach <= differs.min() and differs.max() <= 300 + written.reach


def test_the_file_says_what_it_reads(telemetry):
    detector, _, path = telemetry
    written = OnnxDetector(path)
    assert (written.channels, written.units) == (detector.channels_, dict(detector.units_))
    assert (written.period, written.threshold) == (detector.scorer_.period, detector.threshold_)
    assert written.inputs == {"rows": ("row", 23), "threshold": (), "before": (16, 23)}
    assert written.outputs["scores"] == written.outputs["alarms"] == ("row",)
    about = runtime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert (about["seqae"], json.loads(about["least_rows"])) == (seqae.__version__, 64)


def test_mistakes_are_told_with_what_to_do(detector, path, tmp_path):
    written = OnnxDetector(path)
    rows = np.zeros((100, 4))
    rows[7, 2] = np.inf
    with pytest.raises(ValueError, match=r"63 rows; this detector needs 64 or more. Wait for more rows"):
        written.score(rows[:63])
    with pytest.raises(ValueError, match=r"rows of shape \(100, 3\). Give \(row, channel\) of 0, 1, 2, 3"):
        written.score(rows[:, :3])
    with pytest.raises(ValueError, match=r"channel '2' is infinite \(row 7\). Readings are finite"):
        written.score(rows)
    with pytest.raises(ValueError, match=r"not fitted. Call fit\(normal\) first"):
        AnomalyDetector().to_onnx(tmp_path / "detector.onnx")
    with pytest.raises(ValueError, match=r"AnomalyDetector has no ONNX form. Call its own method, to_onnx"):
        to_onnx(detector, tmp_path / "detector.onnx")
    model = to_onnx(seqae.MeanEncoder(3, 2), tmp_path / "encoder.onnx")
    with pytest.raises(ValueError, match=r"encoder.onnx holds no detector. Write one with AnomalyDetector.to_onnx"):
        OnnxDetector(model)
    with pytest.raises(ValueError, match=r"gives .*, not codes"):
        OnnxModel(path)._run("codes", {"rows": rows})


class Doubled(nn.Module):
    """A window model of one's own, which no converter knows."""

    def reconstruct(self, batch):
        return seqae.Batch(2 * batch.values, batch.lengths)


def test_a_model_without_a_form_is_refused_and_nothing_is_written(tmp_path):
    class Factory(WindowModelFactory):
        is_trainable = False

        def __call__(self, windows, noise):
            return Doubled()

    detector = AnomalyDetector(Factory()).fit(NORMAL)
    with pytest.raises(ValueError, match=r"Doubled has no ONNX form \(resolutions.0.model\). Replace it, or keep"):
        detector.to_onnx(tmp_path / "detector.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_gives_other_scores_is_not_written(detector, tmp_path, monkeypatch):
    monkeypatch.setattr("seqae.anomaly.onnx_graph.COARSE_WEIGHT", 0.51)
    with pytest.raises(ValueError, match=r"the graph's scores differ from the detector's by .* nothing is written"):
        detector.to_onnx(tmp_path / "detector.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_logarithm_of_one_and_a_minute_value_is_exact():
    values = np.array([0, 1e-300, 4.6e-15, 1e-9, 0.3, 1, 1e12])
    graph = Graph({})
    graph.output("y", _log1p(graph, graph.input("x", np.float64, ("row",))), np.float64, ("row",))
    (found,) = runtime.InferenceSession(graph.serialize({})).run(None, {"x": values})
    np.testing.assert_allclose(found, np.log1p(values), rtol=1e-15)


def test_the_example_of_the_documentation_runs_without_seqae_and_torch(telemetry, tmp_path):
    detector, rows, path = telemetry
    (example,) = re.findall(r"```python\n(import json.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "detector.onnx").write_bytes(path.read_bytes())
    np.save(tmp_path / "rows.npy", rows)
    lines = "import sys; sys.modules['torch'] = sys.modules['seqae'] = None  # they can't be imported\n"
    end = "\nnp.savez('found.npz', scores=scores, channel_scores=channel_scores, alarms=alarms)\n"
    (tmp_path / "plant.py").write_text(lines + example + end)
    subprocess.run([sys.executable, "plant.py"], cwd=tmp_path, check=True, capture_output=True, text=True)
    found = np.load(tmp_path / "found.npz")
    (expected,) = detector.detect(rows)
    for name in ("scores", "channel_scores"):
        np.testing.assert_allclose(found[name], getattr(expected, name), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["alarms"], expected.alarms)


def test_it_runs_without_torch(path, tmp_path):
    np.save(tmp_path / "rows.npy", faulty())
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np; from seqae.export import OnnxDetector\n"
        f"print(int(OnnxDetector({str(path)!r}).score(np.load({str(tmp_path / 'rows.npy')!r})).alarms.sum()))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(done.stdout) == OnnxDetector(path).score(faulty()).alarms.sum()


@pytest.mark.parametrize("change", ["channels", "least_rows", "threshold", "output", "node"])
def test_a_file_that_another_program_changed_is_refused_by_name(change: str, path: Path, tmp_path: Path):
    written = onnx.load(path)
    del written.metadata_props[-1]  # the SHA-256
    if change == "channels":
        next(entry for entry in written.metadata_props if entry.key == "channels").value = '["a"]'
    elif change in ("least_rows", "threshold"):
        next(entry for entry in written.metadata_props if entry.key == change).value = "9" * 400
    elif change == "output":
        del written.graph.output[-1]
    else:
        next(node for node in written.graph.node if node.op_type == "Reshape").input[1] = "threshold"
    onnx.save(written, tmp_path / "changed.onnx")
    with pytest.raises(ValueError, match=r"changed\.onnx (is damaged|is no ONNX model|can't read these rows)"):
        OnnxDetector(tmp_path / "changed.onnx").score(np.zeros((100, 4)))
