import numpy as np
import pytest

from seqae.anomaly.online.intake import WARMUP_ROWS, RowIntake
from seqae.data.signals.recordings import Recording


def clock(rows: int) -> np.ndarray:
    times = np.datetime64("2024-03-01T08:00", "ns") + np.arange(rows) * np.timedelta64(10, "s")
    times[70:] += np.timedelta64(1, "h")
    times[90:] -= np.timedelta64(2, "h")
    return times


@pytest.mark.parametrize("size", [1, 7, 32, 200])
def test_rows_are_cut_where_a_recording_is(size: int):
    values, times = np.arange(120.0)[:, None], clock(120)
    intake, starts, row = RowIntake(["a"], None, batch_rows=1), [0], 0
    for start in range(0, 120, size):
        intake.add(values[start : start + size], times[start : start + size])
        for is_after_gap, rows, clocks in intake.take() if intake.is_ready else ():
            starts += [row] if is_after_gap else []
            np.testing.assert_array_equal(rows, values[row : row + len(rows)])
            np.testing.assert_array_equal(clocks, times[row : row + len(rows)])
            row += len(rows)
    assert row == 120
    assert starts == [each.start for each in Recording(values, ("a",), times).segments()] == [0, 70, 90]


def test_rows_are_held_until_the_period_is_known_or_a_batch_is_complete():
    def rows_until_ready(timed: bool, period: float | None, batch_rows: int) -> int:
        intake = RowIntake(["a"], period, batch_rows)
        for count in range(1, 200):
            _, times = intake.checked([1.0], clock(200)[count - 1] if timed else None, count - 1)
            intake.add(np.ones((1, 1)), times)
            if intake.is_ready:
                return count
        return 0

    assert rows_until_ready(timed=True, period=None, batch_rows=1) == WARMUP_ROWS
    assert rows_until_ready(timed=False, period=None, batch_rows=1) == 1
    assert rows_until_ready(timed=False, period=None, batch_rows=50) == 50
