"""A stream knows feedback as the whole recording does, and takes up what is said while it runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import seqae
from generators import wide_readings
from seqae.anomaly.feedback.log import FeedbackLog
from seqae.anomaly.online.detector import OnlineDetector
from seqae.service.row_block import RowBlock
from seqae.service.watch import Watch, WatchOptions

NORMAL = wide_readings(1500, seed=0)


def live(start: int, channel: int = 1, size: float = 80.0) -> np.ndarray:
    """Return rows with a fault of 40 rows."""
    rows = wide_readings(700, seed=1)
    rows[start : start + 40, channel] += size
    return rows


@pytest.fixture(scope="module")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector(epochs=0).fit(NORMAL)


@pytest.fixture
def log(detector: seqae.AnomalyDetector, tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(seqae.save(detector, tmp_path / "model"))


@pytest.fixture
def taught(detector: seqae.AnomalyDetector, log: FeedbackLog) -> seqae.AnomalyDetector:
    log.accept(detector, live(300), 298, 342, author="Ana")
    log.name_fault(detector, live(300, channel=0, size=3.0), 300, 339, "worn seal", author="Ana")
    return log.apply(detector)


@pytest.mark.parametrize("size", [1, 7, 700])
def test_its_rows_have_the_results_of_the_whole(taught: seqae.AnomalyDetector, size: int):
    rows = live(400, channel=0, size=3.0)
    rows[100:140] = live(100)[100:140]
    (whole,) = taught.detect(rows)
    stream = OnlineDetector(taught)
    updates = [stream.push(rows[start : start + size]) for start in range(0, len(rows), size)] + [stream.finish()]
    np.testing.assert_allclose(np.concatenate([each.scores for each in updates]), whole.scores, rtol=1e-5, atol=1e-6)
    events = [event for update in updates for event in update.events]
    assert [(each.start, each.stop, each.similar_fault) for each in events] == [
        (each.start, each.stop, each.similar_fault) for each in whole.events
    ]
    np.testing.assert_allclose(
        [each.fault_distance for each in events], [each.fault_distance for each in whole.events], atol=1e-6
    )
    assert any(event.start <= 400 < event.stop and event.similar_fault == "worn seal" for event in events)
    assert not any(event.start < 140 and event.stop > 100 for event in events), "it was accepted"


def test_a_state_with_an_open_event_goes_on_and_feedback_does_not_make_it_anothers(
    detector: seqae.AnomalyDetector, taught: seqae.AnomalyDetector, tmp_path: Path
):
    rows = live(400, channel=0, size=3.0)
    before = OnlineDetector(taught)
    before.push(rows[:430])
    before.save(tmp_path)
    after = OnlineDetector(taught).load(tmp_path)
    events = [*after.push(rows[430:]).events, *after.finish().events]
    assert "worn seal" in [event.similar_fault for event in events]
    assert OnlineDetector(detector).load(tmp_path).rows == 430


def test_a_watch_takes_up_what_is_said_while_it_runs(detector: seqae.AnomalyDetector, log: FeedbackLog):
    watch = Watch(detector, WatchOptions(save_every=0, model=Path(log.model)))
    before = watch.take(RowBlock(live(300), None)).update
    assert before is not None and [alert for alert in before.alerts if 300 <= alert.row < 340]
    entry = log.accept(detector, live(300), 298, 342, author="Ana")
    assert watch.save_if_due().notes == ("the feedback has changed: 1 entry holds",)
    after = watch.take(RowBlock(live(300), None)).update
    assert after is not None and not [alert for alert in after.alerts if 700 + 300 <= alert.row < 700 + 340]
    log.undo(entry.id, author="Bo")
    assert watch.save_if_due().notes == ("the feedback has changed: 0 entries hold",)
    again = watch.take(RowBlock(live(300), None)).update
    assert again is not None and [alert for alert in again.alerts if 1400 + 300 <= alert.row < 1400 + 340]


def test_another_detector_is_not_taken_up(detector: seqae.AnomalyDetector):
    other = seqae.AnomalyDetector(epochs=0).fit(wide_readings(1200, seed=5))
    with pytest.raises(ValueError, match="another detector than the one at work"):
        OnlineDetector(detector).use(other)
