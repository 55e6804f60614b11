"""Rows of a stream are those of a file with the same text, wherever the text is cut."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.options import ReadingOptions
from seqae.service.line_reader import LineReader
from seqae.service.rejections import Rejection

CHANNELS = ("flow", "pressure")
READING = ReadingOptions(channels=CHANNELS)
EXPECTED = [[1, 2], [3, np.nan], [5, 6.5]]
TIMES = np.array(["2024-01-13T00:00:00", "2024-01-13T00:00:10", "2024-01-13T00:00:20"], "datetime64[ns]")


def read(text: bytes, *, cut: int = 10**6, **settings: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Read a text that comes in pieces."""
    pieces = [text[start : start + cut] for start in range(0, len(text), cut)]
    blocks = list(LineReader(READING.updated(**settings)).blocks(pieces))
    values, times = [block.values for block in blocks], [block.times for block in blocks]
    return np.concatenate(values), None if times[0] is None else np.concatenate(times)


TABLE = "time,flow,pressure [bar]\n2024-01-13 00:00:00,1,2\n2024-01-13 00:00:10,3,\n2024-01-13 00:00:20,5,6.5\n"
OBJECTS = [
    {"time": "2024-01-13T00:00:00", "flow": 1, "pressure": 2},
    {"flow": 3, "time": "2024-01-13T00:00:10"},
    {"time": "2024-01-13T00:00:20", "flow": 5, "pressure": 6.5},
]
TEXTS = {
    "comma": TABLE.encode(),
    "mark, Windows lines, blank lines": b"\xef\xbb\xbf" + TABLE.replace("\n", "\r\n\r\n").encode(),
    "decimal comma that comes late": TABLE.replace(",", ";").replace(".", ",").encode(),
    "tab": TABLE.replace(",", "\t").encode(),
    "missing mark": TABLE.replace("3,", "3,n/a").encode(),
    "quotes": TABLE.replace("2024-01-13 00:00:00", '"2024-01-13 00:00:00"').replace("5,6.5", '"5","6.5"').encode(),
    "line end within quotes": TABLE.replace("time", "note,time").replace("\n2", '\n"a\nb;c",2').encode(),
    "order of the columns": (
        b"pressure;other;flow;time\n2;x;1;2024-01-13 00:00:00\n;y;3;2024-01-13 00:00:10\n6.5;;5;2024-01-13 00:00:20\n"
    ),
    "day first, told by the first stamp": TABLE.replace("2024-01-13", "13/01/2024").encode(),
    "day and clock apart": TABLE.replace("time", "Date,Time").replace("13 00", "13,00").encode(),
    "seconds since 1970": TABLE.replace("2024-01-13 00:00:", "17051040").encode(),
    "no header": TABLE.partition("\n")[2].encode(),
    "no name for what counts": TABLE.replace("time", ",time")
    .replace("\n2", "\n7,2", 1)
    .replace("\n2", "\n8,2", 1)
    .replace("\n2", "\n9,2", 1)
    .encode(),
    "JSON lines": "".join(json.dumps(each) + "\n" for each in OBJECTS).encode(),
}


@pytest.mark.parametrize("cut", [1, 7, 50, 1000])
@pytest.mark.parametrize("name", TEXTS)
def test_rows_are_those_of_the_whole_file_wherever_the_text_is_cut(name: str, cut: int, tmp_path: Path):
    path = tmp_path / ("run.jsonl" if name == "JSON lines" else "run.csv")
    path.write_bytes(TEXTS[name])
    (whole,) = as_recordings(path, channels=CHANNELS)
    for text in (TEXTS[name], TEXTS[name].rstrip()):
        values, times = read(text, cut=cut)
        np.testing.assert_array_equal(values, EXPECTED)
        np.testing.assert_array_equal(times, TIMES)
    np.testing.assert_array_equal(whole.values, values)
    np.testing.assert_array_equal(whole.times, times)


def test_a_row_comes_as_soon_as_its_line_has_ended():
    came = []
    chunks = iter([b"flow,pressure\n", b"1,2\n3,", b"4\n", b"5,6"])

    def noted():
        for chunk in chunks:
            yield chunk
            came.append(len(rows))

    rows = []
    for block in LineReader(READING).blocks(noted()):
        rows += block.values.tolist()
    assert came == [0, 1, 2, 2] and rows == [[1, 2], [3, 4], [5, 6]]


