import datetime

import asammdf
import nptdms
import numpy as np
import pytest

START = np.datetime64("2024-03-01T12:00:00", "us")
ROWS = np.arange(10.0)


def channel(name: str, values: np.ndarray, period: float | None = None, **properties) -> nptdms.ChannelObject:
    group, _, name = name.partition("/")
    if period is not None:
        properties |= {"wf_start_time": START, "wf_increment": period, "wf_start_offset": 0.0}
    return nptdms.ChannelObject(group, name, values, properties=properties)


@pytest.fixture
def write_tdms(tmp_path):
    def write(*channels: nptdms.ChannelObject):
        with nptdms.TdmsWriter(tmp_path / "run.tdms") as writer:
            writer.write_segment(channels)
        return tmp_path / "run.tdms"

    return write


def test_channels_of_a_group_are_read_with_units_and_times(read, write_tdms):
    path = write_tdms(
        channel("run/pressure", ROWS, 0.25, unit_string="bar"), channel("run/flow", ROWS.astype("i2"), 0.25)
    )
    recording = read(path)
    assert recording.channels == ("pressure", "flow") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, np.stack([ROWS, ROWS], 1))
    np.testing.assert_array_equal(recording.times, START + (ROWS * 250_000).astype("m8[us]"))


def test_a_channel_of_stamps_is_the_time(read, write_tdms):
    stamps = START + (ROWS * 1e6).astype("m8[us]")
    recording = read(write_tdms(channel("run/Timestamp", stamps), channel("run/pressure", ROWS)))
    assert recording.channels == ("pressure",)
    np.testing.assert_array_equal(recording.times, stamps)


def test_groups_and_rates_are_refused_until_one_is_named(read, write_tdms):
    path = write_tdms(
        channel("fast/a", ROWS, 0.5), channel("slow/b", ROWS[:5] * 2, 1.0), channel("slow/c", ROWS[:3] * 3, 2.0)
    )
    with pytest.raises(ValueError, match=r"3 tables.*'fast' with 'a'; 'slow \(5 rows\)'.*sheet='fast'"):
        read(path)
    assert read(path, sheet="slow (3 rows)").channels == ("c",)
    assert read(path, channels="b").channels == ("b",)


def test_channels_that_began_at_other_times_are_not_put_side_by_side(read, write_tdms):
    late = nptdms.ChannelObject(
        "run", "b", ROWS, properties={"wf_start_time": START + np.timedelta64(1, "h"), "wf_increment": 1.0}
    )
    path = write_tdms(channel("run/a", ROWS, 1.0), late)
    with pytest.raises(ValueError, match=r"2 tables.*'run \(10 rows\)' with 'a'; 'run \(10 rows\) 2' with 'b'"):
        read(path)
    assert read(path, sheet="run (10 rows) 2").times[0] == START + np.timedelta64(1, "h")


def test_a_file_that_was_not_closed_is_remarked(read, write_tdms):
    path = write_tdms(channel("run/a", ROWS), channel("run/b", ROWS))
    path.write_bytes(path.read_bytes()[:-12])
    recording = read(path)
    np.testing.assert_array_equal(recording.values, np.stack([ROWS, ROWS], 1)[: len(recording)])
    assert 0 < len(recording) < len(ROWS)
    assert any("not closed" in warning for warning in recording.warnings)


def signal(name: str, values: np.ndarray, period: float, **settings) -> asammdf.Signal:
    return asammdf.Signal(values, np.arange(len(values)) * period, name=name, **settings)


@pytest.fixture
def write_mdf(tmp_path):
    def write(*groups: list[asammdf.Signal], version: str = "4.10"):
        with asammdf.MDF(version=version) as file:
            file.start_time = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC)
            for number, group in enumerate(groups):
                file.append(group, acq_name=("fast", "slow", "notes")[number])
            name = "run.mf4" if version[0] == "4" else "run.mdf"
            return file.save(tmp_path / name, overwrite=True, compression=2)

    return write


@pytest.mark.parametrize("version", ["3.30", "4.10"])
def test_channels_of_a_car_are_read_with_units_and_times(read, write_mdf, version):
    gears = {"val_0": 0, "text_0": "neutral", "val_1": 1, "text_1": "first", "default": "other"}
    group = [signal("speed", ROWS * 2, 0.1, unit="km/h"), signal("gear", (ROWS % 2).astype(int), 0.1, conversion=gears)]
    recording = read(write_mdf(group, version=version))
    assert recording.channels == ("speed", "gear") and recording.units == {"speed": "km/h"}
    np.testing.assert_array_equal(recording.values, np.stack([ROWS * 2, ROWS % 2], 1))
    np.testing.assert_array_equal(recording.times, START + (ROWS * 100_000).astype("m8[us]"))


def test_rasters_are_refused_until_one_is_named(read, write_mdf):
    texts = signal("note", np.array([b"a", b"bb"]), 0.5, encoding="utf-8")
    path = write_mdf([signal("speed", ROWS, 0.1)], [signal("heat", ROWS[:3], 0.4, unit="degC")], [texts])
    with pytest.raises(
        ValueError, match=r"2 tables \(run.mf4\): 'fast' with 'speed'; 'slow' with 'heat'.*resample='1s'"
    ):
        read(path)
    assert read(path, sheet="slow").units == {"heat": "degC"}
    assert read(path, channels="speed").channels == ("speed",)


def test_rasters_are_merged_to_be_resampled(write_mdf):
    from seqae.data.signals.formats.files import read_table
    from seqae.data.signals.options import ReadingOptions

    path = write_mdf([signal("speed", ROWS, 0.1)], [signal("heat", ROWS[:3], 0.45)])
    table = read_table(path, ReadingOptions(resample="100ms"))
    assert list(table.columns) == ["time", "speed", "heat"] and len(table.columns["time"]) == 11
    assert table.columns["heat"].dropna().tolist() == [0, 1, 2]
    assert table.columns["speed"].dropna().tolist() == ROWS.tolist()
    assert (table.columns["time"].diff().dropna() > np.timedelta64(0)).all()


def test_invalid_values_are_missing(read, write_mdf):
    heat = signal("heat", ROWS[:3], 1.0, invalidation_bits=np.array([False, True, False]))
    np.testing.assert_array_equal(read(write_mdf([heat])).values[:, 0], [0, np.nan, 2])
