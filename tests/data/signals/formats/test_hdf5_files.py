import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from seqae.data._files import archives

FRAME = pd.DataFrame(
    {"pressure": [1.5, 2.5, np.nan], "flow": [1, 2, 3], "level": [0.5, 0.25, 4]},
    index=pd.date_range("2024-01-01", periods=3, freq="10s"),
)


@pytest.fixture
def write(tmp_path):
    def write(**sets: np.ndarray) -> Path:
        with h5py.File(tmp_path / "run.h5", "w") as file:
            for name, values in sets.items():
                file.create_dataset(name.replace("__", "/"), data=values)
        return tmp_path / "run.h5"

    return write


def test_data_sets_of_equal_length_are_columns(read, write):
    path = write(time=np.arange(4) * 0.5, pressure=np.arange(4.0), on=np.array([True, False, True, True]), rate=2.0)
    with h5py.File(path, "a") as file:
        file["pressure"].attrs["units"] = "bar"
    recording = read(path)
    assert recording.channels == ("on", "pressure") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, [[1, 0], [0, 1], [1, 2], [1, 3]])
    np.testing.assert_array_equal(recording.times, np.arange(4) * 0.5)


def test_a_data_set_of_records_is_a_table(read, write):
    records = np.array([(0.0, 1.5, b"a"), (0.5, 2.5, b"b")], [("time", "f8"), ("pressure", "f4"), ("note", "S1")])
    recording = read(write(readings=records), ignore="note")
    assert recording.channels == ("pressure",)
    np.testing.assert_array_equal(recording.values[:, 0], [1.5, 2.5])


def test_several_groups_are_refused_until_one_is_named(read, write):
    path = write(
        May__a=np.arange(3.0), May__b=np.arange(3.0) + 1, June__deep__a=np.arange(5.0), June__deep__c=np.eye(2)
    )
    with pytest.raises(ValueError, match=r"2 tables \(run.h5\): 'June/deep' with 'a', 'c'; 'May'.*sheet='June/deep'"):
        read(path)
    assert read(path, sheet="May").channels == ("a", "b")
    assert read(path, sheet="/May/").channels == ("a", "b")
    assert read(path, channels="b").channels == ("b",)
    with pytest.raises(ValueError, match=r"2 tables \(run.h5\): 'June/deep/a'.*sheet='June/deep/a'"):
        read(path, sheet="June/deep")
    assert len(read(path, sheet="June/deep/a")) == 5
    np.testing.assert_array_equal(read(path, sheet="June/deep/c").values, np.eye(2))
    with pytest.raises(ValueError, match="Did you mean 'May'"):
        read(path, sheet="Mai")


def test_what_lies_in_other_files_is_not_read(read, write, tmp_path):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.arange(4.0).tobytes())
    path = write(a=np.arange(2.0))
    with h5py.File(path, "a") as file:
        file["link"] = h5py.ExternalLink(str(path), "a")
        file.create_dataset("outside", (4,), "f8", external=[(str(secret), 0, 32)])
        layout = h5py.VirtualLayout((2,), "f8")
        layout[:] = h5py.VirtualSource(str(path), "a", (2,))
        file.create_virtual_dataset("virtual", layout)
    assert read(path).channels == ("a",)
    for name in ("link", "outside", "virtual"):
        with pytest.raises(ValueError, match=f"no '{name}'"):
            read(path, sheet=name)