def test_the_format_of_the_first_stamps_holds_for_later_ones():
    text = b"time,flow,pressure\n13/02/2024 00:00,1,2\n01/03/2024 00:00,1,2\n"
    assert read(text, cut=44)[1].astype("datetime64[D]").astype(str).tolist() == ["2024-02-13", "2024-03-01"]
    with pytest.raises(ValueError, match=r"holds '2024-03-01 00:00' \(standard input, line 3\)"):
        read(text.replace(b"01/03/2024", b"2024-03-01"), cut=44)


def test_what_may_be_thousands_waits_for_a_row_that_tells():
    text = b"flow;pressure\n1,250;2,125\n3,5;4\n"
    for cut in (1, 1000):
        np.testing.assert_array_equal(read(text, cut=cut)[0], [[1.25, 2.125], [3.5, 4]])
    with pytest.raises(ValueError, match=r"may be a fraction or thousands \(standard input, line 2\)"):
        read(text[:26], cut=1)
    with pytest.raises(ValueError, match="may be a fraction or thousands"):
        next(LineReader(READING).blocks([b"flow;pressure\n" + b"1,250;2,125\n" * 100, b"3,5;4\n"]))


def test_seconds_are_times_and_no_time_is_none():
    np.testing.assert_array_equal(read(b"when,flow,pressure\n5,1,2\n6,1,2\n", time_column="when")[1], [5.0, 6.0])
    assert read(b"flow,pressure\n1,2\n")[1] is None


@pytest.mark.parametrize("text", [b"", b"\n\n", b"flow,pressure\n"])
def test_a_text_without_rows_gives_none(text: bytes):
    assert list(LineReader(READING).blocks([text])) == []


REFUSED = [
    (b"flow,pressure\n1,2\n1,2,3\n", r"a row has 3 fields, but the first row 2 \(standard input, line 3\)"),
    (b"flow,pressure\n1,2\n1", r"the last row has 1 field, but the first row 2 \(standard input, line 3\)"),
    (b"flow,pressur\n1,2\n", r"missing 'pressure', while there is 'pressur' \(standard input\)"),
    (b"flow,pressure\n1,2\n1,inf\n", r"channel 'pressure' is infinite \(standard input, line 3\)"),
    (b"flow,pressure\n1,2\n\n1,off\n", r"'pressure' holds text: 'off' \(standard input, line 4\)"),
    (b"flow;pressure\n1,5;2\n1.5;2\n", r"decimal commas and points|holds text: '1.5'.*other numbers follow a comma"),
    (b"flow,pressure\n1,2\n1,\0\n", r"a zero byte \(standard input, line 3\)"),
    (b'flow,pressure\n1,2\n1,"2\n1,3\n', r"never closed \(standard input, from line 3 on\)"),
    (b"time,flow,pressure\n2024-01-01,1,2\nx,1,2\n", r"time column 'time' holds 'x' \(standard input, line 3\)"),
    (b'{"flow": 1}\n[1, 2]\n', r"not an object but a list \(standard input, line 2\)"),
    (b'{"flow": 1}\n{"flow": 1\n', r"not JSON \(standard input, line 2"),
    (b'{"flow": "high"}\n', r"'flow' holds text: 'high' \(standard input, line 1\)"),
    (b'{"speed": 1}\n', r"missing 'flow', 'pressure', while there is 'speed' \(standard input\)"),
    (b'{"time": 1, "flow": 1}\n{"flow": 1}\n', r"'time' is empty \(standard input, line 2\). Every row needs a time"),
    (b"<html>\n<body>\n", r"a web page \(standard input\)"),
]


@pytest.mark.parametrize("cut", [1, 1000])
@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_line_that_cannot_be_read_is_named(text: bytes, message: str, cut: int):
    with pytest.raises(ValueError, match=message) as caught:
        read(text, cut=cut)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [0, 1, 500, 998, 999])
def test_all_rows_before_a_bad_line_are_read(bad: int):
    lines = [f"{row},{row / 4}" for row in range(1000)]
    lines[bad] = "1,off"
    rows = []
    with pytest.raises(ValueError, match=rf"'off' \(standard input, line {bad + 2}\)"):
        for block in LineReader(READING).blocks(["\n".join(["flow,pressure", *lines]).encode()]):
            rows += block.values.tolist()
    assert rows == [[row, row / 4] for row in range(bad)]


