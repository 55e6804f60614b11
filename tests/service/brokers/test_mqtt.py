"""`seqae listen` with a real broker: the results of whole recordings, whatever is stopped or killed in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pandas as pd
import pytest

import seqae
from listening import Killed, Listening
from mosquitto import Client, Mosquitto, until
from mqtt_in_memory import MemoryBroker, Steps
from seqae.anomaly.online.detector import OnlineDetector
from seqae.service.brokers.connection import Connection
from seqae.service.brokers.interface import Source


def as_json(frame: pd.DataFrame) -> list[str]:
    """Return a JSON object for each row."""
    return frame.to_json(
        orient="records", lines=True, date_format="iso", date_unit="ns", double_precision=15
    ).splitlines()


def by_row(records: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(records).drop_duplicates().sort_values("row", ignore_index=True)


def assert_as_a_whole(client: Client, topic: str, detector: seqae.AnomalyDetector, frame: pd.DataFrame) -> None:
    """The scores that became final, and the events that ended, are those of the recording as a whole."""
    listener = "/".join([*topic.split("/")[:2], "listener"])
    until(lambda: client.records(listener)[-1:] == [{"state": "offline"}], "the last record")
    (whole,) = detector.detect(frame)
    rows = by_row(client.records(f"{topic}/scores"))
    assert rows["row"].tolist() == list(range(len(rows)))  # none is missing, and none came twice with other results
    assert len(rows) >= len(frame) - OnlineDetector(detector).delay
    np.testing.assert_allclose(rows["score"].astype(float), whole.scores[: len(rows)], rtol=1e-4)
    events = {event["start"]: event["stop"] for event in client.records(f"{topic}/events")}
    quiet = len(frame) if len(rows) == len(frame) else len(rows) - detector.merge_gap - 1
    assert events == {event.start: event.stop for event in whole.events if event.stop <= quiet} != {}


@pytest.fixture(scope="module")
def telemetry() -> tuple[seqae.AnomalyDetector, pd.DataFrame]:
    folder = Path(seqae.__file__).parents[1] / "data" / "telemetry"
    normal, faults = (pd.read_csv(folder / name) for name in ("normal.csv.gz", "faults.csv.gz"))
    return seqae.AnomalyDetector(epochs=0).fit(normal[:1500]), faults[:900]


def test_telemetry_has_the_events_of_a_whole_recording(mosquitto: Mosquitto, client: Client, telemetry):
    detector, faults = telemetry
    client.subscribe("seqae/telemetry/#")
    url = f"{mosquitto.url}/plant/{{machine}}/rows"
    with Listening(detector, url, name="telemetry", results="seqae/telemetry") as listening:
        until(lambda: client.records("seqae/telemetry/listener"), "the listener")
        client.publish("plant/server/rows", [f"[{','.join(as_json(faults[k : k + 9]))}]" for k in range(0, 900, 9)])
        until(lambda: listening.watch.counters.rows == 900, "the rows")
    assert not listening.rejections and not listening.error
    assert_as_a_whole(client, "seqae/telemetry/server", detector, faults)
    found = client.records("seqae/telemetry/server/events")
    (whole,) = detector.detect(faults)
    assert [(each["start_time"], each["severity"]) for each in found] == [
        (event.start_time, pytest.approx(event.severity, rel=1e-4)) for event in whole.events
    ]


def test_machines_of_one_topic_are_told_apart_and_their_status_is_retained(
    mosquitto: Mosquitto, client: Client, detector: seqae.AnomalyDetector, today: pd.DataFrame
):
    client.subscribe("seqae/fleet/#")
    with Listening(detector, f"{mosquitto.url}/fleet/{{machine}}/rows", name="fleet", results="seqae/fleet") as fleet:
        until(lambda: client.records("seqae/fleet/listener"), "the listener")
        client.publish("fleet/press 1/rows", as_json(today))
        client.publish("fleet/press 2/rows", as_json(today[:110]))
        until(lambda: fleet.watch.counters.rows == 510, "the rows")
    assert_as_a_whole(client, "seqae/fleet/press_1", detector, today)
    alerts = client.records("seqae/fleet/press_1/alerts")
    assert {100 <= alert["row"] < 121 or 250 <= alert["row"] < 271 for alert in alerts} == {True}
    later = Client(mosquitto)
    later.subscribe("seqae/fleet/#")
    until(lambda: len(later.messages) == 3, "the retained messages")
    statuses = dict(later.messages)
    later.close()
    assert statuses["seqae/fleet/listener"] == {"state": "offline"}
    assert statuses["seqae/fleet/press_1/status"]["state"] == "normal"
    assert statuses["seqae/fleet/press_2/status"]["state"] == "alarm"


def test_a_broker_that_stops_and_starts_again_loses_and_repeats_nothing(
    mosquitto: Mosquitto, detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path
):
    rows = as_json(today.drop(columns="time"))  # so that nothing but the broker's numbers tells them apart
    url = f"{mosquitto.url}/restarted/rows"

    def connections() -> int:
        return sum("connected to" in note for note in listening.notes)

    with Listening(detector, url, tmp_path / "state", name="restarted", results="seqae/restarted") as listening:
        client = Client(mosquitto)
        client.subscribe("seqae/restarted/#")
        for number, start in enumerate((0, 200), start=1):
            until(lambda now=number: connections() == now, "the listener")
            client.publish("restarted/rows", rows[start : start + 200])
            mosquitto.stop()
            mosquitto.start()
        until(lambda: listening.watch.counters.rows >= 400 and connections() == 3, "the rows")
        time.sleep(0.5)  # for what might come twice
    assert listening.watch.counters.rows == 400
    assert sum("no connection" in note for note in listening.notes) == 2
    assert_as_a_whole(client, "seqae/restarted", detector, today.drop(columns="time"))
    client.close()


@pytest.mark.parametrize("has_times", [True, False])
def test_a_listener_that_is_killed_at_any_moment_loses_and_repeats_nothing(
    has_times: bool, mosquitto: Mosquitto, client: Client, detector, today: pd.DataFrame, tmp_path: Path
):
    frame = today if has_times else today.drop(columns="time")
    rows, topic = as_json(frame), f"killed-{has_times}"
    arguments = (detector, f"{mosquitto.url}/{topic}/{{machine}}", tmp_path / "state", 0.05)
    named = {"name": topic, "results": f"seqae/{topic}"}
    random = np.random.default_rng()

    def online() -> int:
        return client.records(f"seqae/{topic}/listener").count({"state": "online"})

    client.subscribe(f"seqae/{topic}/#")
    for number, start in enumerate(range(0, 400, 80), start=1):
        listening = Killed(*arguments, **named)
        until(lambda now=number: online() == now, "the listener")
        client.publish(f"{topic}/m", rows[start : start + 40])
        time.sleep(random.uniform(0, 0.4))
        client.publish(f"{topic}/m", rows[start + 40 : start + 80])
        time.sleep(random.uniform(0, 0.2))
        listening.kill()
    until(lambda: client.records(f"seqae/{topic}/listener")[-1]["state"] == "offline", "the last will")
    with Listening(*arguments, **named) as last:
        machine = last.watch.machine("m")  # all may be in its state, and nothing come again
        until(lambda: machine.online.rows >= 400, "the rows")
        time.sleep(0.3)  # for what might come twice
    assert machine.online.rows == 400
    assert_as_a_whole(client, f"seqae/{topic}/m", detector, frame)


@pytest.fixture
def source(detector: seqae.AnomalyDetector, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[MemoryBroker, Source]]:
    """A broker in memory, and what takes messages from it."""
    broker = MemoryBroker()
    monkeypatch.setattr(paho, "Client", broker.client(Steps(0)))
    source, _ = Connection("mqtt://broker/t", "test", "seqae/test").brokers(detector, lambda _: None)
    with source:
        yield broker, source


def judge(source: tuple[MemoryBroker, Source]) -> list[bytes]:
    """Return what has come, and acknowledge it."""
    broker, taking = source
    messages = taking.take(0.001)
    taking.acknowledge(messages)
    broker.read(len(broker.unread))
    return [message.payload for message in messages]


def test_a_message_is_acknowledged_by_the_connection_that_delivered_it_last(source: tuple[MemoryBroker, Source]):
    broker, taking = source
    broker.publish("t", ["1"])
    messages = taking.take(0.001)
    broker.reconnect()
    assert not taking.take(0.001), "it has come before"
    taking.acknowledge(messages)
    assert broker.unread == [1]


def test_the_first_message_of_a_new_session_is_none_that_was_judged(source: tuple[MemoryBroker, Source]):
    broker, _ = source
    broker.publish("t", ["1"])
    assert judge(source) == [b"1"]
    broker.reconnect(keeps_session=False)
    broker.publish("t", ["1"], arrives=False)
    broker.reconnect()
    assert judge(source) == [b"1"]


def test_a_message_whose_number_was_given_before_is_remembered_from_then_on(
    source: tuple[MemoryBroker, Source], monkeypatch: pytest.MonkeyPatch
):
    broker, taking = source
    monkeypatch.setattr(type(taking), "limit", 1)
    for payload in "ab":
        broker.publish("t", [payload])
        assert judge(source) == [payload.encode()]
    broker.publish("t", ["a"])
    taking.acknowledge(taking.take(0.001))  # which the broker does not read
    taking.forget(["other"])
    broker.reconnect()
    assert judge(source) == []


BAD = [
    b"",
    b"{",
    b"[1, 2]",
    b"[[1], [2]]",
    b"\xff\xfe\x00",
    b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b'{"flow": "off", "pressure": 1}',
    b"null",
    b'"text"',
    b'{"flow": 1, "flow": 2, "pressure": 1, "time": "2024-01-01"}',
    b'{"time": "yesterday", "flow": 1, "pressure": 2}',
    b'{"flow": 1e999, "pressure": 1}',
    b"[" * 10_000,
    b"<html>",
    b"{" * 10_000,
    b'{"flow": {"flow": 1}}',
    b"1" * 100_000,
    b'{"\\ud800": 1}',
    b"a,b,c\n1,2,3\n",
]


def test_bad_messages_are_told_and_end_nothing(
    mosquitto: Mosquitto, client: Client, detector: seqae.AnomalyDetector, today: pd.DataFrame
):
    client.subscribe("seqae/bad/#")
    good = as_json(today[:60])
    with Listening(detector, f"{mosquitto.url}/bad/{{machine}}", name="bad", results="seqae/bad") as listening:
        until(lambda: client.records("seqae/bad/listener"), "the listener")
        client.publish("bad/m", [BAD[0], good[0], *(each for pair in zip(BAD[1:], good[1:]) for each in pair)])
        client.publish("bad/m", good[len(BAD) :])
        until(lambda: listening.watch.counters.rows >= 60, "the rows")
    assert not listening.error
    told = len(listening.rejections)
    assert listening.watch.counters.rows == 60 and told == len(BAD) - 2  # one holds nothing, one a header
    assert all("(bad/m" in each.message and len(each.text) <= 1000 for each in listening.rejections)
    until(lambda: len(client.records("seqae/bad/m/rejected") + client.records("seqae/bad/rejected")) == told, "them")


def test_channels_with_topics_of_their_own_make_rows(
    mosquitto: Mosquitto, client: Client, detector: seqae.AnomalyDetector, today: pd.DataFrame
):
    client.subscribe("seqae/sensors/#")
    url = f"{mosquitto.url}/sensors/{{machine}}/{{channel...}}"
    stamps = today["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    with Listening(detector, url, name="sensors", results="seqae/sensors", wait=3000) as listening:
        until(lambda: client.records("seqae/sensors/listener"), "the listener")
        for name in ("flow", "pressure [bar]"):
            values = [json.dumps({"value": value, "time": stamp}) for value, stamp in zip(today[name], stamps)]
            client.publish(f"sensors/m/{name.split()[0]}", values)
        client.publish("sensors/m/else/where", ["7"])
        until(lambda: listening.watch.counters.rows == 400, "the rows")
    assert not listening.rejections
    assert_as_a_whole(client, "seqae/sensors/m", detector, today)


def test_who_may_not_enter_is_told_so(detector: seqae.AnomalyDetector, tmp_path: Path, mosquitto: Mosquitto):
    closed = Mosquitto(tmp_path, "allow_anonymous false\n")
    try:
        with Listening(detector, f"{closed.url}/rows") as listening:
            until(lambda: listening.error, "the refusal")
    finally:
        closed.stop()
    assert str(listening.error) == f"the broker 127.0.0.1:{closed.port} refuses the client: Not authorized"


def test_a_broker_under_tls_is_checked(detector: seqae.AnomalyDetector, tmp_path: Path, mosquitto: Mosquitto):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl, which makes the certificate. Install it: apt-get install openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    words = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "1"]
    made = [
        "openssl",
        "req",
        "-x509",
        *words,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run(made, check=True, capture_output=True)
    key.chmod(0o644)
    broker = Mosquitto(tmp_path, f"allow_anonymous true\ncertfile {certificate}\nkeyfile {key}\n")
    url = f"mqtts://127.0.0.1:{broker.port}/rows"
    try:
        with Listening(detector, url, access=seqae_access(authorities=certificate)) as trusted:
            until(lambda: trusted.notes, "the connection")
        with Listening(detector, url) as doubted:
            until(lambda: doubted.notes, "the refusal")
    finally:
        broker.stop()
    assert trusted.notes == [f"connected to 127.0.0.1:{broker.port}"]
    assert doubted.notes[0].startswith("no connection to")


def seqae_access(authorities: Path):
    from seqae.service.brokers.address import Access

    return Access(authorities=authorities)


def test_the_command_listens_until_it_is_asked_to_end(
    mosquitto: Mosquitto, client: Client, saved: Path, today: pd.DataFrame, tmp_path: Path
):
    client.subscribe("seqae/pump/#")
    root = Path(seqae.__file__).parents[1]
    words = ["listen", saved, f"{mosquitto.url}/pump/{{machine}}/rows", "--state", tmp_path / "state", "--name", "pump"]
    command = [sys.executable, "-m", "seqae.cli", *words, "--rejected", tmp_path / "rejected.jsonl"]
    pipe = subprocess.PIPE
    environment = os.environ | {"PYTHONPATH": str(root)}
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment, text=True)
    until(lambda: client.records("seqae/pump/listener"), "the listener")
    client.publish("pump/m/rows", [*as_json(today), "{"])
    until(lambda: len(client.records("seqae/pump/m/events")) == 2, "the events")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0
    assert [json.loads(line)["event"]["entity"] for line in out.splitlines() if "event" in json.loads(line)] == [
        "m",
        "m",
    ]
    assert err.startswith(f"note   connected to 127.0.0.1:{mosquitto.port}\nreject") and err.count("\n") == 2
    assert len((tmp_path / "rejected.jsonl").read_text().splitlines()) == 1
    assert (tmp_path / "state" / "m" / "stream.safetensors").exists()
