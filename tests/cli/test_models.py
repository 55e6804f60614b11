"""`seqae score` and `reconstruct`, with a detector whose answers are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from seqae.anomaly.events import find_events, read_events_csv, read_events_json
from seqae.cli import session
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording


@dataclass
class FakeDetection:
    """A row scores what its "pressure" is above 10."""

    recording: Recording

    @property
    def channel_scores(self) -> np.ndarray:
        return np.abs(self.recording.values - 10)

    @property
    def scores(self) -> np.ndarray:
        return self.channel_scores.max(axis=1)

    @property
    def alarms(self) -> np.ndarray:
        return self.scores > 2

    @property
    def events(self) -> list:
        return find_events(self.scores, 2.0, self.channel_scores, self.recording.channels, self.recording.times)

    def frame(self) -> pd.DataFrame:
        return pd.DataFrame({"score": self.scores, "alarm": self.alarms})


class AnomalyDetector:
    channels_ = ("pressure", "flow")
    false_alarm_rate = 0.01
    false_alarms_per_day = None
    threshold_ = 2.0
    empirical_false_alarm_rate_ = 0.0096
    scorer_ = SimpleNamespace(warning="only 50 rows")
    reading_ = ReadingOptions()

    def detect(self, recordings: list[Recording]) -> list[FakeDetection]:
        return [FakeDetection(recording) for recording in recordings]

    def reconstruct(self, recording: Recording) -> np.ndarray:
        return np.full(recording.values.shape, 10.0)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to name on the command line; what is in it is the fake."""
    monkeypatch.setattr(session, "model_in", lambda folder: AnomalyDetector())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


@pytest.fixture
def today(tmp_path: Path) -> Path:
    """Fifty rows, a second apart, with one event of four rows in "pressure"."""
    pressure, flow = np.full(50, 10.0), np.full(50, 10.5)
    pressure[20:24] = 16
    times = pd.date_range("2020-03-09 10:14:00", periods=50, freq="s")
    path = tmp_path / "today.csv"
    pd.DataFrame({"time": times, "flow": flow, "pressure": pressure, "note": "ok"}).to_csv(path, index=False)
    return path


def test_score_writes_rows_and_events_and_tells_what_it_found(
    model: Path, today: Path, tmp_path: Path, command: Callable
):
    done = command("score", "model", "today.csv")
    assert (done.code, done.err) == (0, "")
    rows = pd.read_csv(tmp_path / "today_scores.csv")
    assert list(np.flatnonzero(rows["alarm"])) == [20, 21, 22, 23]
    assert rows["score"].max() == 6
    (event,) = read_events_csv(tmp_path / "today_events.csv")
    assert (event.start, event.stop, event.channels[0].channel) == (20, 24, "pressure")
    assert read_events_json(tmp_path / "today_events.json") == [event]
    assert "today.csv 50 4 (8.00%) 1\n" in done.out
    assert "today.csv 2020-03-09T10:14:20 2020-03-09T10:14:23 3.00 pressure 92%, flow 8%\n" in done.out
    said = "Threshold 2.00: one normal row in 100 scores higher; on held-out normal rows 0.96 % did."
    assert f"{said}\n" in done.out
    assert "note only 50 rows\n" in done.out
    for name in ("today_scores.csv", "today_events.csv", "today_events.json"):
        assert f"wrote {name}\n" in done.out


def test_score_never_overwrites_unasked(model: Path, today: Path, tmp_path: Path, command: Callable):
    old = tmp_path / "today_events.json"
    old.write_text("mine")
    done = command("score", "model", "today.csv")
    assert done.code == 2
    assert done.err == "error: today_events.json exists already. Add --overwrite, or give another --out\n"
    assert old.read_text() == "mine"
    assert not (tmp_path / "today_scores.csv").exists()
    assert command("score", "model", "today.csv", "--overwrite").code == 0
    assert len(read_events_json(old)) == 1


@pytest.mark.parametrize(
    ("options", "table", "events"),
    [
        (["--out", "new/folder"], "new/folder/today_scores.csv", "new/folder/today_events.csv"),
        (["--out", "mine.csv"], "mine.csv", "mine_events.csv"),
        (["--out", "mine.parquet"], "mine.parquet", "mine_events.csv"),
        (["--format", "jsonl"], "today_scores.jsonl", "today_events.csv"),
    ],
)
def test_score_writes_where_and_how_it_is_told(
    options: list[str], table: str, events: str, model: Path, today: Path, tmp_path: Path, command: Callable
):
    assert command("score", "model", "today.csv", *options).code == 0
    assert (tmp_path / table).exists()
    assert (tmp_path / events).exists()


def test_score_takes_many_files_and_folders(model: Path, today: Path, tmp_path: Path, command: Callable):
    week = tmp_path / "week"
    week.mkdir()
    for day in ("monday", "tuesday"):
        (week / f"{day}.csv").write_bytes(today.read_bytes())
    assert command("score", "model", "today.csv", "week", "--out", "scores").code == 0
    assert sorted(path.name for path in (tmp_path / "scores").glob("*_scores.csv")) == [
        "monday_scores.csv",
        "today_scores.csv",
        "tuesday_scores.csv",
    ]


def test_reconstruct_writes_channels_with_rows_and_times(model: Path, today: Path, tmp_path: Path, command: Callable):
    assert command("reconstruct", "model", "today.csv", "--out", "expected.csv").code == 0
    table = pd.read_csv(tmp_path / "expected.csv", parse_dates=["time"])
    assert list(table.columns) == ["row", "time", "pressure", "flow"]
    assert list(table["row"]) == list(range(50))
    assert table["time"].iloc[20] == pd.Timestamp("2020-03-09 10:14:20")
    assert (table[["pressure", "flow"]] == 10).all(axis=None)


def test_rows_without_times_are_counted(model: Path, tmp_path: Path, command: Callable):
    (tmp_path / "plain.csv").write_text("pressure,flow\n" + "10,10\n" * 30)
    assert command("reconstruct", "model", "plain.csv").code == 0
    assert list(pd.read_csv(tmp_path / "plain_reconstruction.csv").columns) == ["row", "pressure", "flow"]
    assert command("score", "model", "plain.csv").out.startswith(
        "recording rows alarms events\nplain.csv 30 0 (0.00%) 0\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["modle", "today.csv"], "no file or folder modle"),
        (["model", "tody.csv"], "Did you mean today.csv?"),
        (["model", "today.csv", "--out", "today.csv", "--overwrite"], "today.csv is the input. Give another --out"),
        (["model", "empty.csv"], "empty.csv"),
        (["model", "other.csv"], "(other.csv)"),
        (["model", "today.csv", "--time-column", "clock"], "clock"),
        (["model", "today.csv", "--ignore", "nte"], "no column 'nte' to ignore. Did you mean 'note'"),
    ],
)
def test_what_is_wrong_with_the_files_is_one_line(
    words: list[str], text: str, model: Path, today: Path, tmp_path: Path, command: Callable
):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "other.csv").write_text("pressure,fluw\n1,2\n")
    before = sorted(tmp_path.iterdir())
    done = command("score", *words)
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
