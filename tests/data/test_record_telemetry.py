"""The recorder measures what it says, its faults are bounded, and it leaves nothing behind."""

import csv
import gzip
import importlib.util
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "data" / "record_telemetry.py"
SHIPPED = SCRIPT.parent / "telemetry"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the recorder reads /proc")


@pytest.fixture(scope="module")
def recorder():
    spec = importlib.util.spec_from_file_location("record_telemetry", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def processes_of(word):
    """Return the processes with this word on their command line; forked workers have that of the recorder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                word.encode() in (folder / "cmdline").read_bytes()
                and "State:\tZ" not in (folder / "status").read_text()
            ):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def eventually(condition, seconds=300.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def read_table(path):
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.reader(file))


def environment(folder):
    folder.mkdir()
    return os.environ | {"TMPDIR": str(folder)}


def test_plan_is_repeated_by_its_seed_and_changed_by_another(recorder):
    assert recorder.plan_faults(3600, seed=3) == recorder.plan_faults(3600, seed=3)
    assert recorder.plan_faults(3600, seed=3) != recorder.plan_faults(3600, seed=4)


@pytest.mark.parametrize("seed", range(20))
def test_faults_are_bounded_and_never_overlap(recorder, seed):
    seconds = random.Random(seed).randint(100, 8000)
    faults = recorder.plan_faults(seconds, seed)
    for fault in faults:
        kind = recorder.KINDS[fault.kind]
        assert kind.seconds[0] <= fault.end - fault.start <= kind.seconds[1] <= 240
        assert kind.strength[0] <= fault.strength <= kind.strength[1]
        assert fault.target in kind.targets
        assert fault.channels
        assert set(fault.channels) <= set(recorder.CHANNELS)
    edges = [0, *(edge for fault in faults for edge in (fault.start, fault.end)), seconds]
    assert all(later - earlier >= 60 for earlier, later in list(pairwise(edges))[::2])


def test_every_kind_of_fault_comes_before_one_is_repeated(recorder):
    kinds = [fault.kind for fault in recorder.plan_faults(7200, seed=0)]
    assert len(kinds) > len(recorder.KINDS)
    assert set(kinds[: len(recorder.KINDS)]) == set(recorder.KINDS)


def test_level_is_zero_outside_of_the_fault_and_grows_only_if_it_should(recorder):
    sudden = recorder.Fault("cpu_hog", 10, 14, 0.8, "")
    slow = recorder.Fault("memory_leak", 10, 14, 100, "")
    assert [sudden.level(second) for second in range(9, 16)] == [0, 0.8, 0.8, 0.8, 0.8, 0, 0]
    assert [slow.level(second) for second in range(9, 16)] == [0, 25, 50, 75, 100, 0, 0]


def test_broken_sensors_change_their_channels_only_and_only_during_the_fault(recorder):
    row, shown = {"rss": 100.0, "requests": 7.0}, {"rss": 80.0, "requests": 5.0}
    past = [{"rss": float(number), "requests": -1.0} for number in range(10)]
    changed = {
        recorder.Fault("stuck_sensor", 10, 20, 1, "rss"): {"rss": 80.0, "requests": 7.0},
        recorder.Fault("drifting_sensor", 10, 20, 0.5, "rss"): {"rss": 150.0, "requests": 7.0},
        recorder.Fault("replayed_sensor", 10, 20, 3.7, "rss"): {"rss": 7.0, "requests": 7.0},
        recorder.Fault("replayed_sensor", 10, 20, 200, "rss"): {"rss": 0.0, "requests": 7.0},  # as long before as known
        recorder.Fault("late_sensor", 10, 20, 5, "rss"): {"rss": 5.0, "requests": 7.0},
        recorder.Fault("swapped_sensors", 10, 20, 1, "rss+requests"): {"rss": 7.0, "requests": 100.0},
        recorder.Fault("cpu_hog", 10, 20, 1, ""): row,
    }
    for fault, expected in changed.items():
        assert [recorder.distort(row, shown, past, fault, second) for second in (10, 21)] == [row, row]
        assert recorder.distort(row, shown, past, fault, 20) == expected
    assert recorder.Fault("swapped_sensors", 10, 20, 1, "read_rate+write_rate").channels == ("read_rate", "write_rate")


def test_sensor_that_is_late_shows_the_rows_before_one_after_the_other(recorder):
    fault, past, found = recorder.Fault("late_sensor", 5, 10, 2, "rss"), [{"rss": math.nan}], []
    for second in range(1, 13):
        row = {"rss": float(second)}
        found.append(recorder.distort(row, row, past, fault, second)["rss"])
        past.append(row)
    assert found == [1, 2, 3, 4, 5, 4, 5, 6, 7, 8, 11, 12]


def test_row_tells_rates_of_the_processes_that_live_and_means_of_the_events_that_happened(recorder):
    sizes = {"processes": 2, "open_files": 9, "rss": 50.0}
    service = {(0, "requests"): 10, (0, "request_seconds"): 1.0, (0, "fsyncs"): 3, (0, "fsync_seconds"): 0.5}
    before = recorder.Reading(100.0, service | {(7, "page_faults"): 1000, (8, "page_faults"): 50}, sizes)
    later = service | {(0, "requests"): 14, (0, "request_seconds"): 1.2}
    # Process 7 has died and 9 is new: the totals of 7 must not be subtracted from anything.
    now = recorder.Reading(102.0, later | {(8, "page_faults"): 60, (9, "page_faults"): 30}, sizes | {"rss": 60.0})
    row = recorder.row_between(before, now)
    assert list(row) == list(recorder.CHANNELS)
    assert row["page_faults"] == (10 + 30) / 2
    assert row["requests"] == 2
    assert row["request_time"] == pytest.approx(50)
    assert math.isnan(row["fsync_time"])
    assert row["rss"] == 60


def test_recording_has_a_row_a_second_and_leaves_no_process_or_file(tmp_path):
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import record_telemetry as recorder
recorder.WARM_UP = 0.3
recorder.record("faults", 3, Path(sys.argv[2]), [recorder.Fault("dead_worker", 1, 2, 1, "disk")])
"""
    arguments = [sys.executable, "-c", code, str(SCRIPT.parent), str(tmp_path / "recording")]
    subprocess.run(arguments, env=environment(tmp_path / "temporary"), check=True, timeout=300)

    with (tmp_path / "recording" / "faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["second"] for row in rows] == ["1", "2", "3"]
    assert [row["processes"] for row in rows] == ["5", "4", "5"]
    assert rows[1]["fsync_time"] == ""
    assert float(rows[1]["cpu_disk"]) == 0 < float(rows[0]["cpu_disk"])
    assert all(0 < float(row["cpu_compute"]) < 2 and float(row["requests"]) > 0 for row in rows)
    assert processes_of(str(tmp_path)) == []
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_stopped_recorder_takes_its_service_with_it(tmp_path, number):
    arguments = [sys.executable, str(SCRIPT), "normal", "--minutes", "1", "--out", str(tmp_path / "recording")]
    with subprocess.Popen(arguments, env=environment(tmp_path / "temporary"), stderr=subprocess.DEVNULL) as process:
        assert eventually(lambda: len(processes_of(str(tmp_path))) == 6)
        process.send_signal(number)
        process.wait(timeout=300)
    assert eventually(lambda: processes_of(str(tmp_path)) == [])
    if number != signal.SIGKILL:  # nobody can clean up after that
        assert list((tmp_path / "temporary").iterdir()) == []


def test_packed_labels_name_the_first_and_the_last_row_of_each_fault(recorder, tmp_path):
    times = [f"2026-01-01T00:00:{second:02}.000+00:00" for second in range(1, 9)]
    for part in ("normal", "faults"):
        lines = [f"{stamp},{second}" + ",1.5" * len(recorder.CHANNELS) for second, stamp in enumerate(times, 1)]
        header = ",".join(["time", "second", *recorder.CHANNELS])
        (tmp_path / f"{part}.csv").write_text("\n".join([header, *lines]) + "\n")
    fault = {"kind": "hung_worker", "start": 3, "end": 6, "strength": 1, "target": "memory"}
    (tmp_path / "faults.json").write_text(json.dumps([fault]))
    recorder.pack(tmp_path, tmp_path)

    (label,) = json.loads((tmp_path / "labels.json").read_text())
    assert (label["start"], label["end"]) == (times[3], times[6])  # it was continued in the second before the last
    assert label["channels"] == ["heartbeats", "rss"]
    table = read_table(tmp_path / "faults.csv.gz")
    assert table[0][:2] == ["time", "cpu_user [core]"]
    assert [row[0] for row in table[1:]] == times


def test_shipped_recording_is_small_complete_and_described(recorder):
    readme = (SHIPPED / "README.md").read_text()
    assert all(f"`{name}`" in readme for name in [*recorder.CHANNELS, *recorder.KINDS])
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 1_500_000
    header = ["time", *(f"{name} [{unit}]" for name, unit in recorder.CHANNELS.items())]
    tables = {part: read_table(SHIPPED / f"{part}.csv.gz") for part in ("normal", "faults")}
    assert tables["normal"][0] == tables["faults"][0] == header
    stamps = {row[0] for row in tables["faults"][1:]}
    labels = json.loads((SHIPPED / "labels.json").read_text())
    assert len(labels) >= 10
    assert all(label["start"] in stamps and label["end"] in stamps for label in labels)
