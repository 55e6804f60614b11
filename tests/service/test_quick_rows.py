"""Few rows that are read quickly are those that the reader of tables makes of the same lines."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.options import ReadingOptions
from seqae.service.line_reader import LineReader
from seqae.service.quick_rows import QuickRows
from seqae.service.rejections import Rejection

READING = ReadingOptions(
    channels=("flow", "pressure", "valve"), states={"ON": 1, "OFF": 0}, missing=(-999, "Bad Input"), day_first=True
)
HEADER = "time,flow,note,pressure [bar],valve"
FIRST = [["2024-01-13 00:00:00", "1.5", "x", "2", "0"], ["2024-01-13 00:00:01", "3", "y", "0.5", "1"]]
CELLS = [
    *(
        "1",
        "0",
        "-0",
        "-2.5",
        "+1",
        "007",
        ".5",
        "5.",
        "1e3",
        "1.5e-05",
        "1_0",
        "0x1F",
        "1,5",
        "1.234.5",
        "'1'",
        "None",
    ),
    *("0.1234567890123456789", "12345678901234567", "9007199254740993", "1e400", "inf", "NaN", "nAn", "", " ", "-"),
    *("ON", "off", " on", "Bad Input", "-999", "-999.0", "true", "FALSE", "high", "5 bar", "12:30", '"1"', '"2', "#1"),
    *("2024-01-13 00:00:05", "1705104005", "ü", "1 000", "0.30000000000000004", "1.7976931348623157e308", "-0.0"),
    *("\uff11\uff12", "\0", "n/a", "1.5 ", "0.00012345678901234567"),
]
STAMPS = [
    *("2024-01-13 00:00:05", "2024-01-13T00:00:05", "2024-01-13 00:00:05.123456789", "2024-01-13 00:00:07.5", "x"),
    *("2024-01-13T00:00:05Z", "2024-01-13T00:00:05+01:00", "2024-01-13 00:00:05-0530", "2024-02-30 00:00:00", ""),
    *("2024-01-13 24:00:00", "2024-01-13", "00:00:05", "1705104005", "20240113000005", "13/01/2024 00:00", "now"),
    *("1500-01-01 00:00:00", "2024-01-13 00:00:60", "2024-01-13 00:00:05 ", "2024-10-27 02:30:00"),
]
MEMBERS = [
    *(1, 0, -2.5, 1e300, 10**16, 2**53 + 1, True, False, None, "ON", " off ", "-999", -999, "7", "high", "", "n/a"),
    *(float("nan"), float("inf"), [1], {"a": 1}, "\ud800", "ü", 0.1, -0.0, 1705104005, "2024-01-13T00:00:05"),
]


def read(pieces: list[bytes], options: ReadingOptions, is_quick: bool) -> Iterator[object]:
    """Yield what a reader makes of pieces of text: all about rows and rejections that can be told."""
    with pytest.MonkeyPatch.context() as patch:
        if not is_quick:
            patch.setattr(QuickRows, "of", lambda *_: None)
        reader = LineReader(options, is_strict=False)
        try:
            for item in reader.blocks(pieces):
                if isinstance(item, Rejection):
                    yield item
                    continue
                count = len(item.values)  # how rows are put together is of no matter
                times = (
                    [None] * count
                    if item.times is None
                    else [(item.times.dtype.str, time) for time in item.times.tolist()]
                )
                lines = [None] * count if item.lines is None else item.lines.tolist()
                yield from map(repr, item.notes)
                yield from (repr((*row, item.entity)) for row in zip(item.values.tolist(), times, lines, strict=True))
        except ValueError as error:
            yield str(error)


def are_alike(pieces: list[bytes], options: ReadingOptions = READING) -> None:
    assert list(read(pieces, options, is_quick=True)) == list(read(pieces, options, is_quick=False))


def lines_of(rows: list[list[str]], delimiter: str = ",") -> list[bytes]:
    return [f"{delimiter.join(row)}\n".encode() for row in rows]


def test_quick_rows_are_what_a_stream_of_plain_rows_is_read_by(monkeypatch: pytest.MonkeyPatch):
    read_quickly = []
    original = QuickRows.read

    def noted(quick: QuickRows, *arguments: object) -> object:
        read_quickly.append(original(quick, *arguments))
        return read_quickly[-1]

    monkeypatch.setattr(QuickRows, "read", noted)
    stamps = np.datetime64("2024-01-13T00:00:00", "s") + np.arange(5)
    rows = [[str(stamp), repr(number / 7), "x", f"{number}", "1"] for number, stamp in enumerate(stamps)]
    objects = [{"time": str(stamp), "flow": 0.5, "pressure": 1, "valve": None} for stamp in stamps]
    for lines in ([f"{HEADER}\n".encode(), *lines_of(rows)], [json.dumps(each).encode() + b"\n" for each in objects]):
        read_quickly.clear()
        assert len(list(LineReader(READING).blocks(lines))) == 5
        assert sum(bool(blocks) for blocks in read_quickly) >= 3


@pytest.mark.parametrize("place", ["time", "channel"])
def test_each_kind_of_cell_is_read_as_by_the_reader_of_tables(place: str):
    known = lines_of(FIRST)
    column, cells = (0, STAMPS) if place == "time" else (1, CELLS)
    pieces = [f"{HEADER}\n".encode(), *known]
    for cell in cells:
        row = ["2024-01-13 00:00:05", "1", "x", "2", "1"]
        row[column] = cell
        pieces += lines_of([row])
    are_alike(pieces)


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([*STAMPS[:5], *STAMPS]), *[st.sampled_from(["1", "2.25", "ON", *CELLS])] * 4),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
    st.sampled_from([",", ";", "\t"]),
)
def test_rows_of_csv_are_alike_whatever_they_hold(rows: list[tuple[str, ...]], size: int, delimiter: str):
    whole = lines_of([HEADER.split(","), *FIRST, *map(list, rows)], delimiter)
    are_alike([b"".join(whole[:3]), *(b"".join(whole[start : start + size]) for start in range(3, len(whole), size))])


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["time", "flow", "pressure", "valve", "pressure [bar]", "note", "", " flow"]),
            st.sampled_from([1, 2.25, "2024-01-13T00:00:05", *MEMBERS]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
    st.booleans(),
)
def test_rows_of_json_are_alike_whatever_they_hold(rows: list[dict[str, object]], size: int, is_timed: bool):
    first = {"flow": 1.5, "pressure": 2, "valve": 0} | ({"time": "2024-01-13T00:00:00"} if is_timed else {})
    later = [{"time": f"2024-01-13T00:00:0{number + 1}", "flow": 2.0, "valve": 1} for number in range(3)]
    lines = [json.dumps(each).encode() + b"\n" for each in [first, *later[:2], *(first | row for row in rows), *rows]]
    are_alike([lines[0], *(b"".join(lines[start : start + size]) for start in range(1, len(lines), size))])


TEXTS = {
    "decimal comma": (["time;flow;pressure;valve", "2024-01-13 00:00;1,5;2;0"], ["2024-01-13 00:00:01;2,25;3;1"], {}),
    "decimal comma, then a point": (["flow;pressure;valve", "1,5;2;0"], ["1.5;2;0", "1,25;0,5;1", "1;2;3"], {}),
    "whole numbers, then a fraction": (["flow;pressure;valve", "1;2;0"], ["3;4;1", "1,5;2;1", "2.5;3;0"], {}),
    "machines": (["unit,flow,pressure,valve", "P1,1,2,0"], ["P2,1,2,0\nP1,1,2,1", ",1,2,0", "7,1,2,0"], {"by": "unit"}),
    "a machine a file": (["flow,pressure,valve", "1,2,0"], ["3,4,0"], {"by": "file"}),
    "no header": (["2024-01-13 00:00:00,1,2,0"], ["2024-01-13 00:00:01,1,2,1", "2024-01-13 00:00:02,1,ON,1"], {}),
    "no header and no time": (["1,2,0", "3,4,1"], ["1705104000,1,2", "2,3,4"], {}),
    "a header of numbers": (["time,0,1,2", "5,1,2,3"], ["6,1,2,3", "time,0,1,2", "7,1,2,3"], {"channels": list("012")}),
    "milliseconds": (["time,flow,pressure,valve", "1705104000000,1,2,0"], ["1705104001000,1,2,1", "x,1,2,0"], {}),
    "fractions of seconds": (["t,flow,pressure,valve", "0.5,1,2,0"], ["1.25,1,2,1", "1,5,2,0", "inf,1,2,0"], {}),
    "a zone": (
        ["time,flow,pressure,valve", "2024-01-13 00:00:00,1,2,0"],
        ["2024-01-13 00:00:01,1,2,1"],
        {"time_zone": "Europe/Berlin"},
    ),
    "comments": (["flow,pressure,valve", "1,2,0"], ["# off", "1,2,0 # on", "3,4,1"], {"comment": "#"}),
    "Windows, blank lines": (["flow,pressure,valve", "1,2,0\r"], ["1,2,0\r", "\r", "", " ", "1,2,0\r\n\n4,5,0\r"], {}),
    "time goes back": (
        ["time,flow,pressure,valve", "2024-10-27 02:30:00,1,2,0"],
        ["2024-10-27 02:45:00,1,2,1\n2024-10-27 02:00:00,1,2,1", "2024-10-27 02:15:00,1,2,1"],
        {},
    ),
    "words below": (["flow,pressure,valve", "1,2,0"], ["1,2,1\n5,6,1", "total,2,1"], {}),
    "a machine in JSON": (
        ['{"unit": "P1", "flow": 1, "pressure": 2, "valve": 0}'],
        ['{"unit": 7, "flow": 1}\n{"unit": "P1", "flow": 2}', '{"unit": null}', '{"flow": 1}', '{"unit": " "}'],
        {"by": "unit"},
    ),
    "members twice or within others": (
        ['{"flow": 1, "a": {"b": 1}, "pressure": 2, "valve": 0}', '{"flow": 1, "pressure": 2}'],
        ['{"flow": 1, "flow": 2}', '{"flow": {"b": 1}}', '{"flow": 1, "a": {"b": 2}}', '{"flow": 1} {', "[1]", "{}"],
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_each_form_are_alike(name: str):
    first, later, changes = TEXTS[name]
    are_alike(["\n".join([*first, ""]).encode(), *(f"{line}\n".encode() for line in later)], READING.updated(**changes))


def test_more_nameless_channels_than_known_are_refused():
    options = ReadingOptions(channels=("0", "1"))
    with pytest.raises(ValueError, match=r"3 channels without names \(standard input\). Expected 2: '0', '1'"):
        list(LineReader(options).blocks([b"1,2,3\n4,5,6\n"]))
    assert [block.values.tolist() for block in LineReader(options).blocks([b"1,2\n", b"4,5\n"])] == [[[1, 2]], [[4, 5]]]
