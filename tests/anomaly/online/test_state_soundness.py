"""A state that no rows lead to is refused before any of it is used; one that rows lead to never is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generators import machine
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.detector import OnlineDetector

ROWS = machine(90, seed=3).iloc[:, 1:].to_numpy()
CLOCKS: dict[str, Callable[[int], np.ndarray] | None] = {
    "none": None,
    "dates": lambda rows: np.datetime64("2024-03-01", "ns") + np.arange(rows) * np.timedelta64(10, "s"),
    "seconds with a gap": lambda rows: np.arange(rows) * 10.0 + 1000.0 * (np.arange(rows) > 60),
    "a clock that stands still": lambda rows: np.zeros(rows),
}


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(window=6, resolutions=(1, 3), epochs=0).fit(machine(600, seed=0).iloc[:, 1:])


@pytest.fixture(scope="module")
def resampling() -> AnomalyDetector:
    return AnomalyDetector(window=6, resolutions=(1,), epochs=0).fit(machine(900, seed=0), resample="20s")


def spoilt() -> np.ndarray:
    """Return rows with an event that is open at the end of 70 rows, missing values and the largest readings."""
    values = ROWS.copy()
    values[::7, 1] = np.nan
    values[20:23, 0] = 1e300
    values[40:, 0] += 100 * ROWS[:, 0].std()
    return values


def after(detector: AnomalyDetector, rows: int, clock: str, sizes: tuple[int, ...] = (1,)) -> OnlineDetector:
    """Return an online detector that has taken rows, so many at once by turns."""
    online, times, start = OnlineDetector(detector), CLOCKS[clock], 0
    while start < rows:
        stop = min(start + sizes[start % len(sizes)], rows)
        online.push(spoilt()[start:stop], None if times is None else times(rows)[start:stop])
        start = stop
    return online


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(0, 90),
    clock=st.sampled_from([*CLOCKS]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3),
)
def test_what_rows_lead_to_is_gone_on_from(detector, resampling, rows: int, clock: str, sizes: list[int]):
    for each in (detector, resampling):
        state = after(each, rows, clock, tuple(sizes)).state()
        restored = OnlineDetector(each)
        restored.restore(state)
        for name, array in restored.state().items():
            np.testing.assert_array_equal(array, state[name], err_msg=name)


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "intake.previous_time": lambda _: np.ones(1, dtype=np.int64),
    "intake.period": lambda _: np.array(0.0),
    "segment.times": lambda each: each[::-1],
    "segment.table": lambda each: np.where(np.isnan(each), each, -(2.0**31)),
    "segment.start": lambda each: each - 10**6,
    "alerts.latest_row": lambda _: np.array(2**60),
    "events.score": lambda _: np.array(0.0),
    "events.start": lambda each: each + 10**6,
    "events.peak": lambda each: each + 10**6,
    "events.times": lambda _: np.zeros(2, dtype=np.int64),
    "events.totals": lambda each: np.full_like(each, np.inf),
    "drift.sides": lambda each: np.full_like(each, 7),
    "drift.blocks_inside": lambda each: each - 10**6,
    "drift rows.first": lambda each: each + 1,
    "drift rows.rows": lambda each: np.full_like(each, np.inf),
    "drift rows.time": lambda each: each[:0],
    "drift alarms.rows": lambda each: each[:-1],
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_no_rows_lead_to_is_refused_and_nothing_of_it_is_taken(detector, name: str):
    state = after(detector, 70, "dates").state()
    assert state["events.stop"] > state["events.start"]
    online = OnlineDetector(detector)
    with pytest.raises(ValueError, match=r"^a state with .* is none of this detector\. Delete it to start again$"):
        online.restore(state | {name: CHANGES[name](state[name])})
    assert online.rows == 0 and len(online.push(ROWS).provisional_scores) == len(ROWS)


RESAMPLED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "resampler.rows": lambda each: each - 10**6,
    "resampler.times": lambda each: each.astype(np.int64),
    "resampler.values": lambda each: np.concatenate([each, each]),
    "resampler.moments": lambda each: each + 2**40,
    "resampler.known": lambda each: np.full_like(each, np.inf),
    "resampler.own": lambda each: each + 2**40,
    "resampler.lags": lambda each: np.full_like(each, np.nan),
    "resampler.latest": lambda each: each + 2**61,
}


@pytest.mark.parametrize("name", RESAMPLED)
def test_so_it_is_of_a_detector_that_resamples(resampling, name: str):
    state = after(resampling, 70, "dates").state()
    with pytest.raises(ValueError, match=r"^a state with .* is none of this detector\. Delete it to start again$"):
        OnlineDetector(resampling).restore(state | {name: RESAMPLED[name](state[name])})
