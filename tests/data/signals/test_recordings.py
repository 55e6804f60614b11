import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

VALUES = np.array([[0.0, 1.0], [4.0, 9.0], [16.0, 25.0]])
FRAME = pd.DataFrame({"speed [rpm]": [1.0, 2.0, 4.0], "on": [True, False, True]})


def recorded(data, **settings) -> Recording:
    (recording,) = as_recordings(data, **settings)
    return recording


def moments(*seconds: float) -> Recording:
    times = np.array(seconds)
    return Recording(np.zeros((len(times), 1)), ("a",), times)


CONTAINERS = {
    "float64": VALUES,
    "big-endian": VALUES.astype(">f4"),
    "Fortran order": np.asfortranarray(VALUES),
    "strided": np.repeat(np.repeat(VALUES, 3, axis=0), 2, axis=1)[::3, ::2],
    "backwards": VALUES[::-1, ::-1].copy()[::-1, ::-1],
    "integers": VALUES.astype(np.uint8),
    "half precision": VALUES.astype(np.float16),
    "objects": VALUES.astype(object),
    "decimals": np.vectorize(Decimal, otypes=[object])(VALUES),
    "read-only": np.broadcast_to(VALUES, VALUES.shape),
    "masked": np.ma.masked_array(VALUES),
    "rows": VALUES.tolist(),
    "tensor": torch.tensor(VALUES),
    "tensor with gradient": torch.tensor(VALUES, requires_grad=True),
    "bfloat16": torch.tensor(VALUES).bfloat16(),
    "integer tensor": torch.tensor(VALUES).int(),
    "pandas": pd.DataFrame(VALUES),
    "polars": pl.DataFrame(VALUES, schema=["0", "1"]),
}


