import csv
import gzip
import io
import json
import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from seqae._extras import MissingExtra
from seqae.data._files import archives
from seqae.data.signals.csv_cells import COMMENTS
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

TABLE = "time,pressure [bar],flow\n2020-03-09 10:14:33,1.5,2\n2020-03-09 10:14:34,-2.5e-3,\n"
EXPECTED = [[1.5, 2], [-2.5e-3, np.nan]]


@pytest.fixture
def read(tmp_path):
    def read(text: str | bytes, name: str = "run.csv", **settings) -> Recording:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        (recording,) = as_recordings(path, **settings)
        return recording

    return read


HARMLESS = {
    "plain": TABLE,
    "semicolons": TABLE.replace(",", ";"),
    "tabs": TABLE.replace(",", "\t"),
    "bars": TABLE.replace(",", "|"),
    "decimal commas": TABLE.replace(",", ";").replace(".", ","),
    "mark": b"\xef\xbb\xbf" + TABLE.encode(),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-32": TABLE.encode("utf-32"),
    "Windows lines": TABLE.replace("\n", "\r\n"),
    "old Mac lines": TABLE.replace("\n", "\r"),
    "mixed lines": TABLE.replace("\n", "\r\n", 1),
    "blank lines": "\n" + TABLE.replace("\n", "\n  \n\n"),
    "quotes": TABLE.replace("pressure [bar]", '"pressure [bar]"').replace("1.5", '"1.5"'),
    "blanks": TABLE.replace(",", ", "),
    "gzip": gzip.compress(TABLE.encode()),
    "no name for what counts": TABLE.replace("time", ",time").replace("\n2", "\n0,2", 1).replace("\n2", "\n1,2", 1),
    "no name for the time": TABLE.replace("time", ""),
    "day and clock apart": TABLE.replace("time", "Date,Time").replace(" 10:14", ",10:14"),
    "delimiters at the ends": TABLE.replace("\n", ",\n"),
    "delimiters at the ends of rows": TABLE.replace("\n", ",\n").replace(",\n", "\n", 1),
    "delimiter at the end of the header": TABLE.replace("\n", ",\n", 1),
}


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_every_dialect_gives_the_same_recording(read, text):
    recording = read(text)
    np.testing.assert_array_equal(recording.values, EXPECTED)
    assert recording.channels == ("pressure", "flow")
    assert recording.units == {"pressure": "bar"}
    assert recording.name == "run.csv"
    np.testing.assert_array_equal(recording.times, np.array(["2020-03-09T10:14:33", "2020-03-09T10:14:34"], "M8[ns]"))


