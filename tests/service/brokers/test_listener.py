"""A listener that is killed between any two of its steps."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pandas as pd
import pytest

import seqae
from mqtt_in_memory import Killed, MemoryBroker, Steps
from seqae.anomaly.online.detector import OnlineDetector
from seqae.data.signals.options import ReadingOptions
from seqae.service import machine_watch
from seqae.service.brokers import journal, listener
from seqae.service.brokers.connection import Connection
from seqae.service.brokers.listener import Listener
from seqae.service.brokers.mqtt import MqttBroker
from seqae.service.watch import Watch, WatchOptions
from seqae.service.watch_update import WatchUpdate


class Script:
    """Publishes some rows each time that a listener asks for its end, which has come when none are left.

    Args:
        broker: Gets the rows, and reads half of the acknowledgements each time.
        rows: What is published each time.
    """

    def __init__(self, broker: MemoryBroker, rows: list[list[str]]):
        self.broker = broker
        self.rows = rows
        self.notes: list[str] = []

    def tell(self, update: WatchUpdate, _records: object) -> None:
        self.notes += update.notes

    def is_set(self) -> bool:
        self.broker.read(len(self.broker.unread) // 2)
        if not self.rows:
            return True
        self.broker.publish("plant/m", self.rows.pop(0))
        return False


def listen(
    script: Script, detector: seqae.AnomalyDetector, folder: Path, steps: Steps, patch: pytest.MonkeyPatch, **options
) -> Watch:
    """Listen until the script or a step ends it, and return the watch."""
    with patch.context() as patched:
        patched.setattr(paho, "Client", script.broker.client(steps))
        patched.setattr(machine_watch, "write_state", steps.around(machine_watch.write_state))
        patched.setattr(journal, "write_atomically", steps.around(journal.write_atomically))
        patched.setattr(Watch, "take", steps.around(Watch.take))
        connection = Connection("mqtt://broker/plant/{machine}", "test", "seqae/test", **options)
        source, sink = connection.brokers(detector, lambda _: None)
        payloads = connection.payloads(detector, ReadingOptions.of(channels=tuple(detector.channels_)))
        watch = Watch(detector, WatchOptions(state=folder))
        with source:
            Listener(watch, source, sink, payloads, script.tell, "final", 1e-9).run(script)
    return watch


def rows_and_scores(detector: seqae.AnomalyDetector, today: pd.DataFrame, tick: str | None):
    """Return 130 rows as objects, with times of a clock that ticks so or without times, and their final scores."""
    frame = today[80:210]
    frame = frame.drop(columns="time") if tick is None else frame.assign(time=frame["time"].dt.floor(tick))
    rows = frame.to_json(orient="records", lines=True, date_format="iso", double_precision=15).splitlines()
    times = frame["time"].to_numpy() if tick else None
    return rows, OnlineDetector(detector).push(frame[["flow", "pressure [bar]"]].to_numpy(), times).scores


def together(rows: list[str]) -> str:
    return f"[{','.join(rows)}]"


def assert_scores(broker: MemoryBroker, whole: np.ndarray) -> None:
    """Each row has its score; none came twice with another one."""
    records = [json.loads(record) for topic, record in broker.records if topic == "seqae/test/m/scores"]
    rows = [record["row"] for record in records]
    assert sorted(set(rows)) == list(range(len(whole)))
    np.testing.assert_allclose([record["score"] for record in records], whole[rows], rtol=1e-4)


@pytest.mark.parametrize("tick", [None, "1s", "3s"])
def test_at_whatever_step_it_is_killed_no_row_is_lost_or_judged_twice(
    tick: str | None, detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path, monkeypatch
):
    rows, whole = rows_and_scores(detector, today, tick)
    before, kept = MemoryBroker(), tmp_path / "kept"
    listen(Script(before, [[together(rows[:110])], rows[110:111]]), detector, kept, Steps(0), monkeypatch)
    for number in itertools.count(1):
        broker, steps, folder = before.copy(), Steps(number), tmp_path / f"{number}"
        shutil.copytree(kept, folder)
        script = Script(broker, [rows[111:113], rows[113:116]])
        with suppress(Killed):
            listen(script, detector, folder, steps, monkeypatch)
        script.rows.append([together(rows[116:])])
        watch = listen(script, detector, folder, Steps(0), monkeypatch)
        assert watch.machine("m").online.rows == 130, number
        assert_scores(broker, whole)
        if steps.count < number:
            break
    assert number > 10


def test_rows_whose_results_were_not_taken_over_are_judged_again_after_the_end(
    detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path, monkeypatch
):
    rows, whole = rows_and_scores(detector, today, None)
    broker = MemoryBroker()
    listen(Script(broker, [[together(rows[:110])]]), detector, tmp_path, Steps(0), monkeypatch)
    broker.takes_results = False
    monkeypatch.setattr(listener, "_FLUSH", 0.001)
    script = Script(broker, [rows[110:120]])
    listen(script, detector, tmp_path, Steps(0), monkeypatch)
    assert "the end was not saved" in script.notes[-1]
    broker.takes_results = True
    watch = listen(Script(broker, [rows[120:]]), detector, tmp_path, Steps(0), monkeypatch)
    assert watch.machine("m").online.rows == 130
    assert_scores(broker, whole)


def full(path: Path, *_contents: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_full_disk_is_told_and_costs_no_row(
    detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path, monkeypatch
):
    rows, whole = rows_and_scores(detector, today, None)
    broker = MemoryBroker()
    with monkeypatch.context() as patch:
        patch.setattr(journal, "write_atomically", full)
        script = Script(broker, [rows[:110], rows[110:120]])
        listen(script, detector, tmp_path, Steps(0), patch)
    assert "the state was not saved: No space left on device" in script.notes[0]
    watch = listen(Script(broker, [rows[120:]]), detector, tmp_path, Steps(0), monkeypatch)
    assert watch.machine("m").online.rows == 130
    assert_scores(broker, whole)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_value_that_waits_for_others_of_its_row_is_kept_by_the_broker_until_they_come(
    is_restarted: bool, detector: seqae.AnomalyDetector, tmp_path: Path, monkeypatch
):
    points = [f"p {channel}=20 {row}000000000" for row in range(3) for channel in detector.channels_]
    broker, options = MemoryBroker(), {"payload": "influx", "wait": 1000}
    sent = [[*points[:3], "no point"], [points[3]], points[4:]]
    for each in (sent[:1], sent[1:]) if is_restarted else (sent,):
        watch = listen(Script(broker, each), detector, tmp_path, Steps(0), monkeypatch, **options)
        broker.read(len(broker.unread))
    updates = [each.update for each in watch.finish() if each.update is not None]
    assert sum(len(each.scores) for each in updates) == 3 and not broker.messages


def test_rows_that_are_alike_are_all_judged_though_packets_have_the_same_number(
    detector: seqae.AnomalyDetector, tmp_path: Path, monkeypatch
):
    row, broker = '{"flow": 1, "pressure [bar]": 20}', MemoryBroker()
    for _ in range(2):
        watch = listen(Script(broker, [[row]] * 8), detector, tmp_path, Steps(0), monkeypatch)
        broker.read(len(broker.unread))
    assert watch.machine("m").online.rows == 16


def test_the_broker_delivers_on_while_the_disk_is_full(
    detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path, monkeypatch
):
    rows, _ = rows_and_scores(detector, today, "1s")
    monkeypatch.setattr(MqttBroker, "limit", 10)
    monkeypatch.setattr(machine_watch, "write_state", full)
    for count, kept in ((5, 5), (6, 0)):
        broker = MemoryBroker()
        listen(Script(broker, [rows[:count]]), detector, tmp_path / f"{count}", Steps(0), monkeypatch)
        broker.read(len(broker.unread))
        assert len(broker.messages) == kept
