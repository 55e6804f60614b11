"""Drift in a stream."""

from pathlib import Path

import numpy as np
import pytest

from generators import autoregressive as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import OnlineDetector
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "speed")


@pytest.mark.parametrize("timed", [True, False])
def test_in_a_stream_it_is_told_as_of_the_whole(timed: bool, tmp_path: Path):
    detector = AnomalyDetector().fit(Recording(readings(4000, seed=0), CHANNELS))
    seconds = np.datetime64("2024-03-01T08:00", "ns") + np.arange(5000) * np.timedelta64(1, "s")
    values, times = readings(5000, seed=1), seconds if timed else None
    values[1000:1500, 0] = 13
    values[2000:, 1] += 1.5
    values[3000:, 2][::3] = np.nan
    whole = detector.drift(Recording(values, CHANNELS, times))
    online, found = OnlineDetector(detector), []
    for start in range(0, 5000, 77):
        rows = slice(start, start + 77)
        found += online.push(values[rows], None if times is None else times[rows]).drifts
        if start == 77 * 30:
            online.save(tmp_path)
            online = OnlineDetector(detector).load(tmp_path)
    found += online.finish().drifts
    assert len(whole) >= 4
    assert sorted(map(str, found)) == sorted(map(str, whole))
