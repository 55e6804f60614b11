"""Rows that come one by one and are scored by the kernel, beside the same rows scored by torch many at a time."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import pytest

from generators import readings
from seqae.anomaly.accepted import AcceptedDeviations
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.feedback.applying import apply_feedback
from seqae.anomaly.feedback.entry import Feedback
from seqae.anomaly.online.detector import OnlineDetector, StreamUpdate
from seqae.anomaly.online.row_kernel import SOURCE, RowKernel
from seqae.anomaly.window_models import Linear, MovingAverage, Recurrent
from seqae.data.signals.recordings import Recording
from seqae.modules.native.build import load_kernel, native_status

CHANNELS = ("flow", "pressure", "still")
SETTINGS = {
    "default": {},
    "one resolution": {"resolutions": (1,), "window": 20},
    "coarse ones alone": {"resolutions": (2, 3), "window": 5},
    "three resolutions": {"resolutions": (1, 2, 4), "window": 6},
    "principal components": {"model": "pca", "resolutions": (1, 3), "window": 7},
    "curves": {"model": Linear(curved=(True, False, True)), "resolutions": (1, 3), "window": 7},
    "another model": {"model": MovingAverage(), "resolutions": (1, 3), "window": 5},
    "a network": {"model": Recurrent(hidden_size=8), "resolutions": (1,), "window": 6, "epochs": 0},
}
needs_kernel = pytest.mark.skipif(load_kernel() is None, reason=native_status())


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS)
def detector(request: pytest.FixtureRequest) -> AnomalyDetector:
    return AnomalyDetector(**request.param).fit(Recording(readings(900, seed=0), CHANNELS))


@pytest.fixture(scope="module")
def usual() -> AnomalyDetector:
    return AnomalyDetector(window=6).fit(Recording(readings(900, seed=0), CHANNELS))


def spoiled(rows: int) -> np.ndarray:
    """Rows with a fault, missing values from the first row on, rows without any, and a channel that fails."""
    values = readings(rows, seed=1)
    values[0, 1] = values[70, 0] = values[20:24, 2] = values[100:103] = np.nan
    values[120:140, 1] += 90
    values[145:, 2] += 1e-3  # it was constant
    values[160:165, 0] = 1e30
    values[rows - 30 :, 1] = np.nan
    return values


def one_by_one(online: OnlineDetector, values: np.ndarray, times: Sequence[object] | None = None) -> list[StreamUpdate]:
    return [online.push(row, None if times is None else times[number]) for number, row in enumerate(values)]


def without_kernel(detector: AnomalyDetector) -> OnlineDetector:
    online = OnlineDetector(detector)
    online.kernel = None
    return online


@needs_kernel
def test_what_is_said_of_each_row_is_what_torch_says(detector: AnomalyDetector):
    values = spoiled(200)
    by_kernel, by_torch = (one_by_one(each, values) for each in (OnlineDetector(detector), without_kernel(detector)))
    rough = isinstance(detector.model, Recurrent)  # single precision
    for found, expected in zip(by_kernel, by_torch):
        for name in ("provisional_scores", "scores", "channel_scores"):
            np.testing.assert_allclose(
                getattr(found, name), getattr(expected, name), rtol=1e-3 if rough else 1e-6, atol=1e-6, err_msg=name
            )
        assert (found.first_new_row, found.first_final_row) == (expected.first_new_row, expected.first_final_row)
        assert [(each.row, each.channel) for each in found.alerts] == [
            (each.row, each.channel) for each in expected.alerts
        ]
        assert [(each.start, each.stop, each.peak) for each in found.events] == [
            (each.start, each.stop, each.peak) for each in expected.events
        ]


@needs_kernel
def test_rows_one_by_one_go_on_from_many_and_the_other_way_round(detector: AnomalyDetector):
    values, online = spoiled(200), OnlineDetector(detector)
    found = [online.push(values[:90]), *one_by_one(online, values[90:105]), online.push(values[105:109])]
    found += [*one_by_one(online, values[109:120]), online.push(values[120:185])]
    found += [*one_by_one(online, values[185:]), online.finish()]
    (whole,) = detector.detect(Recording(values, CHANNELS))
    scores = np.concatenate([each.scores for each in found])
    np.testing.assert_allclose(scores, whole.scores, rtol=1e-3, atol=1e-5)


@needs_kernel
def test_feedback_is_heeded_as_by_torch_and_few_windows_are_compared(
    usual: AnomalyDetector, monkeypatch: pytest.MonkeyPatch
):
    recording = Recording(spoiled(200), CHANNELS)
    said = [
        Feedback("normal", recording, 118, 142, "Ana", id=1),
        Feedback("fault", recording, 158, 166, "Ana", fault="broken", id=2),
    ]
    taught = apply_feedback(usual, said)
    kernel, by_torch = OnlineDetector(taught), without_kernel(taught)
    assert kernel.kernel is not None
    compared, distances = [], AcceptedDeviations.distances
    monkeypatch.setattr(
        AcceptedDeviations, "distances", lambda self, x, quiet: compared.append(x.shape[2]) or distances(self, x, quiet)
    )
    found = [*one_by_one(kernel, recording.values), kernel.finish()]
    assert 0 < sum(compared) < 300, "of some 370 windows, and in many rows something is abnormal"
    expected = [*one_by_one(by_torch, recording.values), by_torch.finish()]
    for one, other in zip(found, expected):
        for name in ("provisional_scores", "scores", "channel_scores"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6, atol=1e-6, err_msg=name)
    events, others = ([event for each in updates for event in each.events] for updates in (found, expected))
    assert [(each.start, each.stop, each.similar_fault) for each in events] == [
        (each.start, each.stop, each.similar_fault) for each in others
    ]
    assert [event.similar_fault for event in events if event.start <= 160 < event.stop] == ["broken"]
    assert not [event for event in events if event.start < 140 and event.stop > 120], "it was accepted"


@needs_kernel
def test_results_that_were_returned_never_change(usual: AnomalyDetector):
    online, row = OnlineDetector(usual), np.zeros(3)
    kept, copies = [], []
    for number, values in enumerate(spoiled(200)):
        row[:] = values  # the caller may use the same memory for each row
        kept.append(online.push(row, float(number)))
        copies.append(copy.deepcopy(kept[-1]))
    for found, expected in zip(kept, copies):
        for name in ("provisional_scores", "scores", "channel_scores", "times", "provisional_times"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)


@needs_kernel
def test_a_copy_of_a_stream_goes_on_by_itself(usual: AnomalyDetector):
    values, online = spoiled(200), OnlineDetector(usual)
    one_by_one(online, values[:120])
    other = copy.deepcopy(online)
    one_by_one(other, values[::-1])
    expected = OnlineDetector(usual)
    one_by_one(expected, values[:120])
    found, expected_found = (one_by_one(each, values[120:]) for each in (online, expected))
    for each, same in zip(found, expected_found):
        np.testing.assert_array_equal(each.scores, same.scores)


@pytest.mark.parametrize("kind", [float, np.datetime64, int])
def test_times_of_single_rows_are_read_as_those_of_many(kind: type, usual: AnomalyDetector):
    values = spoiled(150)
    times = np.arange(150) * 10 + 5
    times[60:] += 10_000
    times[90:] -= 500
    clock = times.astype("datetime64[s]") if kind is np.datetime64 else times.astype(kind)
    found, many = OnlineDetector(usual), OnlineDetector(usual)
    singly = [*one_by_one(found, values, clock if kind is np.datetime64 else clock.tolist()), found.finish()]
    at_once = [many.push(values, clock), many.finish()]
    for name in ("times", "scores", "provisional_times"):
        one, other = (np.concatenate([getattr(each, name) for each in updates]) for updates in (singly, at_once))
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one.astype(float), other.astype(float), rtol=1e-3, atol=1e-5, err_msg=name)


def test_it_is_not_used_where_it_can_not_be_built(monkeypatch: pytest.MonkeyPatch, usual: AnomalyDetector):
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    assert RowKernel.of(usual.scorer_) is None and load_kernel(SOURCE) is None
    online = OnlineDetector(usual)
    assert online.kernel is None
    assert len(one_by_one(online, spoiled(240)[:20])[-1].provisional_scores) == 1


@pytest.mark.parametrize("name", ["segment.table", "segment.times", "segment.first", "segment.final", "segment.start"])
def test_a_state_that_points_elsewhere_is_refused(name: str, usual: AnomalyDetector):
    online = OnlineDetector(usual)
    one_by_one(online, spoiled(200))
    state = online.state()
    OnlineDetector(usual).restore(state)
    value = state[name]
    for wrong in (value[:-1], value[:, :0]) if value.ndim > 1 else (value[1:],) if value.ndim else (value + 10**6,):
        with pytest.raises(ValueError, match=r"is none of this detector\. Delete it"):
            OnlineDetector(usual).restore(state | {name: wrong})