REFUSED = {
    "empty": ("", r"empty file \(run.csv\)"),
    "blank": (" \n\n", r"empty file \(run.csv\)"),
    "only a header": ("a,b\n", r"a header and no rows \(run.csv, line 1\)"),
    "blanks": ("1 2 3\n4 5 6\n", r"separated by blanks \(run.csv, line 2\)"),
    "another delimiter": ("a;b\n1,2\n", r"the first row 2 \(run.csv, line 2\)"),
    "decimal commas between commas": ("a,b\n1,5,2,5\n", r"every row has 4 fields.*\(run.csv, line 2\).*decimal commas"),
    "fraction or thousands": ("a;b\n1,250;2,500\n", r"'1,250' may be a fraction or thousands \(run.csv, line 2\)"),
    "commas and points": ("a;b\n1,5;2.5\n", r"decimal commas and points: '1,5' and '2.5' \(run.csv, line 2\)"),
    "points after commas": ("a;b\n1,5;2\n1.5;3\n", r"'a' holds text: '1.5' \(run.csv, line 3\)"),
    "field too few": ("a,b\n1,2\n3\n4,5\n", r"a row has 1 field, but the first row 2 \(run.csv, line 3\)"),
    "field too many": ("a,b\n1,2\n3,4,5\n4,5\n", r"a row has 3 fields, but the first row 2 \(run.csv, line 3\)"),
    "field too many and one too few": (
        "a,b\n1,2\n3,4,5\n4\n5,6\n",
        r"a row has 3 fields, but the first row 2 \(run.csv, line 3\)",
    ),
    "field too few and one too many": (
        "a,b\n1,2\n3\n4,5,6\n5,6\n",
        r"a row has 1 field, but the first row 2 \(run.csv, line 3\)",
    ),
    "field too many everywhere": ("a,b\n1,2,3\n4,5,6\n", r"every row has 3 fields.*\(run.csv, line 2\)"),
    "cut off": ("a,b\n1,2\n3", r"the last row has 1 field.*\(run.csv, line 3\): the file is cut off"),
    "text": ("a,b\n1,2\n3,ERR\n", r"column 'b' holds text: 'ERR' \(run.csv, line 3\).*ignore=\['b'\]"),
    "text after blank lines": ('a,b\n\n1,"2"\n\n\n3,ERR\n', r"'ERR' \(run.csv, line 6\)"),
    "text after a quoted line end": ('a,b\n1,"x\ny"\n', r"'x\\ny' \(run.csv, line 2\)"),
    "hexadecimal": ("a\n0x10\n", r"'0x10' \(run.csv, line 2\)"),
    "thousands": ('a,b\n1,"1,234.5"\n', r"'1,234.5' \(run.csv, line 2\)"),
    "zero byte": ("a,b\n1,\0\n", r"a zero byte \(run.csv, line 2\)"),
    "cut UTF-16": (TABLE.encode("utf-16")[:-1], r"damaged text in UTF-16 \(run.csv"),
    "UTF-16 without a mark": (TABLE.encode("utf-16-le"), r"a zero byte \(run.csv, line 1\)"),
    "infinite": ("a,b\n1,2\n1,inf\n", r"channel 'b' is infinite \(run.csv, line 3\)"),
    "too large": ("a,b\n1,1e400\n", r"channel 'b' is infinite \(run.csv, line 2\)"),
    "one name twice": ("a,a\n1,2\n", r"two columns are named 'a' \(run.csv\)"),
    "one name twice but for blanks": ("a,a \n1,2\n", r"two columns are named 'a'"),
    "readings without a name": ("a,\n1,2.5\n", r"column 2 has no name \(run.csv\)"),
    "open quotes": ('a,b\n1,2\n1,"2\n', r"never closed \(run.csv, from line 3 on\)"),
    "quotes within a field": ('a,b\n1,x "y,z"\n2,3\n', r"quotation marks within a field \(run.csv\)"),
    "bad stamp": ("time,a\n2020-01-01,1\n2020-01-32,2\n", r"'time' holds '2020-01-32' \(run.csv, line 3\)"),
    "no stamp": ("time,a\n2020-01-01,1\n,2\n", r"'time' is empty \(run.csv, line 3\)"),
    "cut gzip": (gzip.compress(TABLE.encode())[:-9], r"damaged gzip file \(run.csv"),
    "damaged gzip": (b"\x1f\x8b\x08 no", r"damaged gzip file \(run.csv"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_without_guessing_is_refused_with_its_line(read, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_late_text_does_not_hide_among_numbers(read):
    rows = 300_000  # pandas guesses the types of a long file piece by piece
    with pytest.raises(ValueError, match=rf"column 'a' holds text: 'ERR' \(run.csv, line {rows + 1}\)"):
        read("a,b\n" + "1.5,2\n" * (rows - 1) + "ERR,2\n")


@pytest.mark.parametrize("marker", ["", "NaN", "nan", "NA", "N/A", "null", "None", "-", " NaN ", "?"])
def test_markers_of_missing_values_are_nan(read, marker):
    np.testing.assert_array_equal(read(f"a,b\n1,2\n3,{marker}\n5,6\n").values, [[1, 2], [3, np.nan], [5, 6]])


def test_truth_values_are_numbers(read):
    np.testing.assert_array_equal(read("a,b\nTrue,1\nFalse,2\n,3\n").values, [[1, 1], [0, 2], [np.nan, 3]])


def test_a_file_of_numbers_only_has_numbered_channels(read):
    recording = read("1,2\n3,4\n")
    np.testing.assert_array_equal(recording.values, [[1, 2], [3, 4]])
    assert recording.channels == ("0", "1") and not recording.is_named
    assert any("no header" in remark for remark in recording.warnings)
    stamped = read("2020-01-01 10:00;1,5;2\n2020-01-01 10:01;3,5;4\n")
    assert stamped.channels == ("0", "1")
    assert len(stamped.times) == len(stamped.values) == 2


def test_a_frame_without_names_is_read_back(read):
    frame = pd.DataFrame(np.arange(6.0).reshape(3, 2) ** 2)
    for text in (frame.to_csv(), frame.to_csv(index=False)):
        recording = read(text)
        assert recording.channels == ("0", "1")
        np.testing.assert_array_equal(recording.values, frame)


def test_units_of_old_windows_programs_are_read(read):
    assert read("T [°C]\n1\n".encode("latin-1")).units == {"T": "°C"}


def test_a_last_line_without_end_is_remarked(read):
    assert any("line 3 has no line end" in remark for remark in read("a\n1.25\n1.2").warnings)
    assert not any("no line end" in remark for remark in read("a\n1.25\n1.2\n").warnings)


def test_columns_without_name_and_values_are_left_out_with_a_remark(read):
    assert any("column 3 has no name" in remark for remark in read("a,b,\n1,2,\n3,4,\n").warnings)


def test_rows_of_missing_values_are_rows(read):
    expected = [[np.nan, np.nan], [1, 2], [np.nan, np.nan]]
    np.testing.assert_array_equal(read("a\tb\n\t\n1\t2\n\t\n").values, expected)


numbers = st.one_of(st.floats(allow_infinity=False), st.integers(-(2**53), 2**53))
tables = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1)
)
names = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
dialects = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from(",;\t|"),
        "lineterminator": st.sampled_from(["\n", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    }
)


@settings(deadline=None, max_examples=60)
@given(tables, dialects, st.sampled_from(["nan", "", "NA"]), names)
@example([[0.1], [float("nan")]], {"delimiter": ",", "lineterminator": "\n", "quoting": csv.QUOTE_ALL}, "", '"')
def test_any_table_in_any_dialect_is_read_back_exactly(tmp_path_factory, table, dialect, missing, name):
    # One column under an unquoted a|b may as well be two columns that were cut off: such a file is refused.
    assume(len(table[0]) > 1 or dialect["quoting"] != csv.QUOTE_MINIMAL or not set(name) & set(",;|"))
    assume(not name.startswith(COMMENTS))  # signs before a header, which are no part of its first name
    header = [f"{name}{number}x" for number in range(len(table[0]))]
    text = io.StringIO()
    writer = csv.writer(text, **dialect)
    writer.writerow(header)
    writer.writerows([[missing if value != value else value for value in row] for row in table])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.getvalue().encode())
    (recording,) = as_recordings(path)
    np.testing.assert_array_equal(recording.values, np.array(table, dtype=float))
    assert recording.channels == tuple(header)


