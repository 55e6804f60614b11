"""Samples of data sets."""

from __future__ import annotations

import numpy as np
import pytest

from seqae.anomaly.bulk import sample
from seqae.anomaly.bulk.sample import sample_recordings
from seqae.anomaly.detector import AnomalyDetector

CHANNELS = ["flow", "pressure", "still"]


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(sample, "MIN_STRETCH", 20)
    monkeypatch.setattr(sample, "STRETCHES", 3)


@pytest.mark.parametrize("layout", ["by folders", "one after the other", "mixed"])
def test_stretches_are_consecutive_rows_of_every_machine_spread_over_its_time(layout, layouts, machines):
    found = sample_recordings(layouts[layout], rows=400, by="machine")
    assert sum(map(len, found)) <= 400
    for name, rows in machines.groupby("machine"):
        own = [each for each in found if each.entity == name]
        assert len(own) == 3
        starts = []
        for recording in own:
            assert recording.channels == tuple(CHANNELS)
            start = int(np.searchsorted(rows.time, recording.times[0]))
            expected = rows[start : start + len(recording)]
            np.testing.assert_array_equal(recording.values, expected[CHANNELS])
            np.testing.assert_array_equal(recording.times, expected.time)
            starts.append(start / len(rows))
        assert starts[0] < 1 / 3 < starts[1] < 2 / 3 < starts[2]


def test_machines_with_few_rows_are_taken_whole_and_leave_the_rest_to_others(layouts):
    found = sample_recordings(layouts["mixed"], rows=10_000, by="machine")
    assert sorted((each.entity, len(each)) for each in found) == [("m/3", 240), ("m1", 160), ("m2", 200), ("m4", 280)]


def test_a_detector_learns_from_a_sample(layouts):
    detector = AnomalyDetector(window=4).fit(sample_recordings(layouts["by folders"], rows=600, by="machine"))
    assert detector.channels_ == tuple(CHANNELS)


def test_too_few_rows_for_all_machines_are_refused(layouts):
    with pytest.raises(ValueError, match=r"3 rows of 4 machines. Sample more: rows=80"):
        sample_recordings(layouts["mixed"], rows=3, by="machine")


def test_rows_without_times_are_sampled_too(machines, tmp_path):
    machines.drop(columns="time").to_parquet(tmp_path / "a.parquet", index=False)
    found = sample_recordings(tmp_path, rows=200, by="machine")
    assert all(each.times is None for each in found)
