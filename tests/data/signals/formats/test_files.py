import bz2
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pytest

from seqae._extras import MissingExtra
from seqae.data._files import archives
from seqae.data.signals.formats.files import READERS
from seqae.data.signals.loading import as_recordings

TABLE = b"time,pressure [bar],flow\n2020-03-09 10:14:33,1.5,2\n2020-03-09 10:14:34,-2.5e-3,\n"
EXPECTED = [[1.5, 2], [-2.5e-3, np.nan]]


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
    ".zip": lambda data: zipped({"folder/run.csv": data, "__MACOSX/folder/run.csv": b"1"}),
}


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_texts_are_read(read, tmp_path, ending):
    for name in (f"run.csv{ending}", f"run.txt{ending}", f"RUN.CSV{ending.upper()}", "run.csv"):
        (tmp_path / name).write_bytes(PACKERS[ending](TABLE))
        recording = read(tmp_path / name)
        np.testing.assert_array_equal(recording.values, EXPECTED)
        assert recording.name == name
    lines = b'{"a": 1}\n{"a": 2.5}\n'
    (tmp_path / f"run.jsonl{ending}").write_bytes(PACKERS[ending](lines))
    np.testing.assert_array_equal(read(tmp_path / f"run.jsonl{ending}").values, [[1], [2.5]])


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_texts_that_are_cut_or_unpack_to_very_much_are_refused(read, tmp_path, monkeypatch, ending):
    path = tmp_path / f"run.csv{ending}"
    rows = b"".join(b"%d,%d\n" % (row, row * row % 9973) for row in range(5000))
    whole = PACKERS[ending](b"a,b\n" + rows)
    for size in (*range(12, len(whole), len(whole) // 7), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=path.name):
            read(path)
    monkeypatch.setattr(archives, "ROOM", 2**18)
    path.write_bytes(PACKERS[ending](b"a,b\n" + b"0,0\n" * 2**17))
    with pytest.raises(ValueError, match=f"{path.name} unpacks to more than .*unpack it yourself"):
        read(path)


def test_a_zip_file_holds_one_table(read, tmp_path):
    (tmp_path / "run.zip").write_bytes(zipped({"run.jsonl": b'{"a": 1}\n'}))
    assert read(tmp_path / "run.zip").channels == ("a",)
    (tmp_path / "run.zip").write_bytes(zipped({"a.csv": TABLE, "b.csv": TABLE}))
    with pytest.raises(ValueError, match=r"2 files \(run.zip: 'a.csv', 'b.csv'\) in a zip file.*Unpack it"):
        read(tmp_path / "run.zip")
    (tmp_path / "run.zip").write_bytes(zipped({"run.png": b"x"}))
    with pytest.raises(ValueError, match=r"'run.png'.*run.zip"):
        read(tmp_path / "run.zip")


@pytest.mark.parametrize(
    "content",
    [
        [{"time": "2024-01-01T00:00:00", "a": 1, "b": 2.5}, {"time": "2024-01-01T00:00:01", "a": 3}],
        {"time": ["2024-01-01T00:00:00", "2024-01-01T00:00:01"], "a": [1, 3], "b": [2.5, None]},
        {"data": [{"time": "2024-01-01T00:00:00", "a": 1, "b": 2.5}, {"time": "2024-01-01T00:00:01", "a": 3}], "n": 2},
    ],
    ids=["records", "columns", "within an object"],
)
def test_json_of_any_form_is_read(read, tmp_path, content):
    (tmp_path / "run.json").write_text(json.dumps(content, indent=1))
    recording = read(tmp_path / "run.json")
    assert recording.channels == ("a", "b")
    np.testing.assert_array_equal(recording.values, [[1, 2.5], [3, np.nan]])
    assert (recording.times == np.array(["2024-01-01T00:00:00", "2024-01-01T00:00:01"], "M8[ns]")).all()


@pytest.mark.parametrize("orient", ["columns", "records", "split", "table", "index"])
def test_json_of_pandas_is_read(read, tmp_path, orient):
    frame = pd.DataFrame(
        {"a": [1.5, 2, np.nan], "b": [1, 2, 3]}, index=pd.date_range("2024-01-01", periods=3, freq="s")
    )
    frame.to_json(tmp_path / "run.json", orient=orient)
    recording = read(tmp_path / "run.json")
    np.testing.assert_array_equal(recording.select(["a", "b"]).values, frame)
    if orient != "records":
        np.testing.assert_array_equal(recording.times, frame.index.as_unit("ns"))


def test_json_lines_under_the_name_json_are_read(read, tmp_path):
    (tmp_path / "run.json").write_text('{"a": 1}\n{"a": 2}\n')
    np.testing.assert_array_equal(read(tmp_path / "run.json").values, [[1], [2]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2", r"not JSON \(run.json"),
        ('{\n"a": [1,\n', r"not JSON \(run.json: .*array of records"),
        ("[]", r"no table \(run.json\)"),
        ("3", r"no table \(run.json\)"),
        ('[{"a": 1, "a": 2}]', "'a' occurs twice"),
        ('{"a": [1, 2], "b": [1]}', r"columns of several lengths.*run.json"),
        ('{"x": [{"a": 1}], "y": [{"b": 1}]}', r"2 tables \(run.json\): 'x'.*sheet='x'"),
        ('[{"a": "high"}]', r"'a' holds text: 'high' \(run.json, row 0\)"),
    ],
)
def test_bad_json_is_refused_by_name(read, tmp_path, text, message):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "run.json")


FRAME = pd.DataFrame(
    {"pressure [bar]": [1.5, -2.5e-3], "flow": [2, None]},
    index=pd.to_datetime(["2020-03-09 10:14:33", "2020-03-09 10:14:34"]),
)


@pytest.mark.parametrize("name", ["run.feather", "run.arrow", "run.ipc", "run.arrows"])
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_arrow_files_are_read(read, tmp_path, name, compression):
    table = pa.Table.from_pandas(FRAME)
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if name == "run.arrows" else pa.ipc.new_file
    with new(tmp_path / name, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=1)
    recording = read(tmp_path / name)
    assert recording.channels == ("pressure", "flow") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, EXPECTED)
    np.testing.assert_array_equal(recording.times, FRAME.index.as_unit("ns"))


@pytest.mark.parametrize(
    "column", [np.zeros(2**18), ["a long text that stands there very often " * 50] * 2**10, [None] * 2**18]
)
def test_a_small_arrow_file_that_unpacks_to_very_much_is_refused(read, tmp_path, monkeypatch, column):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    pyarrow.feather.write_feather(pa.table({"a": pa.array(column)}), str(tmp_path / "bomb.feather"), compression="zstd")
    assert (tmp_path / "bomb.feather").stat().st_size < 2**15
    with pytest.raises(ValueError, match=r"bomb.feather unpacks to [\d,]+ bytes"):
        read(tmp_path / "bomb.feather")


@pytest.mark.parametrize(
    ("ending", "module", "extra"),
    [
        (".parquet", "pyarrow", "tables"),
        (".feather", "pyarrow", "tables"),
        (".xlsx", "openpyxl", "tables"),
        (".ods", "python_calamine", "tables"),
        (".h5", "h5py", "hdf5"),
        (".nc", "h5netcdf", "hdf5"),
        (".edf", "pyedflib", "medical"),
        (".hea", "wfdb", "medical"),
        (".tdms", "nptdms", "measurement"),
        (".mf4", "asammdf", "measurement"),
    ],
)
def test_a_format_without_its_package_names_the_extra(read, tmp_path, monkeypatch, ending, module, extra):
    (tmp_path / f"run{ending}").write_bytes(b"\x00\x01")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'seqae\[{extra}\]'"):
        read(tmp_path / f"run{ending}")


def test_a_name_that_tells_nothing_is_refused_with_all_that_are_known(read, tmp_path):
    (tmp_path / "run.bin").write_bytes(b"\x00\x01")
    with pytest.raises(ValueError, match=r"cannot tell what 'run.bin' holds") as caught:
        as_recordings(tmp_path / "run.bin")
    assert all(ending in str(caught.value) for ending in READERS)
