import numpy as np
import pytest

from seqae.data.signals.recordings import Recording
from seqae.report.axis import Axis


def recording(times) -> Recording:
    count = 4 if times is None else len(times)
    return Recording(np.zeros((count, 1)), ("a",), times)


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[ns]")


def test_dates_are_milliseconds_since_1970():
    axis = Axis.of(recording(stamps("1970-01-01T00:00:01", "1970-01-01T00:00:03", "1970-01-01T00:00:05")))
    assert (axis.kind, axis.positions.tolist(), axis.step) == ("date", [1000, 3000, 5000], 2000)


def test_seconds_stay_seconds():
    axis = Axis.of(recording(np.array([0.0, 0.5, 1.0])))
    assert (axis.kind, axis.label, axis.step, axis.elapsed(0, 3)) == ("seconds", "time [s]", 0.5, "1.5 s")


@pytest.mark.parametrize(
    "times",
    [
        None,
        stamps("2026-01-01"),
        stamps("2026-01-02", "2026-01-01"),
        stamps("2026-01-01", "NaT", "2026-01-02"),
        stamps("NaT", "2026-01-01", "2026-01-02"),
        np.array([0.0, np.nan]),
    ],
)
def test_rows_are_numbered_where_times_cannot_order_them(times):
    axis = Axis.of(recording(times))
    assert (axis.kind, axis.moment(0)) == ("row", "row 0")


def test_lines_are_cut_after_a_pause():
    axis = Axis.of(recording(np.concatenate([np.arange(10.0), np.arange(100.0, 110.0)])))
    assert axis.cuts == (10,)
    assert Axis.of(recording(None)).cuts == ()


def test_repeated_stamps_are_no_reason_to_give_times_up():
    axis = Axis.of(recording(stamps("2026-01-01", "2026-01-01", "2026-01-02")))
    assert (axis.kind, axis.step) == ("date", 86_400_000)


def test_moments_have_milliseconds_only_where_rows_are_that_close():
    slow = Axis.of(recording(stamps("2026-01-01T10:00:00.25", "2026-01-01T10:00:01.25")))
    fast = Axis.of(recording(stamps("2026-01-01T10:00:00.25", "2026-01-01T10:00:00.75")))
    assert slow.moment(0) == "2026-01-01 10:00:00"
    assert fast.moment(0) == "2026-01-01 10:00:00.250"


def test_clocks_leave_out_what_all_rows_share():
    for last, clock in [
        ("2026-01-01T11", "10:00:00"),
        ("2026-02-01", "01-01 10:00:00"),
        ("2027-01-01", "2026-01-01 10:00:00"),
    ]:
        assert Axis.of(recording(stamps("2026-01-01T10", last))).clock(0) == clock


def test_elapsed_time_counts_pauses_and_the_last_row():
    axis = Axis.of(
        recording(stamps("2026-01-01T10:00:00", "2026-01-01T10:00:01", "2026-01-01T10:00:02", "2026-01-01T11:00:00"))
    )
    assert axis.elapsed(0, 3) == "3 s"
    assert axis.elapsed(2, 4) == "59 min 59 s"
