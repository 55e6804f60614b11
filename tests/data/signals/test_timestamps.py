import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqae.data.signals.timestamps import TimeReader, is_stamp


def times(*stamps, unit="") -> np.ndarray:
    return TimeReader().read(pd.Series(stamps), unit, "time", lambda row: f"row {row}")


@pytest.mark.parametrize(
    "stamp",
    [
        "2020-03-09 10:14:33",
        "2020-03-09T10:14:33",
        "2020-03-09T10:14:33Z",
        "2020-03-09 10:14:33 UTC",
        "2020-03-09T11:14:33+01:00",
        "20200309T101433",
        "2020/03/09 10:14:33",
        "2020-03-09 10:14:33.000",
        "2020-03-09 10:14:33,000",
        "09.03.2020 10:14:33",
        "09.03.2020 10.14.33",
        "9.3.20 10:14:33",
        "09-Mar-2020 10:14:33",
        "9 Mar 2020 10:14:33 AM",
        "Mar 9, 2020 10:14:33",
        pd.Timestamp("2020-03-09 10:14:33"),
        1583748873,
        1583748873.0,
        1583748873000,
        1583748873000000,
        1583748873000000000,
    ],
)
def test_one_moment_in_many_formats(stamp):
    assert times(stamp)[0] == np.datetime64("2020-03-09T10:14:33", "ns")


@given(st.integers(631_152_001, 4_102_444_000), st.integers(0, 999_999_999))
def test_nanoseconds_survive(seconds, rest):
    count = seconds * 10**9 + rest
    assert times(count)[0].astype(int) == count
    assert times(str(np.datetime64(count, "ns")))[0].astype(int) == count


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (("9/3/2020 1:02", "13/3/2020 1:02"), "2020-03-09T01:02"),
        (("9/3/2020 1:02", "3/13/2020 1:02"), "2020-09-03T01:02"),
        (("12/31/2020 11:59:00 PM",), "2020-12-31T23:59"),
        (("31-12-2020 23:59",), "2020-12-31T23:59"),
    ],
)
def test_day_and_month_are_told_apart_where_one_reading_fails(stamps, expected):
    assert times(*stamps)[0] == np.datetime64(expected, "ns")


@pytest.mark.parametrize("stamps", [("9/3/2020 1:02", "10/3/2020 1:02"), ("9-3-2020",), ("20/12/31",)])
def test_ambiguous_dates_are_refused(stamps):
    with pytest.raises(
        ValueError, match=r"can be read as %.* or as %.*row 0.*Say which: (day_first=True|time_format='%)"
    ):
        times(*stamps)


def test_summer_and_winter_time_become_utc():
    found = times("2020-03-29T01:30:00+01:00", "2020-03-29T03:30:00+02:00")
    assert np.diff(found) == np.timedelta64(1, "h")


def test_whole_seconds_and_fractions_may_mix():
    assert np.diff(times("2020-01-01 00:00:00", "2020-01-01 00:00:00.25")) == np.timedelta64(250, "ms")


@pytest.mark.parametrize(
    ("stamps", "unit", "seconds"),
    [
        ((0, 1, 2), "", [0, 1, 2]),
        ((0.0, 0.1), "", [0, 0.1]),
        ((0, 500), "ms", [0, 0.5]),
        ((0, 2), "min", [0, 120]),
        (("10:00:00", "10:00:01.5"), "", [36000, 36001.5]),
        (("9:30", "9:31"), "", [34200, 34260]),
        ((pd.Timedelta(1, "s"), pd.Timedelta(3, "s")), "", [1, 3]),
    ],
)
def test_times_without_a_date_are_seconds(stamps, unit, seconds):
    np.testing.assert_allclose(times(*stamps, unit=unit), seconds, rtol=1e-12)


@pytest.mark.parametrize(
    ("stamps", "message"),
    [
        (("2020-01-01", "soon"), r"holds 'soon' \(row 1\)"),
        (("now", "now"), r"holds 'now' \(row 0\)"),
        (("2020-13-01",), r"holds '2020-13-01' \(row 0\)"),
        (("13/3/2020", "3/13/2020"), r"holds '3/13/2020' \(row 1\)"),
        (("2020-01-01 10:00Z", "2020-01-01 11:00"), r"holds '2020-01-01 11:00' \(row 1\).*with a zone or without"),
        (("2020-01-01", None), r"is empty \(row 1\)"),
        (("0001-01-01", "9999-12-31"), "Years 1678 to 2261"),
        ((0.0, np.inf), r"is infinite \(row 1\)"),
        ((None, None), r"is empty \(row 0\)"),
    ],
)
def test_what_is_no_stamp_is_refused_with_its_row(stamps, message):
    with pytest.raises(ValueError, match=message):
        times(*stamps)


def test_words_are_no_stamps():
    assert is_stamp("2020-01-01") and is_stamp("10:14")
    assert not any(is_stamp(text) for text in ("pump 1", "now", "", "nan", "12", "1.5", "a-b-c"))
