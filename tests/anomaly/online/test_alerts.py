import numpy as np

from seqae.anomaly.online.alerts import Alert, AlertTracker
from seqae.anomaly.online.segment import ScoredRows
from seqae.anomaly.online.state import collect_state, restore_state


def scored(scores: dict[int, float], delay: int = 0, rows: int = 400) -> ScoredRows:
    """Rows with a score each quarter of a second, 0 where none is given, all of it from the second channel."""
    values = np.zeros(rows, dtype=np.float32)
    values[list(scores)] = list(scores.values())
    channel_scores = np.stack([np.full_like(values, np.nan), values], axis=1)
    return ScoredRows(0, np.arange(rows) + delay, np.arange(rows) / 4, values, channel_scores)


def tracker(quiet_rows: int = 10) -> AlertTracker:
    return AlertTracker(["flow", "pressure"], threshold=2.0, quiet_rows=quiet_rows, gap_rows=10)


def test_one_alert_is_raised_for_rows_near_each_other():
    alerts = tracker()
    found = alerts.add(scored({100: 2.5, 105: 3.0, 115: 9.0, 126: 2.5, 127: 9.0, 136: 2.0}))
    assert found == [Alert(100, 25.0, 100, 2.5, "pressure"), Alert(126, 31.5, 126, 2.5, "pressure")]
    assert alerts.add(scored({137: 9.0})) == []
    assert [each.row for each in alerts.add(scored({148: 9.0}))] == [148]


def test_after_an_alert_there_is_none_for_a_while_though_rows_between_are_as_usual():
    found = tracker(quiet_rows=30).add(scored({100: 3.0, 115: 3.0, 130: 3.0, 145: 3.0}))
    assert [each.row for each in found] == [100, 145]


def test_a_restart_is_no_reason_for_another_alert():
    before, after = tracker(quiet_rows=30), tracker(quiet_rows=30)
    before.add(scored({100: 3.0}))
    restore_state(collect_state({"alerts": before}), {"alerts": after})
    assert [each.row for each in after.add(scored({115: 3.0, 145: 3.0}))] == [145]


def test_what_was_known_first_is_told_first():
    found = tracker().add(scored({100: 3.0, 200: 4.0, 230: 5.0}, delay=40), scored({130: 6.0, 205: 7.0}))
    assert [(each.row, each.detected_at, each.score) for each in found] == [
        (130, 130, 6.0),
        (205, 205, 7.0),
        (230, 270, 5.0),
    ]


def test_rows_without_times_and_scores_have_none():
    rows = scored({7: np.nan, 20: 3.0})
    (alert,) = tracker().add(ScoredRows(50, rows.known_at + 50, np.zeros(400, int), rows.scores, rows.channel_scores))
    assert (alert.row, alert.time) == (70, None)
