"""Whole rows are found wherever the text is cut, and what has no end takes no memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seqae.service.rejections import MAX_TEXT
from seqae.service.row_splitter import MAX_QUOTED_LINES, MAX_ROW, RowSplitter, SpoiltText


def fed(text: bytes, size: int) -> list[bytes | SpoiltText]:
    splitter = RowSplitter()
    found = [each for start in range(0, len(text), size) for each in splitter.feed(text[start : start + size])]
    return [*found, splitter.end()]


def rows_in(found: list[bytes | SpoiltText]) -> list[bytes]:
    """The text between spoilt parts, and these."""
    joined: list[bytes] = [b""]
    for each in found:
        if isinstance(each, SpoiltText):
            joined += [b"!" + each.beginning, b""]
        else:
            joined[-1] += each
    return joined


@given(st.lists(st.sampled_from([b"1,2\n", b'"a\nb",3\n', b'1,"x\n', b"\n", b"5"]), max_size=60), st.integers(1, 20))
def test_rows_are_the_same_wherever_the_text_is_cut(lines: list[bytes], size: int):
    text = b"a,b\n" + b"".join(lines)
    if text.count(b'"') % 2 == 0:
        assert rows_in(fed(text, size)) == rows_in(fed(text, len(text)))
    found = fed(text, size)
    assert all(each.endswith(b"\n") for each in found[:-1] if isinstance(each, bytes))
    assert b"".join(each for each in found if isinstance(each, bytes)) == text or any(
        isinstance(each, SpoiltText) for each in found
    )


def test_a_line_without_an_end_is_dropped_but_for_its_beginning():
    splitter = RowSplitter()
    for _ in range(3 * MAX_ROW // 2**16):
        assert splitter.feed(b"7" * 2**16) == []
        assert sum(map(len, splitter._pieces)) <= MAX_ROW + 2**16
    spoilt, rows = splitter.feed(b"7\n1,2\n3")
    assert isinstance(spoilt, SpoiltText) and spoilt.beginning == b"7" * MAX_TEXT and spoilt.lines == 1
    assert (rows, splitter.end()) == (b"1,2\n", b"3")


def test_a_quotation_mark_that_is_never_closed_costs_its_own_line_alone():
    lines = [b"%d,2\n" % row for row in range(MAX_QUOTED_LINES + 5)]
    found = fed(b'a,b\n1,"2\n' + b"".join(lines), 4)
    assert rows_in(found) == [b"a,b\n", b'!1,"2\n', b"".join(lines)]


def test_an_open_quotation_mark_holds_back_no_more_than_the_longest_row():
    splitter = RowSplitter()
    first, second = b'1,"' + b"x" * (MAX_ROW // 2) + b"\n", b"y" * (MAX_ROW // 2) + b"\n"
    assert splitter.feed(b"a,b\n" + first) == [b"a,b\n"]
    spoilt, row = splitter.feed(second)
    assert isinstance(spoilt, SpoiltText) and (spoilt.beginning, spoilt.lines) == (first[:MAX_TEXT], 1)
    assert (row, splitter.end()) == (second, b"")


def test_pieces_of_a_line_are_looked_at_once():
    class Piece(bytes):
        searched = 0

        def find(self, *args: object) -> int:
            Piece.searched += len(self)
            return super().find(*args)

    splitter = RowSplitter()
    for _ in range(10_000):
        splitter.feed(Piece(b"12345"))
    assert Piece.searched == 50_000