AROUND = {
    "comments and units": (b"# logger 7\n" + TABLE.replace("\n2", "\nUTC,l/s,bar\n2", 1).encode(), {}),
    "free text above": (b"Logger 7, east\nNo. 12\n" + TABLE.encode(), {}),
    "comments within": (TABLE.replace("\n2024-01-13 00:00:1", "\n# restarted\n2024-01-13 00:00:1").encode(), {}),
    "header repeated": (TABLE.replace("\n2024-01-13 00:00:2", f"\n{TABLE[:24]}\n2024-01-13 00:00:2").encode(), {}),
    "lines to skip": (b"Logger,7,8\nsite,east,north\n" + TABLE.encode(), {"skip_lines": 2}),
    "a word in place of rows": (TABLE.encode() + b"STOP\n", {"comment": "STOP"}),
    "an unusual separator": (TABLE.replace(",", "~").encode(), {"separator": "~"}),
    "thousands": (TABLE.replace("6.5", '"1,006.5"').encode(), {"decimal": "."}),
}


@pytest.mark.parametrize("cut", [1, 7, 50, 1000])
@pytest.mark.parametrize("name", AROUND)
def test_lines_around_the_table_are_left_out_as_in_a_file(name: str, cut: int):
    text, settings = AROUND[name]
    for whole in (text, text.rstrip()):
        values, times = read(whole, cut=cut, **settings)
        np.testing.assert_array_equal(values % 1000, EXPECTED)
        np.testing.assert_array_equal(times, TIMES)


def read_on(
    text: bytes, *, cut: int = 10**6, may_be_cut: bool = False, **settings: str
) -> tuple[list, list[Rejection]]:
    """Return the values and the rejections, of a reader that goes on after bad lines."""
    reader = LineReader(READING.updated(**settings), is_strict=False)
    pieces = [text[start : start + cut] for start in range(0, len(text), cut)]
    items = [item for piece in pieces for item in reader.feed(piece)] + [*reader.end(may_be_cut)]
    rejected = [item for item in items if isinstance(item, Rejection)]
    return [row for item in items if item not in rejected for row in item.values.tolist()], rejected


BAD = {
    b"1,2,3": "format",
    b"1": "format",
    b"x,2": "values",
    b"1,inf": "values",
    b"1,1_0": "values",
    "1,\uff11\uff12".encode(): "values",
    b"1,true": "values",
    b"1,\0": "text",
    b'1,"2': "length",
    b"7" * 2000: "format",
}


@pytest.mark.parametrize("cut", [7, 10**7])
def test_bad_lines_are_rejected_one_by_one_and_all_others_are_read(cut: int):
    lines, expected = [b"flow,pressure"], []
    for number, bad in enumerate(BAD):
        lines += [bad, *[b"%d,%d" % (number, row) for row in range(20)]]
        expected.append((bad, BAD[bad], len(lines) - 20))
    rows, rejected = read_on(b"\n".join([*lines, b""]), cut=cut)
    assert rows == [[number, row] for number in range(len(expected)) for row in range(20)]
    assert [(each.reason, each.line) for each in rejected] == [(reason, line) for _, reason, line in expected]
    for each, (bad, _, line) in zip(rejected, expected):
        assert f"line {line}" in each.message and each.text == bad[:1000].decode(errors="replace")


BAD_JSON = {
    b'{"flow": 1, "flow": 2, "pressure": 1}': "format",
    b'{"flow": 1, "pressure": ': "format",
    b'{"flow": "1", "pressure": 2}': "values",
    b'{"flow": 1_0, "pressure": 2}': "format",
    b'{"flow": "\\ud800", "pressure": 2}': "format",
    b"[1, 2]": "format",
}


@pytest.mark.parametrize("cut", [1, 40, 10_000])
def test_a_carriage_return_within_a_line_does_not_hinder_the_reading_of_those_after_it(cut: int):
    text = b"flow,level\r1,2\r3,4'\n" + b"5,6\n" * 20
    reader = LineReader(ReadingOptions.of(channels=["flow", "level"]), is_strict=False)
    found = list(reader.blocks(text[start : start + cut] for start in range(0, len(text), cut)))
    rows = [row for block in found if not isinstance(block, Rejection) for row in block.values.tolist()]
    assert rows[-20:] == [[5, 6]] * 20
    assert ["4'" in each.text for each in found if isinstance(each, Rejection)].count(True) == 1


