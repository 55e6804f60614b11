"""Rows that come bit by bit over HTTP and WebSocket, beside `seqae score` of the whole."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from seqae.service.records import event_record

pytest.importorskip("starlette", reason="needs starlette: pip install 'seqae[serve]'")
from starlette.testclient import TestClient

from seqae.service.http.application import application_of
from seqae.service.http.service import DetectorService
from seqae.service.http.settings import ServerSettings

CSV = {"content-type": "text/csv"}
JSON_LINES = {"content-type": "application/x-ndjson"}


def as_csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False)


def as_lines(frame: pd.DataFrame) -> str:
    return frame.to_json(orient="records", lines=True, date_format="iso", date_unit="ns", double_precision=15)


def posted(
    client, frame: pd.DataFrame, rows: int, machine: str = "m", is_json: bool = False, query: str = ""
) -> list[dict]:
    """Send rows in requests of so many, end the recording, and return all records."""
    records = []
    for start in range(0, len(frame), rows):
        part = frame[start : start + rows]
        body, headers = (as_lines(part), JSON_LINES) if is_json else (as_csv(part), CSV)
        answer = client.post(f"/models/pump/machines/m/rows{query}", content=body, headers=headers)
        assert answer.status_code == 200 and answer.json()["rows"] == len(part), answer.text
        assert answer.json()["rejected"] == []
        records += answer.json()["records"]
    return records + ended(client)


def ended(client) -> list[dict]:
    """End a recording, and return the rest of its records."""
    answer = client.request("DELETE", "/models/pump/machines/m")
    assert answer.status_code == 200, answer.text
    return answer.json()["records"]


def sent(client, frame: pd.DataFrame, rows: int, query: str = "") -> list[dict]:
    """Send rows over a WebSocket in messages of so many, end the recording, and return all records."""
    records = []
    with client.websocket_connect(f"/models/pump/machines/m/stream{query}") as socket:
        assert socket.receive_json() == {"machine": "m", "rows": 0}
        for start in range(0, len(frame), rows):
            socket.send_text(as_csv(frame[start : start + rows]))
            while "taken" not in (record := socket.receive_json()):
                records.append(record)
            assert record == {"taken": len(frame[start : start + rows]), "rows": min(start + rows, len(frame))}
    return records + ended(client)


def events_of(records: list[dict]) -> list[dict]:
    return [record["event"] for record in records if "event" in record]


def rows_of(records: list[dict]) -> list[dict]:
    return [record for record in records if "row" in record]


@pytest.mark.parametrize("way", ["requests", "JSON", "WebSocket"])
def test_the_telemetry_gives_the_events_of_the_whole_recording(served, telemetry, way):
    detector, faults = telemetry
    client = served({"pump": detector})
    send = sent if way == "WebSocket" else partial(posted, is_json=way == "JSON")
    records = send(client, faults, 240, query="?scores=none")
    (whole,) = detector.detect(faults)
    assert len(whole.events) > 10
    expected = [event_record(replace(event, entity="m")) for event in whole.events]
    assert events_of(records) == [each | {"duration": pytest.approx(each["duration"])} for each in expected]


@pytest.mark.parametrize("send", ["posted", "sent"])
def test_the_scores_of_rows_are_those_of_the_whole_recording(served, detector, today, send):
    records = {"posted": posted, "sent": sent}[send](served({"pump": detector}), today, 90)
    (whole,) = detector.detect(today)
    rows = rows_of(records)
    assert [row["row"] for row in rows] == list(range(len(today)))
    assert [row["alarm"] for row in rows] == whole.alarms.tolist()
    np.testing.assert_allclose([row["pressure score"] for row in rows], whole.channel_scores[:, 1], rtol=1e-4)


def test_machines_are_kept_apart_and_named_by_anything_printable(served, detector, today):
    client = served({"pump": detector})
    names = ("line 1/press", "ünit-7", "m")
    for name in names:
        part = today[: 200 + 10 * len(name)]
        assert client.post(f"/models/pump/machines/{name}/rows", content=as_csv(part), headers=CSV).json()["rows"]
    found = client.get("/models/pump/machines").json()["machines"]
    assert {each["machine"]: each["rows"] for each in found} == {name: 200 + 10 * len(name) for name in names}
    facts = client.get("/models/pump/machines/line 1/press").json()
    assert [alert["channel"] for alert in facts["alerts"]] == ["pressure"]


def test_a_fleet_takes_rows_of_machines_that_it_knows_alone(served, fleet, today):
    client = served({"fans": fleet})
    assert client.post("/models/fans/machines/m1/rows", content=as_csv(today), headers=CSV).status_code == 200
    unknown = client.post("/models/fans/machines/m9/rows", content=as_csv(today), headers=CSV)
    assert unknown.status_code == 404 and "m9" in unknown.json()["detail"]
    other = client.post("/models/fans/machines/m1/rows", content=as_csv(today.assign(unit="m2")), headers=CSV)
    assert other.status_code == 422 and "m2" in other.json()["detail"]


def test_rows_go_on_after_a_restart_with_the_state_and_come_again_without_being_judged_twice(detector, today, tmp_path):
    settings, records = ServerSettings(hosts=("testserver",), state=tmp_path), []
    for part in (today[:160], today[100:300]):
        with TestClient(application_of(DetectorService({"pump": detector}, settings))) as client:
            answer = client.post("/models/pump/machines/m/rows", content=as_csv(part), headers=CSV)
            records += answer.json()["records"]
    with TestClient(application_of(DetectorService({"pump": detector}, replace(settings, state=None)))) as client:
        whole = client.post("/models/pump/machines/m/rows", content=as_csv(today[:300]), headers=CSV).json()["records"]
    assert rows_of(records) == rows_of(whole)
    assert events_of(records) == events_of(whole) != []
    assert str(tmp_path) not in json.dumps(records)


def test_two_servers_of_one_state_are_refused(detector, tmp_path):
    settings = ServerSettings(state=tmp_path)
    service = DetectorService({"pump": detector}, settings)
    with pytest.raises(ValueError, match="written to by another"):
        DetectorService({"pump": detector}, settings)
    service.machines.close()
    DetectorService({"pump": detector}, settings).machines.close()


def test_a_row_that_cannot_be_used_is_reported_and_the_others_are_taken(served, detector, today):
    client = served({"pump": detector})
    lines = as_csv(today[:100]).splitlines(keepends=True)
    lines[50] = lines[50].rsplit(",", 1)[0] + ",off\n"
    answer = client.post("/models/pump/machines/m/rows", content="".join(lines), headers=CSV)
    told = answer.json()
    assert (answer.status_code, told["rows"], len(told["rejected"])) == (200, 99, 1)
    assert "off" in told["rejected"][0]["message"]
    assert told["rejected"][0]["line"] == 51 and "line 51" in told["rejected"][0]["message"]
    counted = 'seqae_rejected_rows_total{machine="m",model="pump",reason="values"} 1.0'
    assert counted in client.get("/metrics").text
    later = client.post("/models/pump/machines/m/rows", content="".join([lines[0], lines[50]]), headers=CSV)
    assert later.status_code == 400 and "line 2" in later.json()["detail"]


def test_other_options_and_rows_without_end_are_refused(served, detector, today):
    client = served({"pump": detector}, {"machines": 2})
    path = "/models/pump/machines/{}/rows"
    assert client.post(path.format("a") + "?day_first=true", content=as_csv(today[:60]), headers=CSV).status_code == 200
    assert client.post(path.format("a") + "?day_first=false", content=as_csv(today), headers=CSV).status_code == 409
    assert client.post(path.format("b"), content=as_csv(today[:60]), headers=CSV).status_code == 200
    full = client.post(path.format("c"), content=as_csv(today[:60]), headers=CSV)
    assert full.status_code == 503 and "2 machines" in full.json()["detail"]
    client.request("DELETE", "/models/pump/machines/b")
    assert client.post(path.format("c"), content=as_csv(today[:60]), headers=CSV).status_code == 200


BAD = {
    "no rows": (b"[]", "application/json", 400),
    "blank": (b" \n ", "text/csv", 400),
    "a number": (b"3", "application/json", 400),
    "numbers": (b"[1, 2]", "application/json", 400),
    "more than rows": (b'{"rows": [{"flow": 1, "pressure": 2}], "x": 1}', "application/json", 400),
    "another machine": (b'{"rows": [{"flow": 1, "pressure": 2}], "entity": "x"}', "application/json", 422),
    "entity is a list": (b'{"rows": [{"flow": 1}], "entity": []}', "application/json", 400),
    "no channel": (b'[{"x": 1}]', "application/json", 400),
    "text": (b'[{"flow": "on", "pressure": 2}]', "application/json", 400),
    "too deep": (b"[" * 50_000, "application/json", 400),
    "name twice": (b'[{"flow": 1, "flow": 2, "pressure": 2}]', "application/json", 400),
    "half a letter": (b"flow,pressure\n\xff\xfe,2\n", "text/csv", 400),
    "a file": (b"PAR1", "application/vnd.apache.parquet", 415),
}


@pytest.mark.parametrize("bad", BAD)
def test_rows_that_cannot_be_used_are_refused_with_a_reason(served, detector, bad):
    body, kind, status = BAD[bad]
    client = served({"pump": detector})
    answer = client.post("/models/pump/machines/m/rows", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert len(answer.json()["detail"]) > 10


def test_a_message_that_cannot_be_used_is_reported_and_the_next_one_is_taken(served, detector, today):
    client = served({"pump": detector})
    with client.websocket_connect("/models/pump/machines/m/stream?scores=none") as socket:
        socket.receive_json()
        socket.send_text("[1, 2]")
        assert "Expected an object" in socket.receive_json()["rejected"]["message"]
        assert socket.receive_json() == {"taken": 0, "rows": 0}
        socket.send_bytes(as_lines(today[:50]).encode())
        assert socket.receive_json() == {"taken": 50, "rows": 50}
        socket.send_text(json.dumps(json.loads(as_lines(today[50:51]))))
        assert socket.receive_json() == {"taken": 1, "rows": 51}


def test_a_socket_of_no_model_or_machine_is_denied_with_a_reason(served, fleet):
    from starlette.testclient import WebSocketDenialResponse

    client = served({"fans": fleet})
    for path in ("/models/none/machines/m/stream", "/models/fans/machines/m9/stream"):
        with pytest.raises(WebSocketDenialResponse) as denied, client.websocket_connect(path):
            pass
        assert denied.value.status_code == 404 and denied.value.json()["detail"]


def test_a_recording_that_ends_on_a_full_disk_tells_all_its_results(served, detector, today, tmp_path, monkeypatch):
    whole = posted(served({"pump": detector}), today, 600)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("seqae.service.machine_watch.write_state", full)
    *records, last = posted(served({"pump": detector}, state=tmp_path), today, 600)
    assert records == whole and last["note"]["message"].startswith("the state was not saved: No space left on device")
