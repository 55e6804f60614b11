"""Data sets that are scored bit by bit, beside the same rows in memory."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open

import seqae
from seqae.anomaly.bulk.dataset import BulkJob, score_dataset
from seqae.anomaly.bulk.results import ResultFolder
from seqae.anomaly.bulk.spool import Spool
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.events import read_events_csv
from seqae.anomaly.online.state import STATE_FILE, read_state, write_state
from seqae.data.signals.options import ReadingOptions

CHANNELS = ("flow", "pressure", "still")


class Stopped(BaseException):
    """The process ends here."""


def content(folder: Path) -> dict[str, bytes]:
    """The results in a folder by their names."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and not path.name.startswith("events-")
    }


def channel_columns(frame: pd.DataFrame) -> np.ndarray:
    return frame[[f"{name} score" for name in CHANNELS]].to_numpy()


@pytest.mark.parametrize("layout", ["by folders", "one after the other", "mixed"])
def test_scores_and_events_are_those_of_the_rows_of_each_machine_in_memory(
    layout, layouts, machines, detector, scored, tmp_path
):
    summaries = score_dataset(detector, layouts[layout], tmp_path / "out", by="machine")
    found = scored(tmp_path / "out")
    for summary in summaries:
        rows = machines[machines.machine == summary.entity].drop(columns="machine")
        (in_memory,) = detector.detect(rows)
        own = found[found.entity == summary.entity]
        np.testing.assert_array_equal(own.row, np.arange(len(rows)))
        np.testing.assert_array_equal(own.time, rows.time)
        np.testing.assert_allclose(own.score, in_memory.scores, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(channel_columns(own), in_memory.channel_scores, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(own.alarm, in_memory.alarms)
        assert (summary.rows, summary.alarms) == (len(rows), in_memory.alarms.sum())
        assert [(event.start, event.stop) for event in summary.events] == [
            (event.start, event.stop) for event in in_memory.events
        ]
    assert read_events_csv(tmp_path / "out" / "events.csv") == [event for each in summaries for event in each.events]
    assert not (tmp_path / "out" / ".unfinished").exists()


@pytest.mark.parametrize("layout", ["by folders", "one after the other", "mixed"])
def test_shards_of_all_layouts_give_the_files_of_one_run_to_the_last_bit(layout, layouts, whole, detector, tmp_path):
    for number in range(3):
        score_dataset(detector, layouts[layout], tmp_path / "out", f"{number}/3", by="machine")
    expected = content(whole)
    expected.pop("events.csv")
    assert content(tmp_path / "out") == expected
    assert len(expected) == 2 * 4


@pytest.mark.parametrize("layout", ["by folders", "mixed"])
@pytest.mark.parametrize("place", ["append", "sync", "write_parquet", "publish", "is_finished"])
def test_a_job_that_stops_anywhere_goes_on_to_the_same_results(layout, place, layouts, whole, detector, tmp_path):
    data, out = layouts[layout], tmp_path / "out"
    owner = Spool if hasattr(Spool, place) else ResultFolder
    original = getattr(owner, place)
    for after in (1, 2, 5):
        calls = 0

        def stopping(*arguments: object, after: int = after) -> object:
            nonlocal calls
            calls += 1
            result = original(*arguments)
            if calls == after:
                raise Stopped
            return result

        with mock.patch.object(owner, place, stopping):
            try:
                score_dataset(detector, data, out, by="machine")
            except Stopped:
                for path in (out / "scores").rglob("*.parquet"):
                    pd.read_parquet(path)
    score_dataset(detector, data, out, by="machine")
    assert content(out) == content(whole)


def test_what_was_scored_before_a_stop_is_not_scored_again(layouts, detector, tmp_path):
    reports = []

    def stop(done: int, total: int) -> None:
        reports.append((done, total))
        if done > 500:
            raise Stopped

    with pytest.raises(Stopped):
        score_dataset(detector, layouts["mixed"], tmp_path / "out", progress=stop, by="machine")
    after: list[tuple[int, int]] = []
    score_dataset(
        detector, layouts["mixed"], tmp_path / "out", progress=lambda *report: after.append(report), by="machine"
    )
    first = next(done for done, _ in after if done)
    assert first >= 500 - 120 - 70
    assert after[-1] == (880, 880)


def checkpoint_of(data: Path, detector: AnomalyDetector, out: Path) -> tuple[Path, str, dict[str, np.ndarray]]:
    """Stop a job after a checkpoint; return the folder of that, whom it belongs to, and what it holds."""

    def stop(done: int, total: int) -> None:
        if done > 500:
            raise Stopped

    with pytest.raises(Stopped):
        score_dataset(detector, data, out, progress=stop, by="machine")
    (file,) = out.rglob(STATE_FILE)
    with safe_open(file, framework="numpy") as opened:
        owner = opened.metadata()["owner"]
    return file.parent, owner, read_state(file.parent, owner)


def own_names(state: dict[str, np.ndarray]) -> list[str]:
    """Return the names of the arrays of the job itself, of one machine, and two of its online detector."""
    own = [name for name in state if name.startswith("2 ") and not name.startswith("2 online ")]
    return ["position", *own, "2 online segment.times", "2 online drift.sides"]


@pytest.mark.parametrize("damage", ["absent", "of another type", "of two more dimensions"])
def test_a_checkpoint_without_an_array_as_it_was_is_refused(damage, layouts, detector, tmp_path):
    folder, owner, state = checkpoint_of(layouts["mixed"], detector, tmp_path / "out")
    for name in own_names(state):
        changed, array = dict(state), state[name]
        if damage == "absent":
            del changed[name]
        elif damage == "of another type":
            changed[name] = array.astype("f4" if array.dtype.kind == "M" else "M8[s]")
        else:
            changed[name] = np.stack([array[None]] * 2)
        write_state(folder, changed, owner)
        with pytest.raises(ValueError, match=rf"{STATE_FILE} is no checkpoint .* Delete .* to start again"):
            score_dataset(detector, layouts["mixed"], tmp_path / "out", by="machine")
            pytest.fail(f"{name} may be {damage}")


def test_a_checkpoint_with_other_values_is_refused_or_gone_on_from(layouts, detector, tmp_path):
    out, refused = tmp_path / "out", set()
    folder, owner, state = checkpoint_of(layouts["mixed"], detector, out)
    shutil.copytree(out, tmp_path / "stopped")
    values = {"f": (np.nan, np.inf, -1.0), "i": (-1, 2**62), "u": (0, 255), "b": (True,), "M": ("NaT",)}
    for name in own_names(state):
        for value in values[state[name].dtype.kind]:
            write_state(folder, state | {name: np.full_like(state[name], value)}, owner)
            try:
                score_dataset(detector, layouts["mixed"], out, by="machine")
            except ValueError as error:
                assert "to start again" in str(error), f"{name}: {error}"
                refused.add(name)
            else:
                shutil.rmtree(out)
                shutil.copytree(tmp_path / "stopped", out)
    own = {f"2 entity.{name}" for name in ("rows", "values", "times", "previous_time", "period", "steps_back")}
    assert own | {"position", "2 size", "2 summary"} <= refused


def test_a_process_that_is_killed_loses_nothing(layouts, whole, detector, tmp_path):
    model = seqae.save(detector, tmp_path / "model")
    script = f"""
import os, signal, seqae
from seqae.anomaly.bulk import entity, job, source
from seqae.anomaly.bulk.dataset import score_dataset
entity.BLOCK_ROWS, job.CHECKPOINT_ROWS, source.READ_ROWS = 60, 120, 70
kill = lambda done, total: done > 500 and os.kill(os.getpid(), signal.SIGKILL)
data, out = {str(layouts["mixed"])!r}, {str(tmp_path / "out")!r}
score_dataset(seqae.load({str(model)!r}), data, out, "0/1", kill, by="machine")
"""
    environment = os.environ | {"PYTHONPATH": str(Path(seqae.__file__).parents[1])}
    ended = subprocess.run([sys.executable, "-c", script], env=environment)
    assert ended.returncode == -signal.SIGKILL
    first: list[int] = []
    out = tmp_path / "out"
    score_dataset(detector, layouts["mixed"], out, progress=lambda done, total: first.append(done), by="machine")
    assert first[1] >= 500 - 120 - 70
    assert content(out) == content(whole)


def test_another_model_other_data_and_other_options_are_refused_by_name(layouts, machines, detector, tmp_path):
    out, data = tmp_path / "out", tmp_path / "data"
    data.mkdir()
    machines.to_parquet(data / "a.parquet", index=False)
    score_dataset(detector, data, out, by="machine")
    other = AnomalyDetector(window=5).fit(machines.drop(columns="machine")[:300])
    with pytest.raises(ValueError, match=r"begun with another model.*or give another out"):
        score_dataset(other, data, out, by="machine")
    with pytest.raises(ValueError, match=r"other options: by was \['machine'\], and is \['file'\]"):
        score_dataset(detector, data, out, by="file")
    machines.to_parquet(data / "b.parquet", index=False)
    with pytest.raises(ValueError, match=r"other data: b\.parquet is new"):
        score_dataset(detector, data, out, by="machine")
    (data / "b.parquet").unlink()
    machines[5:].to_parquet(data / "a.parquet", index=False)
    with pytest.raises(ValueError, match=r"other data: a\.parquet has changed"):
        score_dataset(detector, data, out, by="machine")


def test_a_manifest_that_is_none_is_refused(layouts, detector, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for content in ([1], {"version": "\ud800"}):
        (out / "manifest.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match="is no manifest"):
            score_dataset(detector, layouts["mixed"], out, by="machine")
    (out / "manifest.json").write_text(json.dumps({"format": 1, "version": "9" * 5000}))
    with pytest.raises(ValueError, match=r"another version of seqae, 9{200} and not"):
        score_dataset(detector, layouts["mixed"], out, by="machine")


def test_time_that_goes_back_begins_another_run_and_is_told(machines, detector, scored, tmp_path):
    rows = machines[machines.machine == "m1"]
    doubled = pd.concat([rows, rows], ignore_index=True)
    doubled.to_parquet(tmp_path / "a.parquet", index=False)
    (summary,) = score_dataset(detector, tmp_path / "a.parquet", tmp_path / "out", by="machine")
    assert summary.warnings == ["time goes back 1 times: what comes after is read as another run"]
    found = scored(tmp_path / "out")
    np.testing.assert_allclose(found.score[:160], found.score[160:], rtol=1e-6, atol=1e-6)


def test_rows_without_times_are_scored_in_their_order(machines, detector, scored, tmp_path):
    rows = machines.drop(columns="time")
    rows.to_parquet(tmp_path / "a.parquet", index=False)
    score_dataset(detector, tmp_path / "a.parquet", tmp_path / "out", by="machine")
    found = scored(tmp_path / "out")
    assert "time" not in found.columns
    own = found[found.entity == "m4"]
    whole = detector.score_samples(rows[rows.machine == "m4"].drop(columns="machine"))
    np.testing.assert_allclose(own.score, whole, rtol=1e-6, atol=1e-6)


def test_a_detector_of_a_fleet_scores_each_machine_by_its_own_level(layouts, machines, scored, tmp_path):
    normal = machines.groupby("machine").head(120)
    shifted = normal.assign(flow=normal.flow + 1000 * (normal.machine == "m1"))
    fleet = AnomalyDetector(window=4, resolutions=(1,)).fit(shifted, by="machine")
    score_dataset(fleet, layouts["mixed"], tmp_path / "out", by="machine")
    found = scored(tmp_path / "out")
    for detection in fleet.detect(machines, by="machine"):
        own = found[found.entity == detection.entity]
        np.testing.assert_allclose(own.score, detection.scores, rtol=1e-6, atol=1e-6)
    assert found[found.entity == "m1"].alarm.mean() > 0.9
    machines.assign(machine="m9").to_parquet(tmp_path / "new.parquet", index=False)
    with pytest.raises(ValueError, match="m9"):
        score_dataset(fleet, tmp_path / "new.parquet", tmp_path / "other", by="machine")


def test_a_detector_that_is_not_fitted_is_refused(layouts, tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        BulkJob.begin(AnomalyDetector(), layouts["mixed"], tmp_path, ReadingOptions())