def test_one_column_under_a_header_that_looks_like_two_is_refused_with_what_to_do(read):
    with pytest.raises(ValueError, match="every row has 1 field, but the first row 2"):
        read("a|b\n1\n2\n")
    assert read('"a|b"\n1\n2\n').channels == ("a|b",)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=50) | st.text('012.-,,;;|\t\n\n\r" aeT:').map(str.encode))
def test_any_bytes_are_read_or_refused_in_one_clear_line(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    try:
        (recording,) = as_recordings(path)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert np.isfinite(recording.values[~np.isnan(recording.values)]).all()


def test_json_lines_are_read(read):
    lines = [{"time": "2020-01-01T00:00:00", "a": 1, "b": True}, {"time": "2020-01-01T00:00:01", "a": None}]
    lines += [{"time": "2020-01-01T00:00:02", "a": 2.5, "b": False, "c": 1e-3}]
    text = "\n\n".join(json.dumps(line) for line in lines)
    for data, name in ((text, "run.jsonl"), (gzip.compress(text.encode()), "run.ndjson.gz")):
        recording = read(data, name)
        assert recording.channels == ("a", "b", "c")
        np.testing.assert_array_equal(recording.values, [[1, 1, np.nan], [np.nan, np.nan, np.nan], [2.5, 0, 1e-3]])
        assert np.diff(recording.times).tolist() == [10**9, 10**9]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"empty file \(run.jsonl\)"),
        ('{"a": 1}\n{"a": ', r"not JSON \(run.jsonl, line 2"),
        ('{"a": 1}\n\n[1]\n', r"not an object but a list \(run.jsonl, line 3\)"),
        ('{"a": 1}\n{"a": "high"}\n', r"'a' holds text: 'high' \(run.jsonl, line 2\)"),
        ('{"a": 1}\n{"a": [1, 2]}\n', r"'a' holds a list: \[1, 2\] \(run.jsonl, line 2\)"),
        ('{"a": 1}\n{"a": 1e400}\n', r"'a' is infinite \(run.jsonl, line 2\)"),
        ("{}\n", r"no rows or no columns \(run.jsonl\)"),
    ],
)
def test_bad_json_lines_are_refused_with_their_line(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text, "run.jsonl")


