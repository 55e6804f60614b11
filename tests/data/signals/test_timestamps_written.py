"""Any moment, written in any supported way, is read back."""

from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.timestamps import TimeReader

YEAR_0 = 366  # which MATLAB counts before the ordinals of Python


def read(stamps, name="time", **options) -> np.ndarray:
    return TimeReader(ReadingOptions.of(**options)).read(pd.Series(stamps), "", name, lambda row: f"row {row}")


def days(moment: pd.Timestamp) -> float:
    return moment.value / 86400e9


# Hours and days beyond 12 leave no doubt about the order of day and month.
moments = st.datetimes(pd.Timestamp("1991-01-01"), pd.Timestamp("2049-12-31")).map(
    lambda moment: pd.Timestamp(moment).replace(day=moment.day % 15 + 13)
)

FORMS = [  # form of Python, resolution
    ("%Y-%m-%d %H:%M:%S", "s"),
    ("%Y-%m-%dT%H:%M:%S.%f", "us"),
    ("%Y-%m-%dT%H:%M:%S,%fZ", "us"),
    ("%Y%m%dT%H%M%SZ", "s"),
    ("%Y-%jT%H:%M:%S", "s"),
    ("%Y/%j %H:%M:%S.%f", "us"),
    ("%Y:%j:%H:%M:%S", "s"),
    ("%G-W%V-%uT%H:%M:%S", "s"),
    ("%Y-%m-%d %H:%M:%S UTC", "s"),
    ("%Y-%m-%dT%H:%M:%S.%f+00:00", "us"),
    ("%Y-%m-%d_%H-%M-%S", "s"),
    ("%Y%m%d_%H%M%S", "s"),
    ("%Y-%m-%d-%H.%M.%S.%f", "us"),
    ("%Y/%m/%d %H:%M", "min"),
    ("%d.%m.%Y %H:%M:%S", "s"),
    ("%d.%m.%Y %H:%M:%S,%f", "us"),
    ("%d.%m.%Y", "D"),
    ("%d/%m/%Y %I:%M:%S %p", "s"),
    ("%m/%d/%Y %I:%M:%S.%f %p", "us"),
    ("%d-%b-%y %H:%M:%S", "s"),
    ("%d-%b-%y %I.%M.%S.%f %p", "us"),
    ("%d %B %Y %H:%M", "min"),
    ("%a %b %d %H:%M:%S %Y", "s"),
    ("%a %b %d %H:%M:%S UTC %Y", "s"),
    ("%b %d, %Y %I:%M:%S %p", "s"),
    ("%a, %d %b %Y %H:%M:%S GMT", "s"),
    ("[%d/%b/%Y:%H:%M:%S +0000]", "s"),
    ("%Y-%b-%d %H:%M:%S.%f", "us"),
]


@pytest.mark.parametrize(("form", "resolution"), FORMS)
@settings(max_examples=3, deadline=None)
@given(moment=moments)
def test_text_is_read_to_its_resolution(form, resolution, moment):
    assert read([moment.strftime(form)])[0] == moment.floor(resolution).to_datetime64()
    assert read([moment.strftime(form).upper()])[0] == moment.floor(resolution).to_datetime64()


EPOCHS = {
    "excel": (lambda moment: days(moment) + 25569, "ms"),
    "excel1904": (lambda moment: days(moment) + 24107, "ms"),
    "matlab": (lambda moment: days(moment) + date(1970, 1, 1).toordinal() + YEAR_0, "ms"),
    "julian": (lambda moment: days(moment) + 2440587.5, "ms"),
    "mjd": (lambda moment: days(moment) + 40587, "ms"),
    "labview": (lambda moment: (moment - pd.Timestamp("1904-01-01")).total_seconds(), "ms"),
    "filetime": (lambda moment: moment.to_pydatetime() - pd.Timestamp("1601-01-01").to_pydatetime(), "us"),
    "dotnet": (lambda moment: moment.to_pydatetime() - pd.Timestamp("0001-01-01").to_pydatetime(), "us"),
    "unix": (lambda moment: moment.value / 1e9, "ms"),
    "2000-01-01": (lambda moment: (moment - pd.Timestamp("2000-01-01")).total_seconds(), "ms"),
}