def test_sizes_that_a_file_only_claims_take_no_memory(read, tmp_path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file.create_dataset("a", (2**40,), "f8", chunks=(2**16,))
    with pytest.raises(ValueError, match=r"run.h5 unpacks to 8,796,093,022,208 bytes"):
        read(tmp_path / "run.h5")


def test_what_packs_well_is_bounded(read, write, monkeypatch, tmp_path):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file.create_dataset("a", data=np.zeros(2**20), compression="gzip", compression_opts=9)
    with pytest.raises(ValueError, match=r"run.h5 unpacks to"):
        read(tmp_path / "run.h5")


def test_a_file_without_numbers_is_refused(read, write):
    with pytest.raises(ValueError, match=r"no signals of numbers \(run.h5\)"):
        read(write())


def frame_of_pandas(file: h5py.File, frame: pd.DataFrame, name: str = "run") -> None:
    """Write a frame in the layout of pandas' fixed format, as frame.to_hdf does with PyTables."""
    group = file.create_group(name)
    group.attrs.update({"pandas_type": np.bytes_("frame"), "nblocks": 2, "axis0_variety": np.bytes_("regular")})
    group["axis0"] = np.array(list(frame), "S")
    group["axis1"] = frame.index.as_unit("us").asi8
    group["axis1"].attrs.update({"kind": np.bytes_("datetime64[us]"), "name": np.bytes_("N.")})
    floats = [column for column in frame if frame[column].dtype == float]
    for number, names in enumerate((floats, [column for column in frame if column not in floats])):
        group[f"block{number}_items"] = np.array(names, "S")
        group[f"block{number}_values"] = frame[names].to_numpy()


def test_a_frame_of_pandas_is_read(read, tmp_path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        frame_of_pandas(file, FRAME)
    recording = read(tmp_path / "run.h5")
    assert recording.channels == tuple(FRAME)
    np.testing.assert_array_equal(recording.values, FRAME)
    np.testing.assert_array_equal(recording.times, FRAME.index)
    with h5py.File(tmp_path / "run.h5", "a") as file:
        frame_of_pandas(file, FRAME[::2], "deep/other")
    with pytest.raises(ValueError, match=r"2 tables.*sheet='deep/other'"):
        read(tmp_path / "run.h5")
    assert len(read(tmp_path / "run.h5", sheet="/deep/other")) == 2


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


def test_objects_in_a_frame_of_pandas_are_never_unpickled(read, tmp_path):
    with h5py.File(tmp_path / "run.h5", "w") as file:
        frame_of_pandas(file, FRAME)
        group = file["run"]
        group.attrs["nblocks"] = 3
        del group["axis0"]
        group["axis0"] = np.array([*FRAME, "note"], "S")
        group["block2_items"] = np.array(["note"], "S")
        values = group.create_dataset("block2_values", (1,), h5py.vlen_dtype(np.uint8))
        values[0] = np.frombuffer(pickle.dumps(Trap()), np.uint8)
        group["axis1"].attrs["freq"] = np.bytes_(pickle.dumps(Trap(), 0))
    with pytest.raises(ValueError, match=r"'note' hold objects of Python \(run.h5\).*ignore=\['note'\]"):
        read(tmp_path / "run.h5")
    np.testing.assert_array_equal(read(tmp_path / "run.h5", ignore=["note"]).values, FRAME)


@pytest.mark.parametrize("options", [{}, {"format": "table"}, {"format": "table", "data_columns": True}])
def test_what_pandas_writes_is_read_back(read, tmp_path, options):
    pytest.importorskip("tables")
    FRAME.rename_axis("stamp").to_hdf(tmp_path / "run.h5", key="run", **options)
    recording = read(tmp_path / "run.h5")
    np.testing.assert_array_equal(recording.select(list(FRAME)).values, FRAME)
    np.testing.assert_array_equal(recording.times, FRAME.index)
    FRAME["flow"].to_hdf(tmp_path / "one.h5", key="run", **options)
    assert read(tmp_path / "one.h5").channels == ("flow",)


def test_rows_of_pandas_are_read_without_pandas_own_reader(read, tmp_path):
    rows = np.zeros(3, [("index", "i8"), ("values_block_0", "f8", (2,)), ("values_block_1", "i8", (1,))])
    rows["index"] = FRAME.index.as_unit("ns").asi8
    rows["values_block_0"], rows["values_block_1"] = FRAME[["pressure", "level"]], FRAME[["flow"]]
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file.create_group("run").attrs["pandas_type"] = np.bytes_("frame_table")
        file["run/table"] = rows
        kinds = {"values_block_0_kind": ["pressure", "level"], "values_block_1_kind": ["flow"]}
        file["run/table"].attrs.update({key: np.bytes_(pickle.dumps(names, 0)) for key, names in kinds.items()})
        file["run/table"].attrs["index_kind"] = np.bytes_("datetime64")
    recording = read(tmp_path / "run.h5")
    np.testing.assert_array_equal(recording.select(list(FRAME)).values, FRAME)
    np.testing.assert_array_equal(recording.times, FRAME.index)
