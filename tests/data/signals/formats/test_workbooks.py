import datetime
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest

from seqae.data._files import archives

ROWS = [(datetime.datetime(2024, 1, 1, 0, 0, second), 1.5 * second, second) for second in range(5)]


def book(path, **sheets):
    """Write a workbook with rows of cells in each sheet."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def test_a_sheet_is_a_table(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[("time", "pressure [bar]", "count"), *ROWS], empty=[])
    recording = read(path)
    assert recording.channels == ("pressure", "count") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, [row[1:] for row in ROWS])
    np.testing.assert_array_equal(recording.times, np.array([row[0] for row in ROWS], "M8[ns]"))


def test_a_sheet_written_by_pandas_is_read_back(read, tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=["a", "b", "c"])
    frame.iloc[3, 1] = np.nan
    frame.index = pd.date_range("2024-01-01", periods=20, freq="10min")
    frame.to_excel(tmp_path / "run.xlsx")
    recording = read(tmp_path / "run.xlsx")
    np.testing.assert_allclose(recording.values, frame, rtol=1e-15)  # what openpyxl writes of a number
    np.testing.assert_array_equal(recording.times, frame.index.as_unit("ns"))


def test_several_sheets_are_refused_until_one_is_named(read, tmp_path):
    header = ("time", "a", "b")
    path = book(tmp_path / "run.xlsx", May=[header, *ROWS], June=[header, *ROWS[:3]])
    with pytest.raises(ValueError, match=r"2 tables \(run.xlsx\): 'May'.*'June'.*sheet='May'"):
        read(path)
    assert len(read(path, sheet="June")) == 3
    with pytest.raises(ValueError, match=r"no 'june' \(run.xlsx\). Did you mean 'June'"):
        read(path, sheet="june")


def test_a_hidden_sheet_is_not_taken_for_a_table(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[("a", "b", "c"), *ROWS], lists=[("on",), ("off",)])
    workbook = openpyxl.load_workbook(path)
    workbook["lists"].sheet_state = "hidden"
    workbook.save(path)
    assert len(read(path, time_column="a")) == 5


def test_lines_above_the_table_are_skipped(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[("Report of the plant",), (), ("time", "a", "b"), *ROWS])
    recording = read(path)
    assert recording.channels == ("a", "b") and any("Report of the plant" in warning for warning in recording.warnings)
    assert read(path, skip_lines=1).channels == ("a", "b")
    path = book(tmp_path / "run.xlsx", log=[("# made by a logger", "v2"), ("time", "a", "b"), *ROWS])
    assert read(path, comment="#").channels == ("a", "b")


def test_a_row_of_units_is_read(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[("time", "pressure", "flow"), (None, "bar", "l/min"), *ROWS])
    recording = read(path)
    assert recording.units == {"pressure": "bar", "flow": "l/min"}
    np.testing.assert_array_equal(recording.values, [row[1:] for row in ROWS])


def test_empty_rows_and_columns_around_a_table_do_not_matter(read, tmp_path):
    rows = [(None, None, *row, None) for row in [("time", "a", "b"), *ROWS]]
    recording = read(book(tmp_path / "run.xlsx", log=[(), *rows, ()]))
    np.testing.assert_array_equal(recording.values, [row[1:] for row in ROWS])


def test_a_text_among_numbers_is_named_with_its_row_in_the_sheet(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[(), ("a", "b"), (1, 2), (3, "ERR"), (None, "n/a")])
    with pytest.raises(ValueError, match=r"'b' holds text: 'ERR' \(run.xlsx, line 4\)"):
        read(path)


def test_marks_of_missing_values_and_numbers_that_are_text_are_read(read, tmp_path):
    recording = read(
        book(tmp_path / "run.xlsx", log=[("a", "b"), (1, "2.5"), ("#N/A", " 3 "), (None, None), (4, "NaN")])
    )
    np.testing.assert_array_equal(recording.values, [[1, 2.5], [np.nan, 3], [4, np.nan]])


def test_a_sheet_without_header_has_numbered_channels(read, tmp_path):
    recording = read(book(tmp_path / "run.xlsx", log=ROWS))
    assert recording.channels == ("0", "1") and len(recording.times) == 5
    assert any("no header" in warning for warning in recording.warnings)


def test_times_of_day_are_times(read, tmp_path):
    rows = [(datetime.time(10, 0, second, 500000), second) for second in range(4)]
    np.testing.assert_array_equal(
        read(book(tmp_path / "run.xlsx", log=[("time", "a"), *rows])).times, 36000.5 + np.arange(4)
    )


def test_a_formula_without_value_is_refused_with_its_cell(read, tmp_path):
    path = book(tmp_path / "run.xlsx", log=[("a", "b"), (1, 2), (3, "=A3*2")])
    with pytest.raises(ValueError, match=r"the formula '=A3\*2' has no value \(run.xlsx, cell B3\)"):
        read(path)


def test_a_workbook_without_rows_is_refused(read, tmp_path):
    with pytest.raises(ValueError, match=r"no rows \(run.xlsx\)"):
        read(book(tmp_path / "run.xlsx", log=[]))
    with pytest.raises(ValueError, match=r"a header and no rows \(run.xlsx, line 1\)"):
        read(book(tmp_path / "run.xlsx", log=[("a", "b")]))


def test_a_workbook_that_unpacks_to_very_much_is_not_unpacked(read, tmp_path, monkeypatch):
    path = book(tmp_path / "run.xlsx", log=[("a", "b"), (1, 2)])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings2.xml", bytes(2**24))
    monkeypatch.setattr(archives, "ROOM", 2**20)
    with pytest.raises(ValueError, match=r"run.xlsx unpacks to [\d,]+ bytes"):
        read(path)


NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)


def open_document(path, *rows: str):
    """Write an OpenDocument sheet of rows of XML."""
    sheet = f'<table:table table:name="log">{"".join(rows)}</table:table>'
    body = f"<office:body><office:spreadsheet>{sheet}</office:spreadsheet></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<office:document-content {NAMES}>{body}</office:document-content>")
        archive.writestr("META-INF/manifest.xml", "<manifest:manifest/>")
    return path


def row_of(*cells: float | str, repeated: int = 1) -> str:
    texts = [
        f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>'
        if isinstance(cell, str)
        else f'<table:table-cell office:value-type="float" office:value="{cell}"/>'
        for cell in cells
    ]
    return f'<table:table-row table:number-rows-repeated="{repeated}">{"".join(texts)}</table:table-row>'


def test_an_opendocument_sheet_is_read(read, tmp_path):
    path = open_document(tmp_path / "run.ods", row_of("a", "b [bar]"), *(row_of(row, row * 0.5) for row in range(4)))
    recording = read(path, ignore="a")
    assert recording.channels == ("b",) and recording.units == {"b": "bar"}
    np.testing.assert_array_equal(recording.values[:, 0], [0, 0.5, 1, 1.5])


def test_cells_that_are_repeated_without_end_are_refused(read, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ROOM", 2**20)
    with pytest.raises(ValueError, match=r"run.ods unpacks to [\d,]+ bytes"):
        read(open_document(tmp_path / "run.ods", row_of("a"), row_of(1.0, repeated=2**20)))
