"""`seqae stream` as a process with pipes, beside what the detector says of the whole recording."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import machine as readings
from seqae.anomaly.events import read_events_json
from seqae.data.signals.telemetry import telemetry_folder


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    detector = seqae.AnomalyDetector(resolutions=(1, 4), epochs=0)
    return seqae.save(detector.fit(readings(1200, seed=0)), tmp_path_factory.mktemp("run") / "model")


@pytest.fixture
def today() -> pd.DataFrame:
    """Rows with a fault, a missing value, and an hour that is missing."""
    frame = readings(600, seed=1)
    frame.loc[150:170, "pressure [bar]"] = 35
    frame.loc[300, "flow"] = np.nan
    frame.loc[400:, "time"] += pd.Timedelta("1h")
    return frame


def started(saved: Path, *words: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "seqae.cli", "stream", str(saved), *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)


@pytest.fixture
def streamed_here(command: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable:
    """Runs it to the end, without a process of its own, which takes seconds to start."""

    def run(saved: Path, text: str, *words: str) -> tuple[int, str, str]:
        (tmp_path / "stdin").write_bytes(text.encode())
        with (tmp_path / "stdin").open() as file, monkeypatch.context() as patch:
            patch.setattr("sys.stdin", file)
            done = command("stream", str(saved), *words)
        return done.code, done.printed, done.err

    return run


def records(out: str, *without: str) -> list[dict]:
    found = [json.loads(line) for line in out.splitlines()]
    return [record for record in found if not {*without} & record.keys()]


def assert_as_a_whole(out: str, saved: Path, frame: pd.DataFrame) -> None:
    (whole,) = seqae.load(saved).detect(frame)
    rows = pd.DataFrame(records(out, "alert", "event"))
    assert rows["row"].tolist() == list(range(len(frame)))
    np.testing.assert_allclose(rows["score"].astype(float), whole.scores, rtol=1e-4)
    np.testing.assert_array_equal(rows["alarm"], whole.alarms)
    np.testing.assert_allclose(rows["pressure score"].astype(float), whole.channel_scores[:, 1], rtol=1e-4)
    np.testing.assert_array_equal(pd.to_datetime(rows["time"]), frame["time"])
    events = [record["event"] for record in records(out) if "event" in record]
    assert [(event["start"], event["stop"], event["start_time"]) for event in events] == [
        (event.start, event.stop, event.start_time) for event in whole.events
    ]


def test_csv_comes_out_as_the_detector_scores_the_whole(saved: Path, today: pd.DataFrame, streamed_here: Callable):
    code, out, err = streamed_here(saved, today.to_csv(index=False))
    assert (code, err) == (0, "")
    assert_as_a_whole(out, saved, today)
    alerts = [record["alert"] for record in records(out) if "alert" in record]
    assert any(150 <= alert["detected_at"] < 170 and alert["channel"] == "pressure" for alert in alerts)


def test_findings_come_while_rows_still_come_and_who_stops_it_may_go_on(
    saved: Path, today: pd.DataFrame, streamed_here: Callable, tmp_path: Path
):
    lines = today.to_csv(index=False).splitlines(keepends=True)
    words = ("--scores", "provisional", "--state", str(tmp_path / "state"))
    process = started(saved, *words)
    process.stdin.write("".join(lines[:450]).encode())
    found = [process.stdout.readline()]
    while json.loads(found[-1]).get("row") != 448:
        found.append(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert (process.returncode, err) == (0, b"")
    code, later, err = streamed_here(saved, "".join([lines[0], *lines[450:]]), *words)
    assert (code, err) == (0, f"note   goes on after 449 rows (state of {tmp_path / 'state'})\n")
    _, whole, _ = streamed_here(saved, today.to_csv(index=False), *words[:2], "--state", str(tmp_path / "other"))
    key = json.dumps  # the order within a block is by kind
    in_parts = sorted(map(key, records(b"".join([*found, out]).decode() + later)))
    in_one = sorted(map(key, records(whole)))
    assert [line[:20] for line in in_parts] == [line[:20] for line in in_one]
    assert len(in_parts) > 600


SAVING_OFTEN = """
import functools, sys
from seqae.cli import main
from seqae.service import watch
watch.WatchOptions = functools.partial(watch.WatchOptions, save_every=0)
main(sys.argv[1:])
"""


def test_after_a_kill_the_same_input_gives_the_rest(
    saved: Path, today: pd.DataFrame, streamed_here: Callable, tmp_path: Path
):
    lines = today.to_csv(index=False).splitlines(keepends=True)
    state = ("--state", str(tmp_path / "state"))
    words = [sys.executable, "-c", SAVING_OFTEN, "stream", str(saved), *state]
    pipe, found = subprocess.PIPE, b""
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0) as process:
        for start in range(0, 401, 5):
            process.stdin.write("".join(lines[start : start + 5]).encode())
        while b'"row": 120,' not in found:
            found += process.stdout.readline()
        process.kill()
        found += process.stdout.read()
    found += b"\n" + streamed_here(saved, "".join(lines), *state)[1].encode()
    known: dict[int, dict] = {}
    whole_lines = [line for line in found.decode().splitlines() if line.endswith("}")]  # a kill may cut the last one
    for record in records("\n".join(whole_lines), "alert", "event"):
        assert known.setdefault(record["row"], record) == record
    (whole,) = seqae.load(saved).detect(today)
    reach = seqae.OnlineDetector(seqae.load(saved)).delay
    assert [*known] == list(range(len(today) - reach))  # the last ones wait for rows to come
    np.testing.assert_allclose([each["score"] for each in known.values()], whole.scores[: len(known)], rtol=1e-4)


def test_a_reader_that_goes_away_ends_it(saved: Path, today: pd.DataFrame):
    process = started(saved)
    process.stdout.close()
    _, err = process.communicate(today.to_csv(index=False).encode(), timeout=300)
    assert (process.returncode, err) == (141, b"")


def test_as_csv_rows_are_on_standard_output_and_events_on_standard_error(
    saved: Path, today: pd.DataFrame, streamed_here: Callable
):
    today.loc[384:, "pressure [bar]"] += 20
    code, out, err = streamed_here(
        saved, today.to_json(orient="records", lines=True, date_format="iso"), "--format", "csv"
    )
    table = pd.read_csv(io.StringIO(out))
    assert (code, len(table)) == (0, 600)
    expected = ["row", "time", "score", "alarm", "flow score", "pressure score"]
    assert list(table.columns) == expected
    assert {line.split()[0] for line in err.splitlines()} == {"alert", "event", "drift"}
    (drift,) = [line for line in err.splitlines() if line.startswith("drift") and "mean" in line]
    assert drift.startswith("drift  channel 'pressure': mean ") and "since 2024-01-01T00:06:24;" in drift
    code, out, _ = streamed_here(saved, today.to_csv(index=False), "--format", "csv", "--scores", "provisional")
    assert list(pd.read_csv(io.StringIO(out)).columns) == ["row", "time", "provisional score"]


def test_where_it_is_strict_a_bad_line_ends_it_after_what_came_before(
    saved: Path, today: pd.DataFrame, streamed_here: Callable
):
    text = today[:100].to_csv(index=False) + "2024-01-01 00:01:40,1.5,off\n"
    code, out, err = streamed_here(saved, text, "--scores", "provisional", "--strict")
    assert code == 2
    assert err.startswith(
        "error: column 'pressure' holds text: 'off' (standard input, line 102). A channel holds numbers."
    )
    assert len(records(out, "alert")) == 100


BAD_LINES = ["2024-01-01 00:01:40,1.5,off", "2024-01-01 00:01:40,1.5", "x,1,2", '2024-01-01 00:01:40,"1,2']


def test_bad_lines_are_reported_and_skipped_and_the_watch_goes_on(
    saved: Path, today: pd.DataFrame, streamed_here: Callable, tmp_path: Path
):
    lines = today.to_csv(index=False).splitlines()
    text = "\n".join([*lines[:101], *BAD_LINES, *lines[101:], ""])
    code, out, err = streamed_here(saved, text, "--rejected", str(tmp_path / "bad.jsonl"))
    assert code == 0
    assert_as_a_whole(out, saved, today)
    assert [line.split()[0] for line in err.splitlines()] == ["reject"] * 4 + ["note"]
    assert "holds text: 'off' (standard input, line 102)" in err
    assert "4 lines or rows were not judged (1 values, 1 format, 1 time, 1 length)" in err
    kept = [json.loads(line) for line in (tmp_path / "bad.jsonl").read_text().splitlines()]
    assert [each["text"] for each in kept] == BAD_LINES
    assert [each["line"] for each in kept] == [102, 103, 104, 105]
    assert streamed_here(saved, text, "--format", "csv", "--json")[0] == 2


def test_where_no_line_can_be_read_it_ends_with_the_first_reason(
    saved: Path, today: pd.DataFrame, streamed_here: Callable
):
    text = today.assign(flow="off").to_csv(index=False)
    code, out, err = streamed_here(saved, text)
    assert (code, out) == (2, "")
    assert "error: column 'flow' holds text: 'off' (standard input, line 2)" in err
    assert len(err.splitlines()) < 10


def test_with_json_everything_comes_as_records(saved: Path, today: pd.DataFrame, streamed_here: Callable):
    today = pd.concat([today[:50], today[48:50], today[50:]])
    today.loc[384:, "pressure [bar]"] += 20
    code, out, err = streamed_here(saved, today.to_csv(index=False) + "x,1,2\n", "--json")
    assert (code, err) == (0, "")
    kinds = [next(iter(record)) for record in records(out)]
    assert {*kinds} == {"row", "alert", "event", "drift", "gap", "rejected", "counters"}
    (*_, last) = records(out)
    counters = last["counters"]
    assert (counters["rows"], counters["dropped"], counters["rejected"]) == (602, 3, {"time": 1})
    assert (counters["late"], counters["repeated"]) == (1, 1)
    assert counters["events"] == kinds.count("event") and counters["drifts"] == kinds.count("drift")
    assert counters["rows"] - counters["late"] - counters["repeated"] == kinds.count("row")


def test_half_a_line_is_judged_once_it_is_whole_where_a_state_is_kept(
    saved: Path, today: pd.DataFrame, streamed_here: Callable, tmp_path: Path
):
    text = today.to_csv(index=False)
    half = text.index("\n", 20_000) - 3
    words = ("--state", str(tmp_path))
    code, first, err = streamed_here(saved, text[:half], *words)
    assert code == 0 and "the last line has no line end" in err and "1 incomplete" in err
    code, later, err = streamed_here(saved, text, *words)  # as `tail -n +1 -f` gives it again
    rows = text[:half].count("\n") - 1
    assert (code, err.splitlines()) == (
        0,
        [
            f"note   goes on after {rows} rows (state of {tmp_path})",
            f"note   skipped {rows} rows, which were judged before the restart",
        ],
    )
    _, whole, _ = streamed_here(saved, text, "--state", str(tmp_path / "other"))
    key = json.dumps  # the order within a block is by kind
    assert sorted(map(key, records(first + later))) == sorted(map(key, records(whole)))
    code, _, err = streamed_here(saved, text[:half])
    assert (code, err) == (0, "")  # the end of the input is that of the recording: a row, as for `seqae score`


def test_an_ambiguous_day_is_read_as_the_days_before_a_restart(
    saved: Path, today: pd.DataFrame, streamed_here: Callable, tmp_path: Path
):
    def text(start: str) -> str:
        stamps = pd.date_range(start, periods=50, freq="s").strftime("%d/%m/%Y %H:%M:%S")
        return today[:50].assign(time=stamps).to_csv(index=False)

    words = ("--state", str(tmp_path))
    code, _, err = streamed_here(saved, text("2024-03-04"), *words)
    assert code == 2 and "Say which: --day-first" in err
    code, _, err = streamed_here(saved, text("2024-03-31 23:59:30"), *words)
    assert (code, err) == (0, "")
    code, _, err = streamed_here(saved, text("2024-04-01 00:00:30"), *words)
    assert code == 0 and err.count("\n") == 1 and "goes on after 50 rows" in err


def as_json_lines(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", lines=True, date_format="iso", date_unit="ns", double_precision=15)


def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
    """The same columns in another order, beside others that are no channels."""
    return frame.assign(note="ok, sure")[["note", "pressure [bar]", "time", "flow"]]


DIALECTS = {
    "comma": (".csv", lambda frame: frame.to_csv(index=False)),
    "semicolon and decimal comma": (".csv", lambda frame: frame.to_csv(index=False, sep=";", decimal=",")),
    "tab": (".tsv", lambda frame: frame.to_csv(index=False, sep="\t")),
    "bar, quoted, Windows": (
        ".csv",
        lambda frame: frame.to_csv(index=False, sep="|", quoting=1, lineterminator="\r\n"),
    ),
    "other missing mark": (".csv", lambda frame: frame.to_csv(index=False, na_rep="?")),
    "other columns": (".csv", lambda frame: shuffled(frame).to_csv(index=False)),
    "days first": (".csv", lambda frame: frame.to_csv(index=False, sep=";", date_format="%d.%m.%Y %H:%M:%S")),
    "day and clock apart": (
        ".csv",
        lambda frame: frame.to_csv(index=False).replace("time", "date,time", 1).replace("2024-01-01 ", "2024-01-01,"),
    ),
    "no header": (".csv", lambda frame: frame.to_csv(index=False, header=False)),
    "JSON lines": (".jsonl", as_json_lines),
    "row of units": (
        ".csv",
        lambda frame: (
            frame.rename(columns={"pressure [bar]": "pressure"}).to_csv(index=False).replace("\n", "\n,l/min,bar\n", 1)
        ),
    ),
    "lines above": (".csv", lambda frame: "Logger 7\nsite,north\n\n" + frame.to_csv(index=False), "--skip-lines", "3"),
    "comments": (
        ".csv",
        lambda frame: "! of today\n" + frame.to_csv(index=False).replace("\n2024", "\n! pause\n2024", 1),
        "--comment",
        "!",
    ),
    "number for missing values": (".csv", lambda frame: frame.to_csv(index=False, na_rep="-999"), "--missing", "-999"),
    "words for missing values": (
        ".csv",
        lambda frame: frame.to_csv(index=False, na_rep="Bad Input"),
        *("--missing", "Bad Input", "unavailable"),
    ),
    "states": (
        ".csv",
        lambda frame: frame.assign(flow=frame["flow"].gt(frame["flow"].mean()).map({True: "ON", False: "OFF"})).to_csv(
            index=False
        ),
        *("--states", "ON=1", "OFF=0"),
    ),
    "zone": (".csv", lambda frame: frame.to_csv(index=False), "--time-zone", "Europe/Berlin"),
    "stamps of a historian": (
        ".csv",
        lambda frame: frame.to_csv(index=False, date_format="%d-%b-%y %H:%M:%S"),
        *("--time-format", "%d-%b-%y %H:%M:%S"),
    ),
    "blanks, decimal comma": (
        ".csv",
        lambda frame: (
            frame.fillna(0)
            .assign(time=frame["time"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
            .rename(columns={"pressure [bar]": "pressure"})
            .to_csv(index=False, sep=" ", decimal=",")
        ),
        *("--separator", "blank", "--decimal", ","),
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_file_has_the_same_scores_by_score_and_by_stream(
    name: str, saved: Path, today: pd.DataFrame, tmp_path: Path, command: Callable, streamed_here: Callable
):
    ending, write, *words = DIALECTS[name]
    text = write(today[140:440])
    (tmp_path / f"today{ending}").write_bytes(text.encode())
    done = command("score", str(saved), str(tmp_path / f"today{ending}"), "--out", str(tmp_path / "whole.csv"), *words)
    assert done.code == 0, done.err
    whole = pd.read_csv(tmp_path / "whole.csv")
    code, out, err = streamed_here(saved, text, *words)
    assert code == 0 and "error" not in err, err  # there may be drift
    rows = pd.DataFrame(records(out, "alert", "event"))
    columns = ["score", "alarm", "flow score", "pressure score"]
    np.testing.assert_allclose(rows[columns].astype(float), whole[columns].astype(float), rtol=1e-4)
    np.testing.assert_array_equal(pd.to_datetime(rows["time"]), pd.to_datetime(whole["time"]))


def test_what_the_detector_remembers_holds_for_the_stream(tmp_path: Path, today: pd.DataFrame, streamed_here: Callable):
    normal = readings(1200, seed=0).rename(columns={"time": "stamp"}).assign(time="x")
    detector = seqae.AnomalyDetector(epochs=0).fit(normal, time_column="stamp", ignore="time", missing="Bad Input")
    saved = seqae.save(detector, tmp_path / "model")
    frame = today.rename(columns={"time": "stamp"})
    code, out, err = streamed_here(saved, frame.assign(time="x").to_csv(index=False, na_rep="Bad Input"))
    assert (code, err) == (0, "")
    (whole,) = detector.detect(frame)
    rows = pd.DataFrame(records(out, "alert", "event"))
    np.testing.assert_allclose(rows["score"].astype(float), whole.scores, rtol=1e-4)


def test_machines_in_one_stream_are_scored_each_by_itself(tmp_path: Path, streamed_here: Callable):
    fleet = pd.concat([readings(900, seed=seed).assign(unit=unit) for seed, unit in enumerate(["A", "B"])])
    fleet = fleet.sort_values("time", kind="stable")
    detector = seqae.AnomalyDetector(epochs=0).fit(fleet, by="unit")
    saved = seqae.save(detector, tmp_path / "model")
    code, out, err = streamed_here(saved, fleet.to_csv(index=False))
    assert code == 0, err
    rows = pd.DataFrame(records(out, "alert", "event"))
    for whole in detector.detect(fleet):
        own = rows[rows["entity"] == whole.recording.entity]
        assert own["row"].tolist() == list(range(900))
        np.testing.assert_allclose(own["score"].astype(float), whole.scores, rtol=1e-4)
    code, _, err = streamed_here(saved, fleet.to_csv(index=False), "--sort")
    assert code == 2 and "--sort is for whole tables" in err


def test_the_embedded_telemetry_has_the_same_events_by_score_and_by_stream(
    tmp_path: Path, command: Callable, streamed_here: Callable
):
    folder = telemetry_folder()
    normal = pd.read_csv(folder / "normal.csv.gz").drop(columns="processes [count]")  # which stands still
    detector = seqae.AnomalyDetector(window=8, epochs=0).fit(normal[:1500])
    saved = seqae.save(detector, tmp_path / "model")
    lines = gzip.decompress((folder / "faults.csv.gz").read_bytes()).decode().splitlines(keepends=True)
    text = "".join(lines[:1000])
    (tmp_path / "faults.csv").write_text(text)
    done = command("score", str(saved), str(tmp_path / "faults.csv"), "--out", str(tmp_path / "scores.csv"))
    assert done.code == 0, done.err
    code, out, err = streamed_here(saved, text, "--scores", "none")
    assert code == 0 and "reject" not in err
    events = [record["event"] for record in records(out, "alert")]
    spans = [(event["start"], event["stop"], event["start_time"], event["end_time"]) for event in events]
    whole = read_events_json(tmp_path / "scores_events.json")
    assert spans == [(event.start, event.stop, event.start_time, event.end_time) for event in whole]
    assert len(spans) >= 3
    np.testing.assert_allclose([event["severity"] for event in events], [event.severity for event in whole], rtol=1e-4)


def test_a_model_that_is_no_detector_is_refused(tmp_path: Path, command: Callable):
    seqae.save(seqae.LSTM(3, hidden_size=4), tmp_path / "lstm")
    assert "holds a LSTM. Recordings are read by an AnomalyDetector" in command("stream", str(tmp_path / "lstm")).err
