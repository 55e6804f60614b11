"""A watch says of rows that come in any way what the detector says of the recording, and outlives what goes wrong."""

from __future__ import annotations

import errno
import gc
import itertools
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import machine as readings
from seqae.anomaly.online.state import read_state, write_state
from seqae.service import machine_watch
from seqae.service.brokers.journal import Journal
from seqae.service.kept_reading import KeptReading
from seqae.service.machine_watch import UnusableState
from seqae.service.records import records_of
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.state_lock import StateLock
from seqae.service.watch import Watch, WatchOptions
from seqae.service.watch_update import WatchUpdate


def updates(watch: Watch, frame: pd.DataFrame, rows_of: Callable, size: int = 10) -> Iterator[WatchUpdate]:
    for start in range(0, len(frame), size):
        yield watch.take(rows_of(frame, start, start + size))
    yield from watch.finish()


def events_in(found: list[WatchUpdate]) -> list[tuple]:
    events = [event for each in found if each.update is not None for event in each.update.events]
    return [(event.start, event.stop, event.start_time, round(event.severity, 3)) for event in events]


def scores_in(found: list[WatchUpdate]) -> np.ndarray:
    return np.concatenate([each.update.scores for each in found if each.update is not None])


def events_of(detector: seqae.AnomalyDetector, frame: pd.DataFrame) -> list[tuple]:
    (whole,) = detector.detect(frame)
    return [(event.start, event.stop, event.start_time, round(event.severity, 3)) for event in whole.events]


