import gzip
import json

import pytest

from seqae.data.text.files import MAX_LENGTH, read_labelled, read_pairs, read_texts, train_test_overlap


@pytest.fixture
def write(tmp_path):
    def write(name: str, content: str | bytes):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_each_line_is_a_text_and_empty_ones_are_left_out(write):
    assert read_texts(write("a.txt", "\ufeffone\r\n\n  \ntwo words \nthree")) == ["one", "two words", "three"]


def test_only_line_feeds_end_lines(write):
    assert read_texts(write("a.txt", "one\x85still one\u2028and\x0cmore\ntwo")) == [
        "one\x85still one\u2028and\x0cmore",
        "two",
    ]


def test_gzipped_files_are_read(write):
    assert read_texts(write("a.txt.gz", gzip.compress(b"one\ntwo"))) == ["one", "two"]


def test_labelled_texts_of_all_kinds_of_files_are_the_same(write):
    rows = [('so, this is "it"', "good"), ("über", "bad")]
    files = [
        write("a.csv", 'label,text\ngood,"so, this is ""it"""\nbad,über\n'),
        write("a.tsv", 'text\tlabel\nso, this is "it"\tgood\nüber\tbad\n'),
        write("a.jsonl", "\n".join(json.dumps({"text": text, "label": label, "more": 1}) for text, label in rows)),
    ]
    for path in files:
        assert read_labelled(path) == ([text for text, _ in rows], [label for _, label in rows]), path.name


def test_columns_go_by_their_names(write):
    path = write("a.csv", "review,stars\nfine,5\n")
    assert read_labelled(path, text="review", label="stars") == (["fine"], ["5"])
    assert read_texts(path, text="review") == ["fine"]
    with pytest.raises(ValueError, match=r"no column 'text' \(a.csv, line 1\). It has 'review', 'stars'"):
        read_labelled(path)


def test_pairs_have_a_tab_between_them(write):
    assert read_pairs(write("a.tsv", "Hi.\tHallo.\tCC-BY\nBye.\tTschüss.\n")) == [
        ("Hi.", "Hallo."),
        ("Bye.", "Tschüss."),
    ]
    assert read_pairs(write("a.jsonl", '{"source": "Hi.", "target": "Hallo."}')) == [("Hi.", "Hallo.")]
    with pytest.raises(ValueError, match=r"no tab \(b.tsv, line 2\)"):
        read_pairs(write("b.tsv", "Hi.\tHallo.\nBye."))


def test_another_encoding_is_named_with_its_place_and_can_be_given(write):
    path = write("a.txt", "one\ncafé".encode("latin-1"))
    with pytest.raises(ValueError, match=r"not utf-8: byte 0xe9 \(a.txt, line 2, byte 4 of it\).*--encoding latin-1"):
        read_texts(path)
    assert read_texts(path, encoding="latin-1") == ["one", "café"]
    assert read_texts(write("b.txt", "one\ntwo".encode("utf-16")), encoding="utf-16") == ["one", "two"]
    with pytest.raises(ValueError, match="no encoding 'utf-9'"):
        read_texts(path, encoding="utf-9")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", r"no texts \(a.txt\)"),
        ("a.txt", " \n\n", r"no texts \(a.txt\)"),
        ("a.txt", "one\ntw\0o", r"a zero byte \(a.txt, line 2\)"),
        ("a.txt", "one\n" + "x" * (MAX_LENGTH + 1), r"a line of 100,001 characters \(a.txt, line 2\)"),
        ("a.txt.gz", b"\x1f\x8bnothing", "damaged gzip file"),
        ("a.csv", 'text,label\n"one,1\n', r"damaged CSV \(a.csv, line 2"),
        ("a.csv", "text,label\none,1\ntwo, three,1\n", r"3 values \(a.csv, line 3\). Expected 2"),
        ("a.jsonl", '{"text": "one", "label": 1}\n{"text"', r"not JSON \(a.jsonl, line 2"),
        ("a.csv", "text,label,text\none,1,two\n", r"'text' occurs twice \(a.csv, line 1\)"),
        ("a.jsonl", '{"text": "one", "label": 1, "text": "two"}', r"not JSON \(a.jsonl, line 1: 'text' occurs twice"),
        ("a.jsonl", '{"text": "o\\ud800ne", "label": 1}', r"a.jsonl, line 1: half a character"),
        ("a.jsonl", "[" * MAX_LENGTH, r"not JSON \(a.jsonl, line 1: values in values"),
        ("a.jsonl", "[1]", r"not an object but a list \(a.jsonl, line 1\)"),
        ("a.jsonl", '{"text": null, "label": 1}', r"no text under 'text' \(a.jsonl, line 1\)"),
        ("a.txt", "one", "cannot recognise the columns of 'a.txt'"),
    ],
)
def test_bad_files_are_named_with_line_and_reason(write, name, content, message):
    path = write(name, content)
    read = read_labelled if "columns" in message or path.suffix in (".csv", ".jsonl") else read_texts
    with pytest.raises(ValueError, match=message):
        read(path)


def test_no_file_is_no_traceback_of_open(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file '.*nowhere.txt'. Check the path"):
        read_texts(tmp_path / "nowhere.txt")


def test_rows_that_stand_in_both_parts_are_found_once():
    assert train_test_overlap(["a", "b", "c"], ["c", "d", "c", "a"]) == ["c", "a"]
    assert train_test_overlap([("a", "1")], [("a", "2")]) == []
