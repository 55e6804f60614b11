"""Whole recordings over HTTP, beside what the detector says of them, and bodies that cannot be read."""

from __future__ import annotations

import errno
import gzip
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae.anomaly.events import event_to_record

CSV = {"content-type": "text/csv"}


def as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def as_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def as_records(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", date_format="iso", date_unit="ns", double_precision=15)


def assert_as_the_detector(recording: dict, detection) -> None:
    np.testing.assert_array_equal(np.array(recording["score"], dtype=np.float32), detection.scores)
    np.testing.assert_array_equal(recording["alarm"], detection.alarms)
    for number, channel in enumerate(detection.recording.channels):
        own = np.array(recording["channel_scores"][channel], dtype=np.float32)
        np.testing.assert_array_equal(own, detection.channel_scores[:, number])
    np.testing.assert_array_equal(pd.to_datetime(recording["time"]), detection.recording.times)
    assert recording["events"] == [event_to_record(event) for event in detection.events]
    assert recording["alarms"] == detection.alarms.sum() > 0


BODIES = {
    "csv": (as_csv, "", CSV),
    "packed": (lambda frame: gzip.compress(as_csv(frame)), "?name=pump.csv.gz", {}),
    "parquet": (as_parquet, "?name=pump.parquet", {}),
    "records": (as_records, "", {"content-type": "application/json"}),
    "rows": (lambda frame: f'{{"rows": {as_records(frame)}}}', "", {"content-type": "application/json; charset=utf-8"}),
    "lines": (
        lambda frame: frame.to_json(orient="records", lines=True, date_format="iso", double_precision=15),
        "",
        {"content-type": "application/x-ndjson"},
    ),
}


@pytest.mark.parametrize("body", BODIES)
def test_a_body_of_any_form_is_scored_as_the_recording_bit_by_bit(served, detector, today, body):
    today.loc[300, "flow"] = np.nan
    write, query, headers = BODIES[body]
    answer = served({"pump": detector}).post(f"/models/pump/score{query}", content=write(today), headers=headers)
    assert answer.status_code == 200, answer.text
    (recording,) = answer.json()["recordings"]
    # JSON has 15 digits of each number, as the text of a frame has.
    same = today if body not in ("records", "rows", "lines") else pd.read_json(io.StringIO(as_records(today)))
    (detection,) = detector.detect(same.assign(time=today["time"]))
    assert_as_the_detector(recording, detection)


def test_a_form_of_several_files_is_read_as_a_folder_of_them(served, detector, today):
    files = [("file", (name, as_csv(frame))) for name, frame in (("b.csv", today), ("a.csv", today[:200]))]
    answer = served({"pump": detector}).post("/models/pump/score", files=files)
    assert [each["name"] for each in answer.json()["recordings"]] == ["a.csv", "b.csv"]
    assert_as_the_detector(answer.json()["recordings"][1], detector.detect(today)[0])


def test_reading_options_stand_in_the_query_and_scores_may_be_left_out(served, detector, today):
    marked = today.rename(columns={"time": "a"}).assign(note="x")
    marked.loc[300, "flow"], today.loc[300, "flow"] = -999, np.nan
    body = as_csv(marked)
    query = "?time_column=a&ignore=note&missing=-999&scores=none&entity=p7"
    answer = served({"pump": detector}).post(f"/models/pump/score{query}", content=body, headers=CSV)
    (recording,) = answer.json()["recordings"]
    assert recording["entity"] == "p7" and "score" not in recording
    expected = detector.detect(today, entity="p7")[0].events
    assert recording["events"] == [event_to_record(event) for event in expected] != []


def test_the_machine_of_a_fleet_is_named_in_the_rows_the_query_or_beside_the_rows(served, fleet, today):
    client, frame = served({"fans": fleet}), today.assign(unit="m2")
    rows = f'{{"entity": "m2", "rows": {as_records(today)}}}'
    answers = [
        client.post("/models/fans/score", content=as_csv(frame), headers=CSV),
        client.post("/models/fans/score?entity=m2", content=as_csv(today), headers=CSV),
        client.post("/models/fans/score", content=rows, headers={"content-type": "application/json"}),
    ]
    for answer in answers:
        (recording,) = answer.json()["recordings"]
        assert recording["entity"] == "m2"
        assert_as_the_detector(recording, fleet.detect(today, entity="m2")[0])
    unknown = client.post("/models/fans/score?entity=m9", content=as_csv(today), headers=CSV)
    assert unknown.status_code == 422 and "m9" in unknown.json()["detail"]


BAD = {  # query, body, headers, status, a word of the reason
    "no body": ("", b"", CSV, 400, "empty"),
    "no type": ("", b"a,b\n1,2\n", {}, 415, "Content-Type"),
    "form of letters": ("", b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415, "text/csv"),
    "packed body": ("", b"x", CSV | {"content-encoding": "gzip"}, 415, "gzip"),
    "no JSON": ("", b"[{", {"content-type": "application/json"}, 400, "JSON"),
    "deep JSON": ("", b"[" * 100_000, {"content-type": "application/json"}, 400, "JSON"),
    "no channel": ("", b"time,flow\n1,2\n2,3\n", CSV, 400, "pressure"),
    "text": ("", b"time,flow,pressure\n1,2,off\n2,3,4\n", CSV, 400, "off"),
    "no Parquet": ("?name=x.parquet", b"PAR1junk", {}, 400, "x.parquet"),
    "no workbook": ("?name=x.xlsx", b"PK\x03\x04junk", {}, 400, "x.xlsx"),
    "unknown ending": ("?name=x.exe", b"MZ", {}, 400, "x.exe"),
    "a path": ("?name=../../etc/passwd", b"a,b\n1,2\n", {}, 400, "plain name"),
    "hidden file": ("?name=.csv", b"a,b\n1,2\n", {}, 400, "plain name"),
    "unknown option": ("?time-colum=x", b"a,b\n1,2\n", CSV, 400, "time_column"),
    "no number": ("?skip_lines=two", b"a,b\n1,2\n", CSV, 400, "whole number"),
    "no truth": ("?sort=maybe", b"a,b\n1,2\n", CSV, 400, "true or false"),
    "no choice": ("?scores=all", b"a,b\n1,2\n", CSV, 400, "rows or none"),
    "other channels": ("?channels=a", b"a,b\n1,2\n", CSV, 400, "Leave channels out"),
    "broken form": ("", b"--x\r\n", {"content-type": "multipart/form-data; boundary=x"}, 400, "form"),
    "no boundary": ("", b"--x\r\n", {"content-type": "multipart/form-data"}, 400, "form"),
    "infinite": ("", b"time,flow,pressure\n1,2,inf\n2,3,4\n", CSV, 400, "infinite"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_body_that_cannot_be_read_is_refused_with_a_reason_and_leaves_nothing(
    served, detector, bad, monkeypatch, tmp_path
):
    query, body, headers, status, word = BAD[bad]
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # others use the common one meanwhile
    answer = served({"pump": detector}).post(f"/models/pump/score{query}", content=body, headers=headers)
    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), told
    assert told["status"] == status and word.lower() in told["detail"].lower(), told
    assert not [text for text in ("\n", "Traceback", str(tmp_path), "seqae-serve") if text in told["detail"]]
    assert not list(tmp_path.iterdir())


def test_what_an_error_advises_is_what_a_query_takes(served, detector, today):
    client = served({"pump": detector})
    mixed = as_csv(today.assign(time=today["time"].dt.strftime("%d/%m/%Y %H:%M:%S")).head(30)).replace(b"2024", b"24")
    refused = client.post("/models/pump/score?time_format=%25Y", content=mixed, headers=CSV)
    assert refused.status_code == 400 and "time_format" in refused.json()["detail"]
    taken = client.post("/models/pump/score?time_format=%25d/%25m/%25y %25H:%25M:%25S", content=mixed, headers=CSV)
    assert taken.status_code == 200, taken.text


def test_a_large_result_is_whole_json(served, detector):
    from generators import machine

    rows = machine(5000, seed=2)
    answer = served({"pump": detector}).post("/models/pump/score", content=as_csv(rows), headers=CSV)
    (recording,) = json.loads(answer.content)["recordings"]
    assert len(recording["score"]) == len(recording["time"]) == 5000


@pytest.mark.parametrize("form", ["body", "file"])
@pytest.mark.parametrize("place", ["folder", "file"])
def test_a_body_that_cannot_be_stored_is_told_so(served, detector, today, monkeypatch, place, form):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "/secret is full")

    monkeypatch.setattr(*((tempfile, "mkdtemp") if place == "folder" else (Path, "open")), full)
    sent = {"content": as_csv(today), "headers": CSV} if form == "body" else {"files": {"f": ("x.csv", as_csv(today))}}
    answer = served({"pump": detector}).post("/models/pump/score", **sent)
    expected = "the server cannot store it: No space left on device. Tell who runs it"
    assert (answer.status_code, answer.json()["detail"]) == (507, expected)