@pytest.mark.parametrize("epoch", EPOCHS)
@settings(max_examples=20, deadline=None)
@given(moment=moments)
def test_counts_are_read_to_the_digits_that_a_float_holds(epoch, moment):
    count, resolution = EPOCHS[epoch]
    moment = moment.floor(resolution)
    number = count(moment)
    if epoch in ("filetime", "dotnet"):
        number = (number.days * 86400 + number.seconds) * 10**7 + number.microseconds * 10
    assert read([number], time_epoch=epoch)[0] == moment.to_datetime64()


@pytest.mark.parametrize(
    ("unit", "size"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9), ("min", 1 / 60), ("h", 1 / 3600)]
)
@settings(max_examples=10, deadline=None)
@given(moment=moments)
def test_counts_of_any_unit_since_a_date(unit, size, moment):
    moment = moment.floor("s")
    number = (moment.value // 10**9) * size
    assert read([number], time_epoch="1970-01-01", time_unit=unit)[0] == moment.to_datetime64()


@pytest.mark.parametrize("length", [8, 12, 14, 17])
@settings(max_examples=20, deadline=None)
@given(moment=moments)
def test_dates_as_digits(length, moment):
    resolution = {8: "D", 12: "min", 14: "s", 17: "ms"}[length]
    digits = int(moment.strftime("%Y%m%d%H%M%S%f")[:length])
    assert read([digits])[0] == moment.floor(resolution).to_datetime64()


def test_text_beyond_microseconds_keeps_its_nanoseconds():
    stamps = ["01.03.2024 12:00:00", "01.03.2024 12:00:00.5", "01.03.2024 12:00:00,123456789"]
    fractions = read(stamps) - np.datetime64("2024-03-01T12:00:00", "ns")
    assert fractions.astype(int).tolist() == [0, 500_000_000, 123_456_789]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
@pytest.mark.parametrize("period", ["1min", "10min", "30min", "1h"])
@settings(max_examples=3, deadline=None)
@given(day=st.dates(pd.Timestamp("2015-01-01").date(), pd.Timestamp("2030-01-01").date()))
def test_local_times_of_a_whole_year_become_utc(zone, period, day):
    local = pd.date_range(day, periods=1000 if period == "1min" else 9000, freq=period, tz=zone)
    expected = local.tz_convert("UTC").tz_localize(None).as_unit("ns").to_numpy()
    written = local.strftime("%Y-%m-%d %H:%M:%S")
    np.testing.assert_array_equal(read(written, time_zone=zone), expected)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_doubled_hour_is_told_apart_in_a_stream_as_in_a_file(cut):
    local = pd.date_range("2024-10-27 01:50", periods=100, freq="3min", tz="Europe/Berlin").tz_localize(None)
    parts = [pd.Series(local[start : start + cut].astype(str)) for start in range(0, len(local), cut)]
    reader = TimeReader(ReadingOptions.of(time_zone="Europe/Berlin"))
    found = np.concatenate([reader.read(part, "", "time", str) for part in parts])
    np.testing.assert_array_equal(found, read(local.astype(str), time_zone="Europe/Berlin"))
    assert (np.diff(found) == np.timedelta64(3, "m")).all()


def test_a_doubled_hour_of_several_machines_below_each_other():
    local = pd.date_range("2024-10-27 00:00", periods=30, freq="10min", tz="Europe/Berlin")
    expected = local.tz_convert(None).to_numpy()
    found = read([*local.tz_localize(None).astype(str)] * 3, time_zone="Europe/Berlin")
    np.testing.assert_array_equal(found, np.tile(expected, 3))


def test_a_doubled_hour_where_the_newest_row_is_the_first():
    local = pd.date_range("2024-10-27 00:00", periods=30, freq="10min", tz="Europe/Berlin")[::-1]
    found = read(local.tz_localize(None).astype(str), time_zone="Europe/Berlin")
    np.testing.assert_array_equal(found, local.tz_convert(None).to_numpy())


def test_a_few_wrong_numbers_do_not_turn_dates_into_seconds():
    stamps = [20240301120000 + second for second in range(50)]
    with pytest.raises(ValueError, match=r"20240301126000 \(row 7\).*dates as 14 digits"):
        read([*stamps[:7], 20240301126000, *stamps[7:]])
    times = read([*range(1709287200, 1709287250), 0])
    assert times[0] == np.datetime64("2024-03-01T10:00") and times[-1] == np.datetime64("1970-01-01")


def test_a_unit_that_the_numbers_contradict_is_refused():
    with pytest.raises(ValueError, match=r"a date if it counts ms from 1970.*time_unit='ms', or time_epoch='none'"):
        read([1709287200123], name="time_s")
    assert read([1709287200123], name="time_s", time_unit="ms")[0] == np.datetime64("2024-03-01T10:00:00.123")
    assert read([1709287200123], name="time_s", time_epoch="none")[0] == 1709287200123


def test_abbreviations_tell_the_doubled_hour_apart():
    stamps = ["2024-10-27 02:30:00 CEST", "2024-10-27 02:10:00 CET"]
    assert np.diff(read(stamps, time_zone="Europe/Berlin")) == np.timedelta64(40, "m")


def test_a_single_pass_of_the_doubled_hour_is_told():
    reader = TimeReader(ReadingOptions.of(time_zone="Europe/Berlin"))
    reader.read(pd.Series(["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 03:00"]), "", "time", "line {}".format)
    (note,) = reader.notes
    assert "line 1" in note and "read as summer time" in note


def test_the_hour_that_is_left_out_in_spring_is_refused_with_its_row():
    with pytest.raises(
        ValueError, match=r"02:30:00 \(row 1\), which there was not in Europe/Berlin.*time_zone='\+01:00'"
    ):
        read(["2024-03-31 01:30", "2024-03-31 02:30"], time_zone="Europe/Berlin")
    found = read(["2024-03-31 01:30", "2024-03-31 02:30"], time_zone="+01:00")
    assert found[1] == np.datetime64("2024-03-31T01:30")


def test_stamps_with_a_zone_and_counts_in_utc_keep_it():
    text = read(["2024-03-01T12:00:00+02:00"], time_zone="Asia/Tokyo")
    assert text[0] == np.datetime64("2024-03-01T10:00")
    assert read([1709287200], time_zone="Asia/Tokyo")[0] == np.datetime64("2024-03-01T10:00")
    assert read([20240301120000], time_zone="Asia/Tokyo")[0] == np.datetime64("2024-03-01T03:00")


def test_a_step_back_on_a_night_of_the_clock_asks_for_the_zone():
    local = pd.date_range("2024-10-27 00:00", periods=60, freq="10min", tz="Europe/Berlin").tz_localize(None)
    reader = TimeReader()
    reader.read(pd.Series(local), "", "time", "line {}".format)
    assert "line 18" in reader.notes[0] and "time_zone='Europe/Berlin'" in reader.notes[0]


@pytest.mark.parametrize(
    ("stamps", "options", "message"),
    [
        (["2024-03-01"], {"time_zone": "Berlin"}, "time_zone='Europe/Berlin'"),
        (["2024-03-01"], {"time_zone": "PST"}, "time_zone='America/Los_Angeles'"),
        (["2024-03-01 12:00 EST"], {}, "names the zone EST.*time_zone='America/New_York'"),
        ([1.0], {"time_epoch": "exel"}, "There is unix, excel"),
        ([1.0], {"time_unit": "millies"}, "There is s, ms"),
        (["3/4/2024"], {}, "day_first=True for %d/%m/%Y, otherwise day_first=False"),
        (["3/13/2024"], {"day_first": True}, r"holds '3/13/2024' \(row 0\)"),
        (["3/4/24", "4/4/24"], {}, "time_format='%d/%m/%y'|day_first=True"),
        (["01|03|2024", "1"], {"time_format": "%d|%m|%Y"}, r"holds '1' \(row 1\).*time_format='%d\|%m\|%Y'"),
        (["Mar 01 12:00"], {"time_format": "%b %d %H:%M"}, "has no year"),
        ([2024030112], {}, "time_format='%Y%m%d%H' or time_epoch='unix'"),
        ([40000 + 1 / 3, 40000 + 2 / 3], {}, "time_epoch='excel' or time_epoch='none'"),
        ([59.0, 60.5], {"time_epoch": "excel"}, r"60.5 \(row 1\), 29 February 1900"),
        (["2024-03-01", None, None], {}, r"is empty \(row 1\) and in 1 more of 3 rows"),
        (["2024-03-01", "Bad", "Bad"], {}, r"holds 'Bad' \(row 1\) and 1 more that cannot be read"),
    ],
)
def test_what_is_uncertain_is_refused_with_the_option_that_settles_it(stamps, options, message):
    with pytest.raises(ValueError, match=message):
        read(stamps, **options)


@pytest.mark.parametrize("zone", ["", "America", "x" * 5000, "+", "\0", "dateutil//etc/localtime", "tzlocal()", "../x"])
def test_what_names_no_zone_is_refused_in_one_short_line(zone):
    with pytest.raises(ValueError, match=r"^no time zone time_zone=.* Expected one such as time_zone=.*") as refused:
        read(["2024-03-01"], time_zone=zone)
    assert len(str(refused.value)) < 250


@pytest.mark.parametrize(
    ("stamps", "options", "moment"),
    [
        (["3/4/2024"], {"day_first": True}, "2024-04-03"),
        (["3/4/2024"], {"day_first": False}, "2024-03-04"),
        (["01|03|2024 12:00:30"], {"time_format": "%d|%m|%Y %H:%M:%S"}, "2024-03-01T12:00:30"),
        ([2024030112], {"time_format": "%Y%m%d%H"}, "2024-03-01T12:00"),
        ([2024030112], {"time_epoch": "unix"}, "2034-02-20T06:35:12"),
        ([59.0], {"time_epoch": "excel"}, "1900-02-28"),
        ([61.0], {"time_epoch": "excel"}, "1900-03-01"),
        (["2024-03-01 24:00"], {}, "2024-03-02"),
        (["2024-03-01T12:00:00+01:00[Europe/Berlin]"], {}, "2024-03-01T11:00"),
        (["01. März 2024 12:00"], {}, "2024-03-01T12:00"),
        (["2024-03-01 12:00 GMT+1"], {}, "2024-03-01T11:00"),
    ],
)
def test_options_settle_it(stamps, options, moment):
    assert read(stamps, **options)[0] == np.datetime64(moment, "ns")


def noted(values, name="time") -> tuple[np.ndarray, str]:
    reader = TimeReader()
    found = reader.read(pd.Series(values), "", name, "line {}".format)
    return found, " ".join(reader.notes)


@pytest.mark.parametrize("epoch", ["excel", "matlab", "labview", "filetime", "julian"])
def test_counts_from_other_beginnings_are_recognised_where_they_are_no_seconds_and_told(epoch):
    expected = pd.date_range("2024-03-01 12:00", periods=50, freq="10s")
    numbers = [EPOCHS[epoch][0](moment) for moment in expected]
    if epoch == "filetime":
        numbers = [number // pd.Timedelta("1us").to_pytimedelta() * 10 for number in numbers]
    found, note = noted(numbers)
    np.testing.assert_array_equal(found, expected.as_unit("ns").to_numpy())
    assert f"time_epoch={epoch!r}" in note


@pytest.mark.parametrize(
    "numbers", [np.arange(50) * 0.1, 40_000 + np.arange(50) * 0.5, np.arange(50), 740_000 + np.arange(50)]
)
def test_numbers_that_rise_by_plain_steps_stay_seconds(numbers):
    found, note = noted(numbers)
    np.testing.assert_array_equal(found, numbers)
    assert note == ""


@pytest.mark.parametrize(
    ("name", "number", "expected", "unit"),
    [
        ("time_ms", 1709287200123, "2024-03-01T10:00:00.123", 1e-3),
        ("ts_us", 1709287200123456, "2024-03-01T10:00:00.123456", 1e-6),
        ("t_ns", 1709287200123456789, "2024-03-01T10:00:00.123456789", 1e-9),
        ("timestampMillis", 1709287200123, "2024-03-01T10:00:00.123", 1e-3),
        ("Time (h)", 475_000, "2024-03-09T16:00", 3600),
    ],
)
def test_a_name_tells_the_unit(name, number, expected, unit):
    assert noted([number], name)[0][0] == np.datetime64(expected, "ns")
    np.testing.assert_allclose(noted([0, 500], name)[0], [0, 500 * unit])


def test_clocks_go_on_after_midnight():
    found, note = noted(["23:59:59.5", "00:00:00.5", "00:00:01.5"])
    assert np.diff(found).tolist() == [1, 1]
    assert "pass midnight (line 1 first)" in note
    reader = TimeReader()
    parts = [reader.read(pd.Series([text]), "", "time", str) for text in ("11:59 PM", "12:01 AM", "12:02 AM")]
    assert np.diff(np.concatenate(parts)).tolist() == [120, 60]


def test_many_plain_stamps_cost_about_what_pandas_takes():
    from time import process_time

    stamps = pd.Series(pd.date_range("2024-01-01", periods=130_000, freq="10s").strftime("%Y-%m-%d %H:%M:%S"))

    def seconds(function) -> float:
        start = process_time()
        function(stamps)
        return process_time() - start

    usual = min(seconds(partial(pd.to_datetime, format="ISO8601")) for _ in range(3))
    assert min(seconds(read) for _ in range(3)) < 3 * usual