@pytest.mark.parametrize("data", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_every_container_gives_the_same_recording(data):
    recording = recorded(data)
    np.testing.assert_array_equal(recording.values, VALUES)
    assert recording.values.dtype == np.float64
    assert recording.channels == ("0", "1")
    assert recording.times is None


def test_a_memory_map_is_read_in_place(tmp_path):
    np.save(tmp_path / "values.npy", VALUES)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    recording = recorded(mapped)
    assert np.shares_memory(recording.values, mapped)
    np.testing.assert_array_equal(recording.values, VALUES)


@pytest.mark.parametrize("data", [[1, 2.5, True], np.array([1, 2.5, 1]), torch.tensor([1, 2.5, 1]), (1, 2.5, 1)])
def test_one_dimension_is_one_channel(data):
    np.testing.assert_array_equal(recorded(data).values, [[1], [2.5], [1]])


def test_missing_values_are_nan_and_stay_nan():
    expected = [[1, np.nan], [np.nan, 4]]
    masked = np.ma.masked_array([[1, 2], [3, 4]], mask=[[False, True], [True, False]])
    nullable = pd.DataFrame({"0": pd.array([1, None], dtype="Int64"), "1": pd.array([None, 4.0], dtype="Float64")})
    for data in (
        np.array(expected),
        masked,
        [[1, None], [None, 4]],
        nullable,
        pl.DataFrame({"0": [1, None], "1": [None, 4]}),
    ):
        np.testing.assert_array_equal(recorded(data).values, expected)


def test_the_callers_numbers_are_neither_changed_nor_changeable():
    mine = VALUES.copy()
    recording = recorded(mine)
    with pytest.raises(ValueError, match="read-only"):
        recording.values[0] = 5
    mine[0, 0] = 7  # still writable for its owner
    assert mine.flags.writeable


REFUSED = {
    "complex": (VALUES + 1j, ValueError, "complex numbers"),
    "complex tensor": (torch.ones(3, dtype=torch.complex64), ValueError, "complex numbers"),
    "text": (np.array(["1", "2"]), ValueError, "an array of text"),
    "stamps": (np.array(["2020-01-01"], dtype="M8[s]"), ValueError, "an array of time stamps"),
    "durations": (np.array([1], dtype="m8[s]"), ValueError, "an array of durations"),
    "structured": (np.zeros(3, dtype=[("a", float, 2)]), ValueError, "an array of records"),
    "objects": (np.array([[1, 2], [3, "high"]], dtype=object), ValueError, r"'high' is not a number \(row 1\)"),
    "huge integer": ([1, 10**400], ValueError, r"is not a number \(row 1\)"),
    "three dimensions": (np.zeros((2, 3, 4)), ValueError, r"3 dimensions \(2, 3, 4\).*list\(array\)"),
    "no rows": (np.zeros((0, 3)), ValueError, r"without values \(0, 3\)"),
    "no channels": (np.zeros((3, 0)), ValueError, r"without values \(3, 0\)"),
    "empty list": ([], ValueError, "without values"),
    "ragged rows": ([[1, 2], [3]], ValueError, "row 1 has 1 values, row 0 has 2"),
    "infinite": (np.array([[1, 2], [3, np.inf]]), ValueError, r"channel '1' is infinite \(row 1\)"),
    "beyond float64": (np.array([np.longdouble("1e4000")]), ValueError, r"channel '0' is infinite \(row 0\)"),
    "in a list": ([VALUES, VALUES + np.inf], ValueError, r"infinite \(recording 1, row 0\)"),
    "None": (None, TypeError, "cannot read a NoneType"),
    "number": (3, TypeError, "cannot read a int"),
    "dict of single values": ({"a": 1.5}, TypeError, "cannot read a dict.*list of dicts"),
    "generator": ((number for number in range(3)), TypeError, "item 0 of the iterator is a int"),
    "list within a list": ([[VALUES]], TypeError, "a list within a list"),
    "other counts": ([VALUES, VALUES[:, :1]], ValueError, "1 channels without names.*Expected '0', '1'"),
    "text column": (
        FRAME.assign(state=["ok", "ok", "bad"]),
        ValueError,
        r"'state' holds text: 'ok' \(row 0\).*ignore=\['state'\]",
    ),
    "text in polars": (pl.DataFrame({"a": [1], "b": ["x"]}), ValueError, r"column 'b' holds text: 'x' \(row 0\)"),
    "categories": (FRAME.assign(state=pd.Categorical([1, 2, 1])), ValueError, "'state' holds categories"),
    "complex column": (FRAME.assign(z=1j), ValueError, "'z' holds a complex"),
    "two columns of stamps": (
        FRAME.assign(time=pd.Timestamp("2020"), seen=pd.Timestamp("2021")),
        ValueError,
        "'seen' holds a Timestamp",
    ),
    "one name twice": (pd.DataFrame(VALUES, columns=["a", "a"]), ValueError, "two columns are named 'a'"),
    "frame without rows": (pd.DataFrame({"a": []}), ValueError, "no rows"),
    "only the time": (pd.DataFrame({"time": [1, 2]}), ValueError, "no channels besides the time"),
    "time that is missing": (pd.DataFrame({"time": [0, None], "a": 1}), ValueError, r"'time' is empty \(row 1\)"),
}


@pytest.mark.parametrize(("data", "kind", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_a_recording_is_refused_by_name(data, kind, message):
    with pytest.raises(kind, match=message):
        as_recordings(data)


def test_a_list_holds_one_recording_each():
    lengths = [
        len(each) for each in as_recordings([VALUES, VALUES[:2].tolist(), torch.ones(1, 2), pd.DataFrame(VALUES)])
    ]
    assert lengths == [3, 2, 1, 3]


def test_units_leave_the_names_unless_they_tell_columns_apart():
    frame = pd.DataFrame([[1, 2, 3, 4, 5]], columns=["p [bar]", "T (°C)", "acc (x)", "acc (y)", "f(x)"])
    recording = recorded(frame)
    assert recording.channels == ("p", "T", "acc (x)", "acc (y)", "f(x)")
    assert recording.units == {"p": "bar", "T": "°C"}
    assert recorded(frame, ignore=["p [bar]", "T"]).channels == ("acc (x)", "acc (y)", "f(x)")
    assert recorded(frame, channels=["T (°C)"]).units == {"T": "°C"}


@pytest.mark.parametrize("resolution", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_stamps_are_found_by_their_type_at_any_resolution(resolution, zone):
    stamps = pd.date_range("2020-01-01T01:00", periods=3, freq="s", tz=zone).as_unit(resolution)
    expected = np.arange(3) * np.timedelta64(1, "s") + np.datetime64(
        "2020-01-01T01:00" if zone is None else "2020-01-01", "ns"
    )
    frame = FRAME.assign(when=stamps)
    polars = pl.DataFrame({name: column.to_numpy() for name, column in FRAME.items()})
    polars = polars.with_columns(pl.Series("when", expected))
    for data in (frame, frame.set_index("when"), frame.set_index("when").rename_axis(None), polars):
        recording = recorded(data)
        assert recording.times.dtype == np.dtype("datetime64[ns]")
        np.testing.assert_array_equal(recording.times, expected)
        assert recording.channels == ("speed", "on")


def test_an_index_that_only_counts_is_no_channel():
    assert recorded(FRAME.sample(3, random_state=1)).channels == ("speed", "on")
    assert recorded(FRAME.rename_axis("id")).times is None


def test_numbers_called_t_are_times_only_if_they_rise():
    rising, wavering = {"t": np.arange(20) / 4}, {"t": np.sin(np.arange(20))}
    assert recorded(pd.DataFrame({**rising, "a": 1})).channels == ("a",)
    assert recorded(pd.DataFrame({**wavering, "a": 1})).channels == ("t", "a")
    assert recorded(pd.DataFrame({**rising, "a": 1}), channels=["t", "a"]).channels == ("t", "a")


def test_the_time_column_can_be_named():
    frame = FRAME.assign(clock=[10, 11, 12])
    np.testing.assert_array_equal(recorded(frame, time_column="clock").times, [10, 11, 12])
    assert recorded(frame).times is None
    with pytest.raises(ValueError, match=r"no column 'clok'.*Did you mean 'clock'"):
        as_recordings(frame, time_column="clok")
    with pytest.raises(ValueError, match="array has no named columns"):
        as_recordings(VALUES, time_column="clock")


def test_ignored_columns_may_hold_anything_and_must_exist_somewhere():
    labelled = FRAME.assign(label=["a", "b", "c"])
    assert recorded(labelled, ignore="label").channels == ("speed", "on")
    assert len(as_recordings([FRAME, labelled], ignore=["label"])) == 2
    with pytest.raises(ValueError, match=r"no column 'speeed' to ignore. Did you mean 'speed'"):
        as_recordings(FRAME, ignore=["speeed"])
    assert recorded(VALUES, ignore=["0"]).channels == ("1",)
    for data, names in ((VALUES, ["0", "1"]), (FRAME, ["speed", "on"])):
        with pytest.raises(ValueError, match="no channels"):
            as_recordings(data, ignore=names)


def test_columns_that_are_not_among_the_channels_are_left_out_with_a_remark():
    recording = recorded(FRAME.assign(state="ok"), channels=["on", "speed"])
    assert recording.channels == ("on", "speed")
    np.testing.assert_array_equal(recording.values[:, 1], [1, 2, 4])
    assert any("left out" in remark and "'state'" in remark for remark in recording.warnings)


def test_runs_are_matched_by_name_whatever_the_order():
    first, second = as_recordings([FRAME, FRAME[["on", "speed [rpm]"]]])
    assert first.channels == second.channels
    np.testing.assert_array_equal(first.values, second.values)
    with pytest.raises(ValueError, match=r"'load' only in some runs \(recording 1\)"):
        as_recordings([FRAME, FRAME.assign(load=1)])
    with pytest.raises(ValueError, match="missing 'on', while there is 'off'"):
        recorded(FRAME.rename(columns={"on": "off"})).select(["speed", "on"])


def test_numbered_channels_are_matched_by_position():
    selected = recorded(VALUES).select(["a", "b"])
    assert selected.channels == ("a", "b")
    np.testing.assert_array_equal(selected.values, VALUES)
    np.testing.assert_array_equal(recorded(VALUES).select(["1", "0"]).values, VALUES[:, ::-1])
    with pytest.raises(ValueError, match="2 channels without names"):
        recorded(VALUES).select(["a", "b", "c"])
    with pytest.raises(ValueError, match="missing '0', '1'"):
        recorded(FRAME).select(["0", "1"])


def test_rows_are_a_part_with_its_own_times():
    part = recorded(FRAME.assign(time=[5, 6, 7])).rows(1, 3)
    np.testing.assert_array_equal(part.times, [6, 7])
    np.testing.assert_array_equal(part.values[:, 0], [2, 4])
    assert len(part) == 2
    assert part.units == {"speed": "rpm"}


@pytest.mark.parametrize(
    ("values", "channels", "times", "message"),
    [
        (np.zeros(3), ("a",), None, "shape"),
        (np.zeros((3, 2)), ("a",), None, "1 channels"),
        (np.zeros((3, 2)), ("a", "a"), None, "one name"),
        (np.zeros((3, 1)), ("a",), np.zeros(2), "3 rows"),
    ],
)
def test_a_recording_fits_together(values, channels, times, message):
    with pytest.raises(ValueError, match=message):
        Recording(values, channels, times)


def test_segments_end_where_time_jumps():
    assert Recording(VALUES, ("a", "b")).segments() == [slice(0, 3)]
    assert moments(0, 1, 2, 3).segments() == [slice(0, 4)]
    assert moments(0, 1, 2, 5, 6).segments() == [slice(0, 5)]  # three periods are no gap
    assert moments(0, 1, 2, 5.1, 6).segments() == [slice(0, 3), slice(3, 5)]
    assert moments(0, 1, 2, 1.5, 2.5).segments() == [slice(0, 3), slice(3, 5)]
    assert moments(0, 1, 1, 2, 3).segments() == [slice(0, 2), slice(2, 5)]
    assert moments(0).segments() == [slice(0, 1)]
    assert moments().segments() == []


def test_three_periods_are_no_gap_whatever_floats_say():
    times = np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    assert moments(*times).segments() == [slice(0, 5)]


def test_a_clock_coarser_than_the_sampling_cuts_nothing():
    recording = moments(*np.repeat(np.arange(20), 10))
    assert recording.segments() == [slice(0, 200)]


def test_segments_of_dates_are_those_of_their_seconds():
    seconds = np.array([0, 10, 20, 100, 110, 110, 90, 100])
    dates = np.datetime64("2020-01-01", "ns") + seconds * np.timedelta64(1, "s")
    assert Recording(np.zeros((8, 1)), ("a",), dates).segments() == moments(*seconds).segments()
    assert [piece.start for piece in moments(*seconds).segments()] == [0, 3, 5, 6]


def test_remarks_name_rows_and_channels():
    rows = 40
    time = np.arange(rows, dtype=float)
    time[10:] += 100
    time[20] = time[19]
    time[30] = 5
    frame = pd.DataFrame(
        {"time": time, "still": 3.0, "count": np.arange(rows), "anomaly": time > 130, "good": np.sin(time)}
    )
    frame["sparse"] = np.where(np.arange(rows) % 4 == 0, frame["good"], np.nan)
    frame["void"] = np.nan
    remarks = " | ".join(recorded(frame).warnings)
    for expected in (
        "time goes back 1 time, first at row 30",
        "1 row with the time stamp of the row before, first row 20",
        "2 gaps in time, first before row 10: 101 s instead of 1 s",
        "'still' is constant (3)",
        "'count' rises in every row",
        "'anomaly' looks like a label",
        "'sparse' is mostly empty: 75.0%",
        "'void' has no values",
    ):
        assert expected in remarks
    assert "'good'" not in remarks
    np.testing.assert_array_equal(recorded(frame).times, time)  # as they came


def test_irregular_sampling_is_remarked_and_regular_is_not():
    generator = np.random.default_rng(0)
    regular = np.arange(100) + generator.uniform(-0.01, 0.01, 100)
    irregular = np.cumsum(generator.uniform(0.5, 1.5, 100))
    wave = np.sin(np.arange(100))
    assert recorded(pd.DataFrame({"time": regular, "a": wave})).warnings == ()
    (remark,) = recorded(pd.DataFrame({"time": irregular, "a": wave})).warnings
    assert "irregular sampling" in remark


def test_dates_in_objects_are_stamps():
    frame = FRAME.assign(day=[datetime.date(2020, 1, day) for day in (1, 2, 3)])
    np.testing.assert_array_equal(
        recorded(frame, time_column="day").times.astype("M8[D]").astype(int), [18262, 18263, 18264]
    )
