"""A pool holds nothing of what will be judged."""

from seqae.data.text.deduplicate import decontaminate


def test_known_lines_and_empty_ones_are_left_out_in_any_capitals():
    texts = ["one line\n\n A Known line \nanother", "a known LINE", " single "]
    assert decontaminate(texts, ["a known line "]) == [["one line", "another"], ["single"]]


def test_lines_are_cut_at_line_feeds_only():
    assert decontaminate(["one\x85half\ntwo"], []) == [["one\x85half", "two"]]
