import numpy as np

from seqae.anomaly.online.alerts import AlertTracker, Candidate
from seqae.anomaly.online.errors import RowBuffer

NO_TIMES = RowBuffer(np.zeros(1000, dtype=np.int64))


def tracker() -> AlertTracker:
    return AlertTracker(["mean", "errors over 16 rows"], [10, 32], ["flow", "pressure"])


def test_one_alert_is_raised_for_rows_near_each_other():
    alerts = tracker()
    for row in (100, 105, 116, 120):
        alerts.add(Candidate(row + 5, 0, row, 2.0, 1))
    assert [(each.row, each.reason, each.channel) for each in alerts.alerts(NO_TIMES)] == [
        (100, "mean", "pressure"),
        (116, "mean", "pressure"),
    ]
    alerts.add(Candidate(140, 1, 152, 3.0, 0))
    assert alerts.alerts(NO_TIMES) == []
    alerts.add(Candidate(300, 1, 190, 3.0, 0))
    assert [each.row for each in alerts.alerts(NO_TIMES)] == [190]


def test_what_was_detected_first_is_told_first_with_its_time():
    alerts, times = tracker(), RowBuffer(np.arange(1000) / 4)
    alerts.add(Candidate(120, 1, 100, 3.0, 0))
    alerts.add(Candidate(110, 0, 105, 2.0, 1))
    (alert,) = alerts.alerts(times)
    assert (alert.row, alert.detected_at, alert.threshold_ratio, alert.time) == (105, 110, 2.0, 26.25)
