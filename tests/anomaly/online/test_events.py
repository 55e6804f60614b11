import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.events import find_events, hysteresis
from seqae.anomaly.online.events import EvidenceStream, OnlineEvents, combine_streams
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_models import PCA

RATIOS = [0.0, 0.3, 0.9, 1.0, 1.5, 2.0, 3.0, 5.0, 9.0, 20.0]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    rows = np.random.default_rng(0).normal(size=(400, 2))
    return AnomalyDetector(PCA(), resolutions=(1, 2), window=4).fit(rows).scorer_


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*RATIOS, np.nan]), max_size=60))
def test_a_stream_is_in_alarm_where_hysteresis_says_so(ratios: list[float]):
    assert EvidenceStream(reach=0).append(np.array(ratios)).tolist() == hysteresis(np.array(ratios)).tolist()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_streams_in_pieces_are_combined_as_a_whole(scorer: Scorer, data: st.DataObject):
    rows = data.draw(st.integers(1, 80))
    weights = np.array([8, 8, 8, 4, 1, 1, 1, 1, 1, 1]) / 34
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    ratios = random.choice(RATIOS, p=weights, size=(4, rows)).astype(np.float32)
    streams = [EvidenceStream(reach) for reach in scorer.explained_rows]
    taken, combined = np.zeros(4, dtype=int), []  # each stream is ahead of the others at times
    while (taken < rows).any():
        taken_before, taken = taken, np.minimum(taken + random.integers(0, 12, size=4), rows)
        for stream, each, start, stop in zip(streams, ratios, taken_before, taken):
            stream.append(each[start:stop])
        combined.append(combine_streams(streams, taken.max(), ended=False))
    combined.append(combine_streams(streams, rows, ended=True))
    np.testing.assert_array_equal(np.concatenate(combined), scorer.combine_evidence(ratios))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([0.5, 2.0, 3.0]), min_size=1, max_size=60), st.integers(0, 4), st.integers(1, 4))
def test_events_in_pieces_are_those_of_the_whole(ratios: list[float], merge_gap: int, min_rows: int):
    values = np.array(ratios)
    fractions = np.stack([values / 5, 1 - values / 5], axis=1)
    times = np.arange(len(values)) / 4
    whole = find_events(values, 1.0, fractions, ["a", "b"], times, merge_gap, min_rows)
    online, found = OnlineEvents(["a", "b"], merge_gap, min_rows), []
    for start in range(0, len(values), 7):
        part = slice(start, start + 7)
        found += online.add(start, values[part], fractions[part], times[part], period=0.25)
    found += online.end(period=0.25)
    if len(values) == 1:  # its period is unknown to the whole
        return
    assert [(each.start, each.stop, each.start_time, each.end_time, each.severity) for each in found] == [
        (each.start, each.stop, each.start_time, each.end_time, each.severity) for each in whole
    ]
    for event, other in zip(found, whole):
        assert event.duration == pytest.approx(other.duration)
        assert {each.channel: each.fraction for each in event.channels} == pytest.approx(
            {each.channel: each.fraction for each in other.channels}
        )
