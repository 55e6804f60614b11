"""A recording of a small machine with known faults, and the report on it."""

from dataclasses import replace

import numpy as np
import pytest

from seqae.anomaly.events import find_events
from seqae.data.signals.recordings import Recording
from seqae.report import Report, headline

ROWS, CHANNELS = 6000, ("pressure", "flow", "speed", "</script><b>bold</b>")
FAULTS = ((1500, 1560), (3200, 3300), (4700, 4720))
THRESHOLD = 1.5


@pytest.fixture(scope="session")
def recording() -> Recording:
    """One row a second with an hour's pause, a gap in one channel, and one channel read every third second."""
    rng = np.random.default_rng(0)
    rows = np.arange(ROWS)
    values = np.sin(rows[:, None] / [40, 90, 150, 400]) + 0.05 * rng.normal(size=(ROWS, 4))
    for channel, (start, stop) in enumerate(FAULTS):
        values[start:stop, channel] += 3
    values[2400:2500, 0] = np.nan
    values[np.arange(ROWS) % 3 > 0, 1] = np.nan
    seconds = rows + 3600 * (rows >= 4000)
    times = np.datetime64("2026-03-09T10:00:00", "ns") + seconds * np.timedelta64(1, "s")
    warnings = ("1 gap in time, first before row 4000: 3601 s instead of 1 s",)
    return Recording(values, CHANNELS, times, {"pressure": "bar"}, "pump.csv", warnings=warnings)


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    """Three faults."""
    labels = np.zeros(ROWS, dtype=bool)
    for start, stop in FAULTS:
        labels[start:stop] = True
    return labels


@pytest.fixture(scope="session")
def report(recording, labels) -> Report:
    """A report that found two of three faults, and raised one false alarm."""
    rng = np.random.default_rng(1)
    channel_scores = 0.1 + 0.1 * rng.random(recording.values.shape)
    channel_scores[1504:1560, 0] = 3
    channel_scores[3200:3300, 1] = 9
    channel_scores[5500:5503, 2] = 2
    scores = channel_scores.sum(axis=1)
    events = find_events(scores, THRESHOLD, channel_scores, recording.channels, recording.times)
    return Report(
        title="Pump <7>",
        headline=headline(recording, events, labels),
        summary=["Learnt from an hour of normal operation."],
        recording=recording,
        reconstruction=np.sin(np.arange(ROWS)[:, None] / [40, 90, 150, 400]),
        channel_scores=channel_scores,
        scores=scores,
        threshold=THRESHOLD,
        events=events,
        results=[
            {"method": "autoencoder", "AUC-PR": 0.7, "seconds": 3},
            {"method": "PCA", "AUC-PR": 0.8, "seconds": 1},
        ],
        labels=labels,
        history={"train": [1.0, 0.5, 0.2], "validation": [1.1, 0.7, 0.6]},
        settings={"window": 60},
    )


@pytest.fixture(scope="session")
def bare_report(report) -> Report:
    """The same without times, labels, events and all that may be left out."""
    recording = Recording(report.recording.values[:50], CHANNELS)
    parts = {name: getattr(report, name)[:50] for name in ("reconstruction", "channel_scores", "scores")}
    return replace(
        report, recording=recording, **parts, events=[], labels=None, results=(), history={}, settings={}, summary=[]
    )
