"""The columns that tell the time of a table are found wherever they stand."""

import numpy as np
import pandas as pd
import pytest

from seqae.data.signals.loading import as_recordings

HOURS = pd.date_range("2013-03-28 20:00", periods=60, freq="h")
SECONDS = pd.date_range("2024-03-01 12:00", periods=60, freq="10s")


def read(columns, tmp_path, **options):
    """Read columns, and a channel beside them, from a file."""
    frame = pd.DataFrame(columns)
    frame["temp"] = np.arange(len(frame)) % 7
    path = tmp_path / "run.csv"
    frame.to_csv(path, index=False)
    (recording,) = as_recordings(path, **options)
    return recording


def same(recording, times) -> bool:
    return np.array_equal(recording.times, times.as_unit("ns").to_numpy())


CALENDARS = {
    "hours": {"year": HOURS.year, "month": HOURS.month, "day": HOURS.day, "hour": HOURS.hour},
    "day of the year": {"Year": HOURS.year, "DOY": HOURS.day_of_year, "Hour": HOURS.hour},
    "digits of a clock": {"Year": HOURS.year, "DOY": HOURS.day_of_year, "Time": HOURS.hour * 100},
    "clock": {"year": HOURS.year, "month": HOURS.month, "day": HOURS.day, "clock": HOURS.strftime("%H:%M")},
    "date and hour": {"date": HOURS.strftime("%Y-%m-%d"), "hour": HOURS.hour},
    "date and end of the hour": {
        "date": (HOURS - pd.Timedelta("1h")).strftime("%Y-%m-%d"),
        "hour": (HOURS - pd.Timedelta("1h")).hour + 1,
    },
    "date and clock": {"Datum": HOURS.strftime("%d.%m.%Y"), "Uhrzeit": HOURS.strftime("%H:%M:%S")},
    "digits of date and clock": {
        "DATE": HOURS.strftime("%Y%m%d").astype(int),
        "TIME": HOURS.strftime("%H%M%S").astype(int),
    },
}


@pytest.mark.parametrize("columns", CALENDARS.values(), ids=CALENDARS)
def test_parts_of_the_time_are_joined_and_are_no_channels(columns, tmp_path):
    recording = read(columns, tmp_path)
    assert same(recording, HOURS) and recording.channels == ("temp",)
    told = [note for note in recording.warnings if "tell the time together" in note]
    assert told or {name.lower() for name in columns} <= {"date", "time", "datum", "uhrzeit"}
    assert same(read(columns, tmp_path, time_column=list(columns)), HOURS)


def test_a_counter_beside_the_parts_stays_a_channel_and_is_warned_of(tmp_path):
    recording = read({"No": range(60)} | CALENDARS["hours"], tmp_path)
    assert recording.channels == ("No", "temp")
    assert any("'No' rises in every row" in note for note in recording.warnings)


def test_parts_beside_a_stamp_are_not_taken_for_it(tmp_path):
    recording = read({"when": HOURS.astype(str)} | CALENDARS["hours"], tmp_path)
    assert same(recording, HOURS) and "hour" in recording.channels


def test_a_part_that_is_no_part_is_refused_with_its_row(tmp_path):
    columns = {name: list(values) for name, values in CALENDARS["hours"].items()}
    with pytest.raises(ValueError, match=r"hold 13 as month \(run.csv, line 7\).*ignore=\['year', 'month'"):
        read(columns | {"month": [3] * 5 + [13] + [3] * 54}, tmp_path)
    with pytest.raises(ValueError, match=r"2013-02-30, which is no date \(run.csv, line 2\)"):
        read(columns | {"month": [2] * 60, "day": [30] * 60}, tmp_path)


def test_parts_without_what_they_are_part_of_are_refused(tmp_path):
    with pytest.raises(ValueError, match="tell the year without the month"):
        read(CALENDARS["hours"], tmp_path, time_column=["year", "hour"])
    with pytest.raises(ValueError, match="tell the minute without the hour"):
        read({"date": HOURS.strftime("%Y-%m-%d"), "minute": 0}, tmp_path, time_column=["date", "minute"])


@pytest.mark.parametrize("name", ["recorded_at", "Zeit", "Datum/Uhrzeit", "last_changed", "DateTime", "sampled", "x"])
def test_the_only_column_of_stamps_is_found_by_its_content(name, tmp_path):
    recording = read({"id": range(60), name: SECONDS.astype(str)}, tmp_path)
    assert same(recording, SECONDS) and recording.channels == ("id", "temp")


@pytest.mark.parametrize("names", [("recorded_at", "received_at"), ("start", "end")])
def test_of_several_columns_of_stamps_one_must_be_named(names, tmp_path):
    columns = dict.fromkeys(names, SECONDS.astype(str))
    advice = rf"time_column='{names[0]}', ignore=\['{names[1]}'\]"
    with pytest.raises(ValueError, match=rf"{names[0]}.*{names[1]}.*hold time stamps \(run.csv\).*{advice}"):
        read(columns, tmp_path)
    assert same(read(columns, tmp_path, time_column=names[0], ignore=names[1]), SECONDS)


def test_a_stamp_of_a_usual_name_comes_before_others():
    frame = pd.DataFrame({"sent": SECONDS.astype(str), "timestamp": SECONDS.astype(str), "temp": 1.0})
    (recording,) = as_recordings(frame, channels="temp")
    assert same(recording, SECONDS)


@pytest.mark.parametrize("name", ["time_ms", "epochMillis", "ts [ms]"])
def test_a_column_of_counts_is_found_by_its_name_with_its_unit(name, tmp_path):
    recording = read({"temp2": np.arange(60) % 5, name: SECONDS.as_unit("ms").astype("int64")}, tmp_path)
    assert same(recording, SECONDS) and recording.channels == ("temp2", "temp")


def test_parts_in_a_format_of_their_own_are_joined_by_blanks(tmp_path):
    columns = {"year": HOURS.year, "of year": HOURS.day_of_year, "clock": HOURS.strftime("h%H")}
    assert same(read(columns, tmp_path, time_column=list(columns), time_format="%Y %j h%H"), HOURS)


def test_a_clock_with_points_beside_a_date(tmp_path):
    columns = {"Date": HOURS.strftime("%d/%m/%Y"), "Time": HOURS.strftime("%H.%M.%S")}
    assert same(read(columns, tmp_path), HOURS)


@pytest.mark.parametrize("name", ["sample_time", "eventTimestamp", "created_ts"])
def test_counts_from_1970_are_found_where_the_name_has_a_word_for_time(name, tmp_path):
    recording = read(
        {"serial": SECONDS.as_unit("s").astype("int64"), name: SECONDS.as_unit("ms").astype("int64")}, tmp_path
    )
    assert same(recording, SECONDS) and recording.channels == ("serial", "temp")


def test_counts_that_are_text_are_read():
    frame = pd.DataFrame({"ts": SECONDS.as_unit("ms").astype("int64").astype(str), "temp": 1.0})
    (recording,) = as_recordings(frame)
    assert same(recording, SECONDS)


def test_numbers_and_words_are_no_times(tmp_path):
    columns = {"t": [20.5, 20.1] * 30, "hour": np.arange(60) % 24, "year": [2000] * 60, "min": [0.5] * 60}
    assert read(columns, tmp_path).times is None