def test_parquet_is_read(tmp_path):
    frame = pd.DataFrame({"pressure [bar]": [1.5, -2.5e-3], "flow": [2, None]})
    frame.index = pd.to_datetime(["2020-03-09 10:14:33", "2020-03-09 10:14:34"])
    frame.to_parquet(tmp_path / "run.parquet")
    (recording,) = as_recordings(tmp_path / "run.parquet")
    np.testing.assert_array_equal(recording.values, EXPECTED)
    np.testing.assert_array_equal(recording.times, frame.index.as_unit("ns"))
    assert recording.units == {"pressure": "bar"} and recording.name == "run.parquet"


@pytest.mark.parametrize(
    "column",
    [np.zeros(2**18), ["a long text that stands there very often " * 50] * 2**10, [[0.0] * 2**10] * 2**8],
    ids=["one number", "one text", "lists"],
)
def test_a_small_parquet_file_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch, column):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    pd.DataFrame({"a": column}).to_parquet(tmp_path / "bomb.parquet", compression="zstd")
    assert (tmp_path / "bomb.parquet").stat().st_size < 2**14
    with pytest.raises(ValueError, match=r"bomb.parquet unpacks to [\d,]+ bytes.*pass the frame"):
        as_recordings(tmp_path / "bomb.parquet")


def test_damaged_parquet_is_refused(tmp_path):
    pd.DataFrame({"a": [1.0] * 100}).to_parquet(tmp_path / "run.parquet")
    whole = (tmp_path / "run.parquet").read_bytes()
    for damaged in (b"PAR1", whole[: len(whole) // 2]):
        (tmp_path / "run.parquet").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a damaged Parquet file \(run.parquet"):
            as_recordings(tmp_path / "run.parquet")


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "run.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"seqae\[tables\]"):
        as_recordings(tmp_path / "run.parquet")


def test_a_folder_is_its_files_sorted_by_name(tmp_path):
    for name, rows in (("b.csv", 3), ("a.csv", 2), ("c.tsv", 4)):
        (tmp_path / name).write_text("x\n" + "1.5\n" * rows)
    (tmp_path / "README.md").write_text("not a table")
    (tmp_path / ".hidden.csv").write_text("not a table")
    for folder in (tmp_path, str(tmp_path)):
        recordings = as_recordings(folder)
        assert [(each.name, len(each)) for each in recordings] == [("a.csv", 2), ("b.csv", 3), ("c.tsv", 4)]
    files = as_recordings([tmp_path / "c.tsv", str(tmp_path / "a.csv")])
    assert [each.name for each in files] == ["c.tsv", "a.csv"]


def test_runs_with_other_columns_are_named(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    (tmp_path / "b.csv").write_text("y,x,label\n2,1,0\n")
    with pytest.raises(ValueError, match=r"'label' only in some runs \(b.csv\).*ignore=\['label'\]"):
        as_recordings(tmp_path)
    first, second = as_recordings(tmp_path, ignore=["label"])
    np.testing.assert_array_equal(first.values, second.values)
    (tmp_path / "c.csv").write_text("x,z\n1,2\n")
    with pytest.raises(ValueError, match=r"missing 'y', while there is 'z' \(c.csv\)"):
        as_recordings(tmp_path, channels=["x", "y"])


def test_paths_that_lead_nowhere_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file or folder '.*nothing.csv'"):
        as_recordings(tmp_path / "nothing.csv")
    with pytest.raises(FileNotFoundError, match=r"no readings in the folder.*\.parquet"):
        as_recordings(tmp_path)
    (tmp_path / "run.doc").write_bytes(b"PK")
    with pytest.raises(ValueError, match=r"cannot tell what 'run.doc' holds.*\.csv"):
        as_recordings(tmp_path / "run.doc")


def test_a_day_of_ten_second_rows_is_read_in_no_time(read):
    rows, channels = 8640, 20
    values = np.random.default_rng(0).normal(size=(rows, channels)).round(6)
    frame = pd.DataFrame(values, columns=[f"c{number}" for number in range(channels)])
    frame.insert(0, "time", pd.date_range("2020-03-01", periods=rows, freq="10s"))
    text = frame.to_csv(index=False)
    read(text)  # loads what is needed
    start = time.process_time()
    recording = read(text)
    assert time.process_time() - start < 1  # about 0.06 s; a month of it in 1.5 s
    np.testing.assert_array_equal(recording.values, values)
    assert len(recording.segments()) == 1


def test_a_column_whose_name_has_no_end_is_refused_in_a_short_line(tmp_path):
    (tmp_path / "a.csv").write_text(f"flow,{'[' * 3000}\n1,2x\n2,3\n")
    with pytest.raises(ValueError, match=r"a column has a name of 3,000 characters \(a\.csv\)"):
        as_recordings(tmp_path / "a.csv")
