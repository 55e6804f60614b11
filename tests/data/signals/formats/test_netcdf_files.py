import h5netcdf
import numpy as np
import pytest
from scipy.io import netcdf_file

ROWS = 6
SECONDS = np.arange(ROWS) * 60
TIMES = np.datetime64("2024-03-01T12:00:00", "ns") + SECONDS * np.timedelta64(1, "s")


@pytest.fixture(params=["version 3", "version 4"])
def write(request, tmp_path):
    """Return a function that writes a variable for each name: dimensions, values and attributes."""

    def write(dimensions: dict[str, int], **variables: tuple):
        path = tmp_path / "run.nc"
        if request.param == "version 3":
            with netcdf_file(path, "w") as file:
                for name, size in dimensions.items():
                    file.createDimension(name, size)
                for name, (along, values, attributes) in variables.items():
                    variable = file.createVariable(name, values.dtype.char, along)
                    variable[:] = values
                    for key, value in attributes.items():
                        setattr(variable, key, value)
            return path
        with h5netcdf.File(path, "w") as file:
            file.dimensions = dimensions
            for name, (along, values, attributes) in variables.items():
                file.create_variable(name, along, data=values).attrs.update(attributes)
        return path

    return write


def clock(units: str, values: np.ndarray = SECONDS, **attributes):
    return (
        ("time",),
        values.astype(np.int32 if values.dtype.kind == "i" else values.dtype),
        {"units": units, **attributes},
    )


def test_variables_along_time_are_channels_with_units(read, write):
    path = write(
        {"time": ROWS},
        time=clock("seconds since 2024-03-01 12:00:00"),
        pressure=(("time",), np.arange(ROWS) * 0.5, {"units": "bar"}),
        flow=(("time",), np.arange(ROWS, dtype=np.int16), {}),
    )
    recording = read(path)
    assert recording.channels == ("pressure", "flow") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, np.stack([np.arange(ROWS) * 0.5, np.arange(ROWS)], 1))
    np.testing.assert_array_equal(recording.times, TIMES)


@pytest.mark.parametrize(
    ("units", "values"),
    [
        ("minutes since 2024-03-01T12:00:00Z", np.arange(ROWS)),
        ("hours since 2024-03-01 13:00:00 +01:00", np.arange(ROWS) / 60),
        ("days since 2024-03-01 12:00", np.arange(ROWS) / 1440),
        ("milliseconds since 2024-3-1 12:00:0.0", SECONDS * 1000),
        ("s since 2024-03-01 12:00:00 UTC", SECONDS * 1.0),
    ],
)
def test_times_count_in_any_unit_since_any_moment(read, write, units, values):
    path = write({"time": ROWS}, time=clock(units, values), a=(("time",), SECONDS * 1.0, {}))
    np.testing.assert_array_equal(read(path).times, TIMES)


def test_times_of_another_calendar_are_seconds(read, write):
    path = write(
        {"time": ROWS},
        time=clock("days since 1-1-1", np.arange(ROWS), calendar="noleap"),
        a=(("time",), SECONDS * 1.0, {}),
    )
    recording = read(path)
    np.testing.assert_array_equal(recording.times, np.arange(ROWS) * 86400.0)
    assert any("noleap" in warning for warning in recording.warnings)


def test_packed_and_missing_values_are_unpacked(read, write):
    packed = np.array([0, 1, 2, -99, 4, 5], np.int16)
    path = write(
        {"time": ROWS},
        a=(("time",), packed, {"scale_factor": 0.5, "add_offset": 10.0, "_FillValue": np.int16(-99)}),
        b=(("time",), packed * 1.0, {"missing_value": -99.0}),
    )
    expected = np.where(packed == -99, np.nan, packed)
    np.testing.assert_array_equal(read(path).values, np.stack([expected * 0.5 + 10, expected], 1))


def test_a_second_dimension_is_a_column_for_each_of_its_values(read, write):
    path = write(
        {"depth": 2, "time": ROWS},
        time=clock("seconds since 2024-03-01 12:00:00"),
        depth=(("depth",), np.array([1.0, 5.0]), {}),
        heat=(("depth", "time"), np.arange(12.0).reshape(2, ROWS), {"units": "K"}),
    )
    recording = read(path)
    assert recording.channels == ("heat_0", "heat_1") and recording.units == {"heat_0": "K", "heat_1": "K"}
    np.testing.assert_array_equal(recording.values, np.arange(12.0).reshape(2, ROWS).T)
    np.testing.assert_array_equal(recording.times, TIMES)


def test_several_dimensions_are_refused_until_one_is_named(read, write):
    path = write({"fast": 6, "slow": 2}, a=(("fast",), np.arange(6.0), {}), b=(("slow",), np.arange(2.0), {}))
    with pytest.raises(ValueError, match=r"2 tables \(run.nc\): 'fast' with 'a'; 'slow' with 'b'.*sheet='fast'"):
        read(path)
    assert read(path, sheet="slow").channels == ("b",)
    assert read(path, channels=["a"]).channels == ("a",)
