from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.anomaly.events import find_events
from seqae.anomaly.online.events import OnlineEvents


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from([0.5, 1.5, 2.0, 3.0, np.nan]), min_size=2, max_size=60),
    st.lists(st.integers(1, 60), max_size=5),
    st.integers(0, 4),
    st.integers(1, 4),
)
def test_events_in_pieces_are_those_of_the_whole(scores: list[float], cuts: list[int], merge_gap: int, min_rows: int):
    values = np.array(scores, dtype=np.float32)
    channel_scores = np.stack([values / 4, np.where(values > 2, np.nan, 3 * values / 4)], axis=1)
    times = np.arange(len(values)) / 4
    whole = find_events(values, 1.2, channel_scores, ["a", "b"], times, merge_gap, min_rows)
    online, found = OnlineEvents(["a", "b"], 1.2, merge_gap, min_rows), []
    for start, stop in pairwise(sorted({0, *(cut for cut in cuts if cut < len(values)), len(values)})):
        part = slice(start, stop)
        found += online.add(start, values[part], channel_scores[part], times[part], period=0.25)
    found += online.end(period=0.25)
    assert found == whole


def test_an_event_ends_when_no_later_row_can_belong_to_it():
    online, none = OnlineEvents(["a"], 1.0, merge_gap=2, min_rows=1), np.zeros(0)
    rows = np.array([0.0, 2.0, 0.0, 0.0])
    assert online.add(0, rows, rows[:, None], np.arange(4), None) == []
    (event,) = online.add(4, rows[:1], rows[:1, None], np.arange(4, 5), None)
    assert (event.start, event.stop, event.duration, event.start_time) == (1, 2, 1.0, None)
    assert online.add(5, none, none[:, None], np.arange(0), None) == online.end(None) == []
    assert event.severity == pytest.approx(2.0)
