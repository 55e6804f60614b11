"""The commands for saved models, with a real detector, beside what the detector says itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import machine
from seqae.anomaly.events import read_events_json
from seqae.data.signals.loading import as_recordings


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector whose steps are means of two rows, not trained further than its start: that takes no time."""
    detector = seqae.AnomalyDetector(resolutions=(2,), epochs=0, false_alarm_rate=0.01)
    return seqae.save(
        detector.fit(machine(1200, seed=0, flow="flow [l/min]")), tmp_path_factory.mktemp("run") / "model"
    )


@pytest.fixture
def today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows with a fault in the pressure, and an hour missing after 250 rows."""
    monkeypatch.chdir(tmp_path)
    frame = machine(451, seed=1, flow="flow [l/min]")
    frame.loc[150:170, "pressure [bar]"] = 35
    frame.loc[250:, "time"] += pd.Timedelta("1h")
    frame.to_csv("today.csv", index=False)
    return tmp_path / "today.csv"


def test_score_gives_the_scores_and_events_of_the_detector(saved: Path, today: Path, command: Callable):
    done = command("score", str(saved.parent), "today.csv")
    assert (done.code, done.err) == (0, "")
    detector = seqae.load(saved)
    rows = pd.read_csv("today_scores.csv")
    np.testing.assert_allclose(rows["score"], detector.score_samples(today), rtol=1e-5)
    np.testing.assert_array_equal(rows["alarm"], detector.predict(today))
    events = read_events_json("today_events.json")
    assert events == detector.events(today)
    worst = max(events, key=lambda event: event.severity)
    assert 140 <= worst.peak <= 180
    assert worst.channels[0].channel == "pressure"
    assert f"{worst.start_time} {worst.end_time} {worst.severity:.2f} pressure" in done.out


def test_score_as_json_has_the_counts_and_events_of_each_recording(saved: Path, today: Path, command: Callable):
    done = command("score", str(saved), "today.csv", "--json")
    found = json.loads(done.printed)
    detector = seqae.load(saved)
    (recording,) = found["recordings"]
    assert recording["rows"] == 451
    assert recording["alarms"] == int(detector.predict(today).sum())
    events = detector.events(today)
    assert [event["severity"] for event in recording["events"]] == [event.severity for event in events]
    assert recording["events"][0]["channels"].keys() == {"flow", "pressure"}
    assert found["false_alarm_rate"] == detector.empirical_false_alarm_rate_
    assert found["written"] == ["today_scores.csv", "today_events.csv", "today_events.json"]


def test_a_detector_does_not_decode(saved: Path, today: Path, command: Callable):
    assert command("encode", str(saved), "today.csv").code == 0
    done = command("decode", str(saved), "today_codes.csv")
    assert done.code == 2
    assert "this is an AnomalyDetector: it cannot decode sequences" in done.err


def test_score_starts_without_what_only_training_and_reports_need(saved: Path, today: Path):
    program = (
        "import sys; from seqae.cli import main; main(sys.argv[1:])\n"
        "sys.exit(', '.join({'lightning', 'matplotlib', 'bokeh', 'sklearn'} & set(sys.modules)) or 0)"
    )
    words = [sys.executable, "-c", program, "score", str(saved), "today.csv"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_reconstruct_gives_the_reconstruction_of_the_detector(saved: Path, today: Path, command: Callable):
    assert command("reconstruct", str(saved), "today.csv", "--out", "expected.parquet").code == 0
    table = pd.read_parquet("expected.parquet")
    np.testing.assert_allclose(table[["flow", "pressure"]], seqae.load(saved).reconstruct(today), rtol=1e-6)


def test_every_code_is_that_of_the_window_that_begins_at_its_row(saved: Path, today: Path, command: Callable):
    assert command("encode", str(saved), "today.csv").code == 0
    table = pd.read_csv("today_codes.csv")
    assert list(table.columns[:3]) == ["row", "time", "code_0"]
    codes = table.filter(like="code_").to_numpy()
    detector = seqae.load(saved)
    (recording,) = as_recordings(today)
    for row, code in zip(table["row"], codes, strict=True):
        window = recording.rows(row, row + 2 * detector.window)
        assert len(window.segments()) == 1, "no window spans the missing hour"
        np.testing.assert_allclose(detector.encode(window), [code], rtol=1e-3, atol=1e-5)
    assert list(table["row"][:2]) == [0, 32]
    assert 250 in set(table["row"])


def test_inspect_shows_channels_units_and_false_alarm_rate(saved: Path, command: Callable):
    text = command("inspect", str(saved)).out
    detector = seqae.load(saved)
    assert "model AnomalyDetector\n" in text
    assert "channels flow, pressure" in text
    assert "units flow l/min, pressure bar" in text
    assert f"empirical_false_alarm_rate {detector.empirical_false_alarm_rate_:.6g}" in text


def test_a_model_that_is_no_detector_is_refused(today: Path, tmp_path: Path, command: Callable):
    seqae.save(seqae.LSTM(3, hidden_size=4), tmp_path / "lstm")
    done = command("score", "lstm", "today.csv")
    assert done.code == 2
    assert done.err.startswith(
        "error: this is a LSTM: it cannot score sequences (lstm). Models that read sequences are "
    )
    done = command("recalibrate", "lstm", "today.csv", "new")
    assert done.err == "error: lstm holds a LSTM. Recordings are read by an AnomalyDetector: save that instead\n"