def test_it_finds_what_the_detector_finds_in_the_whole(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    watch = Watch(detector)
    found = list(updates(watch, faulty, rows_of))
    assert events_in(found) == events_of(detector, faulty) and len(events_in(found)) >= 1
    (whole,) = detector.detect(faulty)
    np.testing.assert_allclose(scores_in(found), whole.scores, rtol=1e-4)
    counters = watch.counters
    assert (counters.rows, counters.gaps, counters.dropped) == (300, 1, 0)
    assert (counters.alarms, counters.events) == (int(whole.alarms.sum()), len(whole.events))
    (gap,) = [gap for each in found for gap in each.gaps]
    assert (gap.seconds, gap.period) == (3601.0, 1.0)


def test_late_and_repeated_rows_are_reported_and_change_nothing(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    order = [*range(100), 90, *range(100, 180), 179, *range(180, 300)]
    watch = Watch(detector)
    found = list(updates(watch, faulty.iloc[order], rows_of, size=1))
    assert events_in(found) == events_of(detector, faulty)
    late, repeated = [rejection for each in found for rejection in each.rejections]
    assert (late.reason, repeated.reason) == ("late", "repeated")
    assert "a row of 2024-01-01T00:01:30 came after 2024-01-01T00:01:39 was judged (line 100)" in late.message
    assert json.loads(late.text)["flow"] == faulty["flow"][90]
    assert (watch.counters.late, watch.counters.repeated, watch.counters.dropped) == (1, 1, 2)


def test_late_rows_are_put_in_order_if_rows_wait_for_them(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    order = np.arange(300).reshape(-1, 4)[:, ::-1].ravel()
    watch = Watch(detector, WatchOptions(reorder=4))
    found = list(updates(watch, faulty.iloc[order], rows_of, size=7))
    assert events_in(found) == events_of(detector, faulty)
    assert (watch.counters.dropped, watch.counters.reordered) == (0, 225)
    with pytest.raises(ValueError, match="reorder=-1 is no number of rows"):
        WatchOptions(reorder=-1)


def test_where_a_clock_was_set_back_another_run_begins_and_it_is_said(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    faulty = faulty.copy()
    faulty.loc[200:, "time"] -= pd.Timedelta("5h")
    watch = Watch(detector)
    found = list(updates(watch, faulty, rows_of))
    assert events_in(found) == events_of(detector, faulty)
    (note,) = [note for each in found for note in each.notes]
    assert note.startswith("time goes back to 2023-12-31T20:03:20 (line 200), and goes on from there")
    assert (watch.counters.restarts, watch.counters.dropped) == (1, 0)


def notes_of(detector: seqae.AnomalyDetector, frame: pd.DataFrame, rows_of: Callable) -> list[str]:
    return [note for each in updates(Watch(detector), frame, rows_of) for note in each.notes]


def test_shuffled_times_and_another_rate_are_said(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    shuffled = faulty.assign(time=faulty["time"].sample(frac=1, random_state=0).to_numpy())
    assert any("rows are not in time order" in note for note in notes_of(detector, shuffled, rows_of))
    few_late = faulty[:200].iloc[[row - 2 * (row % 20 == 19) for row in range(200)]]
    assert not any("not in time order" in note for note in notes_of(detector, few_late, rows_of))
    slower = faulty[:200].copy()
    slower.loc[100:, "time"] = slower["time"][99] + pd.to_timedelta(np.arange(1, 101) * 2.5, unit="s")
    (note,) = notes_of(detector, slower, rows_of)
    assert "a row every 2.5 s" in note and "the detector learnt from rows every 1 s" in note
    assert notes_of(detector, faulty, rows_of) == []


def test_rows_that_cannot_be_used_are_rejected_or_end_a_strict_watch(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable
):
    watch, good = Watch(detector), rows_of(faulty, 0, 5)
    watch.take(good)
    bad = [
        RowBlock(good.values[:, :1], good.times),
        RowBlock(good.values, np.arange(5.0)),
        RowBlock(good.values, None),
    ]
    for block in bad:
        assert [each.reason for each in watch.take(block).rejections] == ["row"] * 5
        with pytest.raises(ValueError):
            strict = Watch(detector, WatchOptions(is_strict=True))
            strict.take(good)
            strict.take(block)
    assert watch.take(Rejection("format", "no")).rejections[0].reason == "format"
    assert (watch.counters.rows, dict(watch.counters.rejected)) == (5, {"row": 15, "format": 1})


TIMES = {"dates": np.array(["2024-03-01T00:00:00"], "datetime64[ns]"), "seconds": np.arange(1.0), "none": None}


@pytest.mark.parametrize("first, second", itertools.permutations(TIMES, 2))
def test_one_row_settles_whether_a_machine_has_dates_seconds_or_no_times(
    detector: seqae.AnomalyDetector, first: str, second: str
):
    watch, values = Watch(detector, WatchOptions(is_strict=True)), np.zeros((1, len(detector.channels_)))
    watch.take(RowBlock(values, TIMES[first]))
    with pytest.raises(ValueError, match="Keep to"):
        watch.take(RowBlock(values, TIMES[second]))
    list(watch.finish())
    assert watch.counters.rows == 1


def test_each_machine_is_judged_by_its_own_threshold(rows_of: Callable):
    fleet = pd.concat([readings(500, seed=seed).assign(unit=unit) for seed, unit in enumerate(["A", "B/b"])])
    detector = seqae.AnomalyDetector(window=16, epochs=0).fit(fleet, by="unit")
    watch, found = Watch(detector), {}
    frames = {unit: part.drop(columns="unit") for unit, part in fleet.groupby("unit")}

    def watched(unit: str) -> None:
        frame = frames[unit]
        found[unit] = [watch.take(rows_of(frame, row, row + 50), unit) for row in range(0, 500, 50)]

    threads = [threading.Thread(target=watched, args=(unit,)) for unit in frames]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for unit, (whole,) in zip(frames, [detector.detect(fleet[fleet["unit"] == unit]) for unit in frames]):
        scores = scores_in(found[unit])
        np.testing.assert_allclose(scores, whole.scores[: len(scores)], rtol=1e-4)
        assert {each.threshold for each in found[unit]} == {whole.threshold}
    unknown = watch.take(rows_of(frames["A"], 0, 1), "C").rejections
    assert [each.reason for each in unknown] == ["row"] and "machine 'C' is not one" in unknown[0].message
    assert watch.counters.rows == 1000


def records(found: list[WatchUpdate]) -> dict[tuple, dict]:
    """The final rows and events by their number; the same ones may come again."""
    known: dict[tuple, dict] = {}
    for record in [each for update in found for each in records_of(update, "final", ("flow", "pressure"))]:
        key = ("event", record["event"]["start"]) if "event" in record else ("row", record.get("row", -1))
        if "alert" not in record:
            assert known.setdefault(key, record) == record
    return known


@pytest.mark.parametrize("reorder", [0, 3])
def test_after_kills_at_any_moment_no_row_is_lost_and_none_is_judged_in_another_way(
    reorder: int, detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    random = np.random.default_rng(reorder)
    delayed = np.argsort(np.arange(300) + random.integers(0, reorder + 1, 300), kind="stable")
    frame = faulty.iloc[delayed]
    whole = records(list(updates(Watch(detector, WatchOptions(reorder=reorder)), frame, rows_of)))
    options = WatchOptions(reorder=reorder, state=tmp_path, save_every=0)
    found: list[WatchUpdate] = []
    kills = sorted(random.integers(1, 300, 10).tolist())
    for killed in [*kills, 300]:
        watch = Watch(detector, options)
        row = 0  # the input begins again
        while row < killed:
            start, row = row, min(row + int(random.integers(1, 30)), killed)
            found.append(watch.take(rows_of(frame, start, row)))
            if random.random() < 0.3:
                watch.save()
        if killed == 300:
            found += watch.finish()
        watch.release()  # as the end of a process does, which saves nothing
    assert records(found) == whole
    assert len(whole) > 300


def test_a_full_disk_is_said_and_the_next_saving_holds(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path, monkeypatch
):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "stream.safetensors"))

    watch = Watch(detector, WatchOptions(state=tmp_path, save_every=0))
    watch.take(rows_of(faulty, 0, 50))
    with monkeypatch.context() as patch:
        patch.setattr(machine_watch, "write_state", full)
        (note,) = watch.save_if_due().notes
        assert "the state was not saved: No space left on device" in note
    watch.take(rows_of(faulty, 50, 60))
    assert (watch.save_if_due().notes, watch.counters.unsaved) == ((), 1)
    watch.close()
    with Watch(detector, WatchOptions(state=tmp_path)) as again:
        assert again.take(rows_of(faulty, 0, 61)).notes == (
            f"goes on after 60 rows (state of {tmp_path})",
            "skipped 60 rows, which were judged before the restart",
        )


def test_a_row_that_came_by_itself_since_the_last_saving_is_saved(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 50))
        watch.save()
        watch.take(rows_of(faulty, 50, 51))
    with Watch(detector, WatchOptions(state=tmp_path)) as again:
        assert again.machine("").online.segment.stop == 51


def test_a_state_has_one_writer_and_that_of_a_dead_process_is_taken_over(
    detector: seqae.AnomalyDetector, tmp_path: Path
):
    options = WatchOptions(state=tmp_path / "kept")
    writer = Watch(detector, options)
    with pytest.raises(ValueError, match=f"written to by another watch: process {os.getpid()} on "):
        Watch(detector, options)
    writer.close()
    hold = (
        "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(tmp_path / "kept" / "writer.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(ValueError, match="written to by another watch"):
            Watch(detector, options)
        other.kill()
    Watch(detector, options).close()


def test_machines_whose_names_make_one_file_name_have_states_of_their_own(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    for skipped in (0, 80):
        with Watch(detector, WatchOptions(state=tmp_path)) as watch:
            for entity in ("A/b", "A b"):
                watch.take(rows_of(faulty, 0, 40, entity))
            assert watch.counters.skipped == skipped


def test_the_state_of_another_detector_is_an_error_and_no_reason_to_leave_rows_out(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 40))
    other = seqae.AnomalyDetector(window=16, epochs=0).fit(readings(800, seed=3))
    with Watch(other, WatchOptions(state=tmp_path)) as watch, pytest.raises(UnusableState, match="another detector"):
        watch.take(rows_of(faulty, 0, 40))


def test_the_state_of_another_machine_is_an_error(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 40, "a"))
    (tmp_path / "a").rename(tmp_path / "b")
    with Watch(detector, WatchOptions(state=tmp_path)) as watch, pytest.raises(UnusableState, match="belongs to"):
        watch.take(rows_of(faulty, 0, 40, "b"))


@pytest.mark.parametrize(("error", "skipped"), [(ValueError, 40), (BrokenPipeError, 0)])
def test_after_an_error_by_which_results_are_lost_rows_are_judged_again(
    error: type, skipped: int, detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    with pytest.raises(error), Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 40))
        raise error
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 41))
        assert watch.counters.skipped == skipped


