import io
import struct
import zlib

import numpy as np
import pytest
from scipy.io import savemat

from seqae.data._files import archives

VALUES = np.arange(12.0).reshape(4, 3) ** 2
SECONDS = np.arange(4) * 0.5


def test_an_array_of_numpy_is_read_as_in_memory(read, tmp_path):
    np.save(tmp_path / "run.npy", VALUES.astype(np.float32))
    recording = read(tmp_path / "run.npy")
    assert recording.channels == ("0", "1", "2") and recording.name == "run.npy"
    np.testing.assert_array_equal(recording.values, VALUES)
    np.save(tmp_path / "one.npy", VALUES[:, 1].astype(">i4"))
    np.testing.assert_array_equal(read(tmp_path / "one.npy").values, VALUES[:, 1:2])


def test_records_of_numpy_are_columns(read, tmp_path):
    records = np.zeros(4, [("stamp", "M8[s]"), ("pressure [bar]", "f4"), ("on", "?")])
    records["stamp"] = np.datetime64("2024-01-01", "s") + np.arange(4) * np.timedelta64(1, "s")
    records["pressure [bar]"] = SECONDS
    np.save(tmp_path / "run.npy", records)
    recording = read(tmp_path / "run.npy")
    assert recording.channels == ("pressure", "on") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.times, records["stamp"])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (VALUES[None], r"an array of shape \(1, 4, 3\) \(run.npy\)"),
        (np.array(["a", "b"]), r"an array of <U1 \(run.npy\)"),
        (np.array(3.0), r"a single number \(run.npy\)"),
        (VALUES * 1j, "an array of complex128"),
        (np.array([{}]), r"an array of object.*run.npy"),
    ],
)
def test_an_array_that_is_no_table_is_refused_by_name(read, tmp_path, array, message):
    np.save(tmp_path / "run.npy", array)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "run.npy")


def saved(path, **arrays):
    if path.suffix == ".npz":
        np.savez_compressed(path, **arrays)
    else:
        savemat(path, arrays, do_compression=True, oned_as="column")
    return path


@pytest.fixture(params=["run.npz", "run.mat"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_arrays_of_equal_length_are_columns(read, path):
    recording = read(saved(path, time=SECONDS, pressure=VALUES[:, 1], flow=VALUES[:, 2].astype(int), rate=2.0))
    assert recording.channels == ("pressure", "flow")
    np.testing.assert_array_equal(recording.values, VALUES[:, 1:])
    np.testing.assert_array_equal(recording.times, SECONDS)
    assert any("'rate'" in warning for warning in recording.warnings)


def test_one_array_alone_is_the_table(read, path):
    recording = read(saved(path, readings=VALUES))
    assert recording.channels == ("0", "1", "2")
    np.testing.assert_array_equal(recording.values, VALUES)
    assert read(saved(path, pressure=VALUES[:, 0])).channels == ("pressure",)


def test_arrays_without_names_are_numbered_as_numpy_does(read, tmp_path):
    np.savez(tmp_path / "run.npz", VALUES[:, 0], VALUES[:, 1], np.arange(7.0))
    with pytest.raises(ValueError, match=r"2 tables \(run.npz\): 'arr_0' with 'arr_0', 'arr_1'; 'arr_2'"):
        read(tmp_path / "run.npz")
    assert read(tmp_path / "run.npz", sheet="arr_1").channels == ("arr_0", "arr_1")


def test_a_matrix_and_its_times_are_a_table(read, path):
    recording = read(saved(path, t=SECONDS, readings=VALUES))
    assert recording.channels == ("readings_0", "readings_1", "readings_2")
    np.testing.assert_array_equal(recording.values, VALUES)
    np.testing.assert_array_equal(recording.times, SECONDS)


def test_several_tables_are_refused_until_one_is_named(read, path):
    saved(path, pressure=VALUES[:, 1], flow=VALUES[:, 2], level=np.arange(7.0), train=VALUES, test=VALUES + 1)
    with pytest.raises(ValueError, match=rf"\d tables \({path.name}\).*sheet='\w+'"):
        read(path)
    np.testing.assert_array_equal(read(path, sheet="level").values[:, 0], np.arange(7))
    assert read(path, sheet="test").values[0, -1] == VALUES[0, -1] + 1
    assert read(path, channels=["level"]).channels == ("level",)
    with pytest.raises(ValueError, match=rf"no 'levle' \({path.name}\). Did you mean 'level'"):
        read(path, sheet="levle")


def test_a_structure_of_matlab_is_a_table(read, tmp_path):
    run = {"time": SECONDS, "data": {"pressure": VALUES[:, 1], "flow": VALUES[:, 2]}, "note": "of the morning"}
    saved(tmp_path / "run.mat", run=run)
    for options in ({}, {"sheet": "run"}, {"sheet": "run.time"}):
        recording = read(tmp_path / "run.mat", **options)
        assert recording.channels == ("data.pressure", "data.flow")
        np.testing.assert_array_equal(recording.values, VALUES[:, 1:])
        np.testing.assert_array_equal(recording.times, SECONDS)
    saved(tmp_path / "run.mat", run=run, other={"level": SECONDS}, rate=2.0)
    with pytest.raises(ValueError, match=r"2 tables \(run.mat\): 'run' with 'time'.*; 'other' with 'level'"):
        read(tmp_path / "run.mat")
    assert read(tmp_path / "run.mat", sheet="other").channels == ("level",)


def test_a_file_of_matlab_without_numbers_is_refused(read, tmp_path):
    saved(tmp_path / "run.mat", note="nothing", more="at all")
    with pytest.raises(ValueError, match=r"'note': .* \(run.mat\). Expected numbers"):
        read(tmp_path / "run.mat")


def test_a_variable_that_unpacks_to_very_much_is_not_unpacked(read, tmp_path, monkeypatch):
    saved(tmp_path / "run.mat", pressure=VALUES[:, 0])
    header = (tmp_path / "run.mat").read_bytes()[:128]
    packed = zlib.compress(bytes(2**24), 9)
    (tmp_path / "run.mat").write_bytes(header + struct.pack("<II", 15, len(packed)) + packed)
    monkeypatch.setattr(archives, "ROOM", 2**20)
    with pytest.raises(ValueError, match=r"run.mat unpacks to [\d,]+ bytes"):
        read(tmp_path / "run.mat")


def test_version_seven_of_matlab_is_read(read, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "run.mat", "w", userblock_size=512) as file:
        for name, array in {"time": SECONDS[None], "pressure": VALUES[:, :1].T, "readings": VALUES.T}.items():
            file[name] = array
            file[name].attrs["MATLAB_class"] = np.bytes_("double")
        file["note"] = np.array([[104], [105]], np.uint16)
        file["note"].attrs["MATLAB_class"] = np.bytes_("char")
        file.create_group("#refs#")["a"] = SECONDS
    head = io.BytesIO(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    content = bytearray((tmp_path / "run.mat").read_bytes())
    content[:128] = head.getvalue()
    (tmp_path / "run.mat").write_bytes(content)
    recording = read(tmp_path / "run.mat")
    assert recording.channels == ("pressure", "readings_0", "readings_1", "readings_2")
    np.testing.assert_array_equal(recording.values[:, 1:], VALUES)
    np.testing.assert_array_equal(recording.times, SECONDS)
