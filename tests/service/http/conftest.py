"""Detectors behind an application that is asked in this process."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pandas as pd
import pytest

import seqae
from generators import machine
from seqae.data.signals.telemetry import telemetry_folder

testclient = pytest.importorskip("starlette.testclient", reason="needs starlette: pip install 'seqae[serve]'")

CSV = {"content-type": "text/csv"}


@pytest.fixture(scope="session")
def detector() -> seqae.AnomalyDetector:
    """A detector of flow and pressure, a row each second."""
    return seqae.AnomalyDetector(resolutions=(1, 4), epochs=0).fit(machine(1200, seed=0))


@pytest.fixture(scope="session")
def fleet() -> seqae.AnomalyDetector:
    """A detector that knows the machines m1 and m2."""
    frames = [machine(600, seed=number).assign(unit=f"m{number}") for number in (1, 2)]
    return seqae.AnomalyDetector(resolutions=(1,), epochs=0).fit(pd.concat(frames), by="unit")


@pytest.fixture(scope="session")
def telemetry() -> tuple[seqae.AnomalyDetector, pd.DataFrame]:
    """A detector of the telemetry of a service, and its recording with faults."""
    normal, faults = (pd.read_csv(telemetry_folder() / f"{name}.csv.gz") for name in ("normal", "faults"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return seqae.AnomalyDetector(resolutions=(1,), window=8, epochs=0).fit(normal[:800]), faults


@pytest.fixture
def today() -> pd.DataFrame:
    """Rows with a fault."""
    frame = machine(600, seed=1)
    frame.loc[150:170, "pressure [bar]"] = 35
    return frame


@pytest.fixture
def served() -> Iterator[Callable]:
    """Return a client of detectors by name, with settings."""
    from seqae.service.http.application import application_of
    from seqae.service.http.service import DetectorService
    from seqae.service.http.settings import ServerLimits, ServerSettings

    with ExitStack() as stack:

        def serve(
            detectors: Mapping[str, seqae.AnomalyDetector],
            limits: Mapping | None = None,
            folders: Mapping | None = None,
            **settings: object,
        ):
            own = {"hosts": ("testserver",), "limits": ServerLimits(**(limits or {}))} | settings
            service = DetectorService(detectors, ServerSettings(**own), folders)
            return stack.enter_context(testclient.TestClient(application_of(service), raise_server_exceptions=False))

        yield serve
