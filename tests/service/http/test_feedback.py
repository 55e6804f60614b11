"""Operators' feedback over HTTP: said, listed, taken back, and known at once to all that is at work."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae.anomaly.feedback.log import FeedbackLog
from seqae.service.http import history
from seqae.service.http.history import RowRing

CSV = {"content-type": "text/csv"}
SAID = {"kind": "normal", "machine": "m", "start": "2024-01-01T00:02:30", "end": "2024-01-01T00:02:50", "author": "Ana"}
FAULT = {**SAID, "kind": "fault", "fault": "worn seal"}
AROUND = ("2024-01-01T00:02:10", "2024-01-01T00:03:10")  # the fault


@pytest.fixture
def folder(detector, tmp_path):
    return seqae.save(detector, tmp_path / "model")


@pytest.fixture
def client(served, detector, folder):
    return served({"pump": detector}, folders={"pump": folder})


def send(client, frame: pd.DataFrame, machine: str = "m") -> list[dict]:
    body = frame.to_csv(index=False)
    answer = client.post(f"/models/pump/machines/{machine}/rows", content=body, headers=CSV)
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def later(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(time=frame["time"] + pd.Timedelta(len(frame), "s"))


def faults_in(client, frame: pd.DataFrame) -> list[dict]:
    """Return the events in the fault, of the frame as a whole recording."""
    answer = client.post("/models/pump/score?scores=none", content=frame.to_csv(index=False), headers=CSV)
    (recording,) = answer.json()["recordings"]
    return [event for event in recording["events"] if AROUND[0] <= event["start_time"] <= AROUND[1]]


def alerts_in(records: list[dict], first: int, stop: int) -> list[dict]:
    return [each["alert"] for each in records if "alert" in each and first <= each["alert"]["row"] < stop]


def said(client, body: dict, path: str = "", expect: int = 200) -> dict:
    answer = client.post(f"/models/pump/feedback{path}", json=body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def gauge(client) -> dict[str, float]:
    lines = (line.split() for line in client.get("/metrics").text.splitlines())
    return {words[0]: float(words[1]) for words in lines if words[0].startswith("seqae_feedback_entries")}


def test_accepted_rows_raise_no_alarm_in_streams_and_files_until_that_is_taken_back(client, today):
    assert alerts_in(send(client, today), 150, 171) and faults_in(client, today)
    entry = said(client, SAID | {"note": "cleaned"})
    assert (entry["id"], entry["start"], entry["end"]) == (1, SAID["start"], SAID["end"])
    assert not alerts_in(send(client, later(today)), 750, 771), "the machine at work knows it"
    assert not faults_in(client, today), "and so do scores of files"
    assert client.get("/models").json()["models"][0]["feedback"] == 1
    said(client, {"author": "Bo"}, "/1/undo")
    assert alerts_in(send(client, later(later(today))), 1350, 1371) and faults_in(client, today)
    (listed,) = client.get("/models/pump/feedback").json()["feedback"]
    assert (listed["author"], listed["note"], listed["undone_by"], listed["machine"]) == ("Ana", "cleaned", "Bo", "m")
    assert said(client, {"author": "Bo"}, "/1/undo", 422)["detail"].startswith("no entry 1 that could be taken back")


def test_events_are_compared_with_a_named_fault_and_entries_are_counted(client, today):
    send(client, today)
    said(client, FAULT)
    (event,) = faults_in(client, today)
    assert event["similar_fault"] == "worn seal" and 0 <= event["fault_distance"] < 0.05
    send(client, later(today))
    events = client.get("/models/pump/machines/m").json()["events"]
    assert [each["similar_fault"] for each in events if 740 < each["start"] < 780] == ["worn seal"]
    of = '{{kind="{}",model="pump"}}'.format
    assert gauge(client) == {f"seqae_feedback_entries{of('normal')}": 0, f"seqae_feedback_entries{of('fault')}": 1}


def test_rows_that_the_server_has_not_kept_may_be_sent_along(client, today):
    records = json.loads(today.to_json(orient="records", date_format="iso"))
    entry = said(client, {**SAID, "rows": records, "machine": "press"})
    assert (entry["machine"], entry["start"]) == ("press", SAID["start"])
    assert not faults_in(client, today)


def test_what_is_said_in_a_shell_is_taken_up_and_a_server_that_starts_knows_it(client, served, detector, folder, today):
    FeedbackLog(folder).accept(detector, today, SAID["start"], SAID["end"], author="Ana")
    service = client.app.state.service
    assert service.machines.take_up(service.models["pump"]) == ("the feedback has changed: 1 entry holds",)
    assert not faults_in(client, today)
    fresh = served({"pump": detector}, folders={"pump": folder})
    assert not faults_in(fresh, today)
    assert fresh.get("/models/pump").json()["fingerprint"] == client.get("/models/pump").json()["fingerprint"]


def test_where_nothing_was_said_nothing_changes(served, detector, folder, today):
    from seqae.service.http.served import ServedModel

    assert ServedModel.of("pump", detector, folder).detector is detector
    with_folder, without = served({"pump": detector}, folders={"pump": folder}), served({"pump": detector})
    assert send(with_folder, today) == send(without, today)
    body = today.to_csv(index=False)
    one, other = (each.post("/models/pump/score", content=body, headers=CSV).content for each in (with_folder, without))
    assert one == other and not (folder / "feedback").exists()


def test_rows_without_times_are_spoken_of_by_number(served, folder, today):
    numbered = seqae.load(folder)
    client = served({"pump": numbered}, folders={"pump": folder})
    frame = today.drop(columns="time")
    for _ in range(7):
        send(client, frame)
    entry = said(client, SAID | {"start": 3750, "end": 3770})
    assert (entry["start"], entry["end"]) == ("3750", "3770")
    detail = said(client, SAID | {"start": 10, "end": 20}, expect=422)["detail"]
    assert "600 to 4199" in detail


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"start": "2023-12-31T10:00:00"}, 422, "rows are kept from 2024-01-01T00:00:00 to 2024-01-01T00:09:59"),
        ({"start": "noon"}, 422, "start='noon' is not written as the times"),
        ({"start": "2024-01-01T00:02:50", "end": "2024-01-01T00:02:30"}, 422, "no rows from start="),
        ({"start": 1e400}, 422, "start="),
        ({"start": "9" * 30}, 422, "start="),
        ({"start": True}, 400, "start is True. Expected a time"),
        ({"machine": "other"}, 404, "no rows of 'other' have come"),
        ({"machine": "\ud800"}, 400, "half a character"),
        ({"kind": "odd"}, 400, "kind is 'odd'"),
        ({"kind": 7}, 400, "kind is 7"),
        ({"fault": "seal"}, 400, "Leave fault out"),
        ({"kind": "fault"}, 422, "has no name"),
        ({"author": "  "}, 422, "names nobody"),
        ({"author": "\x1b[2J"}, 422, "cannot be printed"),
        ({"note": "x" * 501}, 422, "has 501 letters"),
        ({"rows": []}, 400, "rows is []"),
        ({"rows": [{"time": "2024-01-01", "other": 1}]}, 400, "flow"),
        ({"why": "?"}, 400, "no member 'why'"),
    ],
)
def test_feedback_that_cannot_be_used_is_refused_with_the_reason_and_nothing_is_kept(
    client, today, change, status, reason
):
    send(client, today)
    answer = client.post(
        "/models/pump/feedback", content=json.dumps(SAID | change), headers={"content-type": "application/json"}
    )
    assert answer.status_code == status and reason in answer.json()["detail"], answer.text
    assert client.get("/models/pump/feedback").json() == {"feedback": []}


def test_bodies_that_are_no_object_and_paths_that_lead_nowhere_are_refused(client, served, detector):
    kind = {"content-type": "application/json"}
    for body, status in ((b"{", 400), (b"[]", 400), (b"{}", 400), (b"", 400), (b'"\\ud800"', 400)):
        assert client.post("/models/pump/feedback", content=body, headers=kind).status_code == status, body
    assert client.post("/models/pump/feedback", content=b"{}", headers=CSV).status_code == 415
    assert client.post("/models/pump/feedback?hour=1", json=SAID).status_code == 400
    assert client.post("/models/pump/feedback?sort=true", json=SAID).status_code == 400
    for number in ("1", "x", "-1"):
        assert said(client, {"author": "Ana"}, f"/{number}/undo", 404)["detail"].startswith("no entry")
    unkept = served({"pump": detector})
    assert unkept.get("/models/pump/feedback").status_code == 404
    assert said(unkept, SAID, expect=404)["detail"].startswith("no feedback is kept on pump")
    assert unkept.get("/models").json()["models"][0]["feedback"] is None and not gauge(unkept)


def test_a_ring_keeps_the_latest_rows_however_they_come(monkeypatch):
    monkeypatch.setattr(history, "_BLOCKS", 3)
    ring, rows = RowRing(2, keep=10), np.arange(60.0).reshape(30, 2)
    times = np.arange(30).astype("datetime64[s]")
    for start, stop in ((0, 1), (1, 2), (2, 15), (15, 16), (16, 30)):
        ring.add(rows[start:stop], times[start:stop], start)
        assert np.array_equal(ring.values, rows[max(stop - 10, 0) : stop]) and ring.stop == stop
        assert np.array_equal(ring.times, times[max(stop - 10, 0) : stop])
    ring.add(rows[:1], times[:1], 0)
    assert np.array_equal(ring.values, rows[:1]), "another recording begins"