def test_bad_lines_of_json_are_rejected_as_score_refuses_them(tmp_path: Path):
    good = b'{"flow": 1.5, "pressure": 2}\n'
    for bad, reason in BAD_JSON.items():
        rows, (rejected,) = read_on(good + bad + b"\n" + good, cut=1)
        assert (rows, rejected.reason, rejected.line) == ([[1.5, 2.0]] * 2, reason, 2)
        (tmp_path / "run.jsonl").write_bytes(good + bad + b"\n" + good)
        with pytest.raises(ValueError):
            as_recordings(tmp_path / "run.jsonl", channels=CHANNELS)


def test_half_a_line_is_no_row_where_it_may_be_one():
    assert read_on(b"flow,pressure\n1,2\n3,45")[0] == [[1, 2], [3, 45]]
    rows, (half,) = read_on(b"flow,pressure\n1,2\n3,45", may_be_cut=True)
    assert (rows, half.reason, half.line, half.text) == ([[1, 2]], "incomplete", 3, "3,45")
    assert "the last line has no line end (standard input, line 3)" in half.message


DAYS = {
    "midnight of the first": ("2024-01-31 22:00", "%d/%m/%Y %H:%M", {}),
    "a day that is its month": ("2024-03-03 22:00", "%d/%m/%Y %H:%M", {}),
    "a day that is its month, month first": ("2024-03-03 22:00", "%m/%d/%Y %H:%M", {}),
    "an ambiguous day, told": ("2024-03-04 22:00", "%d/%m/%Y %H:%M", {"day_first": True}),
    "the end of a year": ("2024-12-31 22:00", "%d.%m.%y %H:%M", {}),
}


@pytest.mark.parametrize("name", DAYS)
def test_the_format_of_the_clock_is_kept_past_midnight(name: str):
    start, form, settings = DAYS[name]
    stamps = pd.date_range(start, periods=5, freq="h")
    lines = [f"{stamp:{form}},{row},2\n".encode() for row, stamp in enumerate(stamps)]
    blocks = [*LineReader(READING.updated(**settings)).blocks([b"time,flow,pressure\n", *lines])]
    np.testing.assert_array_equal(np.concatenate([block.times for block in blocks]), stamps)


def test_stamps_of_an_ambiguous_day_are_refused_with_the_option_that_tells():
    with pytest.raises(ValueError, match="Say which: day_first=True for %d/%m/%Y"):
        read_on(b"time,flow,pressure\n04/03/2024 12:00,1,2\n")


def test_channels_that_the_header_lacks_end_the_reading_at_once():
    with pytest.raises(ValueError, match="missing 'pressure'"):
        read_on(b"flow,other\n1,2\n")


@pytest.mark.parametrize("cut", [1, 30, 10_000])
@pytest.mark.parametrize("name", ["ts", "t", "sample_epoch"])
def test_a_count_that_is_the_time_once_it_rises_is_known_wherever_the_text_is_cut(name: str, cut: int):
    lines = [f"{1_705_104_000_000 + 10_000 * row},{row},2" for row in range(30)]
    _, times = read("\n".join([f"{name},flow,pressure", lines[0], *lines]).encode(), cut=cut)
    assert times is not None and str(times[-1]) == "2024-01-13T00:04:50.000000000"
    objects = "".join(json.dumps({"ts": 5 + row, "flow": row, "pressure": 2}) + "\n" for row in range(5))
    np.testing.assert_array_equal(read(objects.encode(), cut=cut)[1], np.arange(5.0, 10))
    assert read(b"t,flow,pressure\n20,1,2\n", cut=cut)[1] is None  # a temperature, for all that is known


@pytest.mark.parametrize("cut", [1, 1000])
def test_an_object_without_members_hides_no_other(cut: int):
    rows, _ = read_on(b'{}\n{"flow": 1, "pressure": 2}\n{}\n', cut=cut)
    assert [row for row in rows if not np.isnan(row).any()] == [[1.0, 2.0]]


def test_a_very_long_cell_is_told_in_a_short_line():
    with pytest.raises(ValueError, match=r"'flow' holds text: '1\[\[") as caught:
        read(b"flow,pressure\n1,2\n1" + b"[" * 3000 + b",2\n")
    assert len(str(caught.value)) < 500
