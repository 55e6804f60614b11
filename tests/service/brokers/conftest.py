"""A real MQTT broker, a detector, and rows of a machine with two faults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import seqae
from generators import machine
from mosquitto import MOSQUITTO, Client, Mosquitto


@pytest.fixture(scope="session")
def mosquitto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    if MOSQUITTO is None:
        pytest.skip("no mosquitto. Install it: apt-get install mosquitto")
    broker = Mosquitto(tmp_path_factory.mktemp("mosquitto"))
    yield broker
    broker.stop()


@pytest.fixture
def client(mosquitto: Mosquitto) -> Iterator[Client]:
    made = Client(mosquitto)
    yield made
    made.close()


@pytest.fixture(scope="session")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector(epochs=0).fit(machine(1200, seed=0))


@pytest.fixture(scope="session")
def saved(detector: seqae.AnomalyDetector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seqae.save(detector, tmp_path_factory.mktemp("run") / "model")


@pytest.fixture
def today() -> pd.DataFrame:
    frame = machine(400, seed=1)
    frame.loc[100:120, "pressure [bar]"] = 35
    frame.loc[250:270, "flow"] = 9
    return frame