def test_times_that_a_rhythm_cannot_use_are_refused_before_a_row_is_taken(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, monkeypatch: pytest.MonkeyPatch
):
    class Rhythm:
        def dated(self, times: np.ndarray) -> None:
            raise ValueError("seconds are no dates")

    watch = Watch(detector)
    watch.take(rows_of(faulty, 0, 5))
    monkeypatch.setattr(watch.machines[""].online, "scorer", SimpleNamespace(rhythm=Rhythm(), channels=("a", "b")))
    assert [each.message for each in watch.take(rows_of(faulty, 5, 6)).rejections] == ["seconds are no dates"]
    assert watch.counters.rows == 5


def test_memory_stays_flat_however_many_rows_come(detector: seqae.AnomalyDetector, rows_of: Callable):
    frame, kept = readings(8000, seed=5), []
    watch = Watch(detector, WatchOptions(reorder=5))
    tracemalloc.start()
    for start in range(0, 8000, 400):
        late = rows_of(frame, start // 2, start // 2 + 1)
        for block in (rows_of(frame, start, start + 400), late, RowBlock(np.zeros((1, 1)), None)):
            watch.take(block)
        if start in (3600, 7600):
            gc.collect()  # which takes long
            kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    early, late = kept
    assert late - early < 40_000  # bytes; the values of 4,000 rows alone are 64,000
    assert watch.counters.rows == 8020


def test_a_state_that_lacks_a_part_or_whose_parts_do_not_fit_is_named(
    detector: seqae.AnomalyDetector, faulty: pd.DataFrame, rows_of: Callable, tmp_path: Path
):
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        watch.take(rows_of(faulty, 0, 40))
        owner = watch.machines[""].owner
    state = read_state(tmp_path, owner)
    names = ("latest", "waiting times", "held times", "doubtful times")
    seconds = {f"order {name}": state[f"order {name}"].astype(float) for name in names}  # the judged rows have dates
    changed = [
        {key: array for key, array in state.items() if key != name} for name in ("segment.table", "order latest")
    ]
    for each in (*changed, state | seconds, state | {"savings": np.zeros(3)}):
        write_state(tmp_path, each, owner)
        with (
            Watch(detector, WatchOptions(state=tmp_path)) as watch,
            pytest.raises(UnusableState, match=r"stream\.safetensors holds a state .*Delete it to start again"),
        ):
            watch.take(rows_of(faulty, 0, 40))


@pytest.mark.parametrize("content", ["", "[]", "[" * 10_000, '{"process": 1e999}', '{"process": 1, "process": 2}'])
def test_notes_beside_a_state_that_are_damaged_are_told_or_left_out(
    content: str, detector: seqae.AnomalyDetector, tmp_path: Path
):
    for name in ("reading.json", "unacknowledged.json"):
        (tmp_path / name).write_text(content)
    with Watch(detector, WatchOptions(state=tmp_path)) as watch:
        (tmp_path / "writer.json").write_text(content)
        with pytest.raises(ValueError, match=r"is written to by another watch\. Expected one writer"):
            StateLock(tmp_path)
        assert KeptReading(tmp_path).day_first is None
        with pytest.raises(ValueError, match=r"unacknowledged\.json is damaged \(.*\)\. Delete it"):
            Journal(watch, 100).judged()
