"""Files of texts: plain text, CSV, JSON lines, tab-separated; gzipped or not.

A line ends at a line feed and nowhere else: other signs that Python takes for ends of lines (NEL, form feed) occur
inside of sentences.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seqae.data._files.text_files import UTF8_MARK, json_object, unzipped
from seqae.data.signals.names import format_names
from seqae.text.tokenizers import validate_text

MAX_LENGTH = 100_000  # characters in a line; a longer one is a file without line ends rather than a text


def read_texts(path: str | Path, encoding: str = "utf-8", text: str = "text") -> list[str]:
    """Read a text from each line; empty lines are left out.

    Args:
        path: A file of lines, or one of `.csv`, `.jsonl`.
        encoding: The encoding of the file.
        text: The column or member of a `.csv` or `.jsonl` file that holds the text.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
    """
    path = Path(path)
    if _suffix(path) in (".csv", ".jsonl", ".ndjson"):
        return _not_empty([row for (row,) in _columns(path, encoding, [text]) if row.strip()], path)
    return _not_empty([line.strip() for _, line in _lines(path, encoding) if line.strip()], path)


def read_labelled(
    path: str | Path, encoding: str = "utf-8", text: str = "text", label: str = "label"
) -> tuple[list[str], list[str]]:
    """Read texts and their labels.

    Args:
        path: A `.csv` or `.tsv` file whose first line names its columns, or a `.jsonl` file.
        encoding: The encoding of the file.
        text: The column or member that holds the text.
        label: The column or member that holds the label.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
    """
    path = Path(path)
    rows = _not_empty([row for row in _columns(path, encoding, [text, label]) if row[0].strip()], path)
    return [row[0] for row in rows], [row[1].strip() for row in rows]


def read_pairs(
    path: str | Path, encoding: str = "utf-8", source: str = "source", target: str = "target"
) -> list[tuple[str, str]]:
    """Read pairs of texts, for example a question and its answer.

    Args:
        path: A file of lines with a tab between both texts (what follows a second tab is left out), or a `.csv` or
            `.jsonl` file.
        encoding: The encoding of the file.
        source: The column or member of a `.csv` or `.jsonl` file that holds the first text.
        target: The column or member that holds the second one.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
    """
    path = Path(path)
    if _suffix(path) in (".csv", ".jsonl", ".ndjson"):
        rows = _columns(path, encoding, [source, target])
    else:
        rows = (_fields(line, f"{path.name}, line {number}") for number, line in _lines(path, encoding) if line.strip())
    return _not_empty([(left.strip(), right.strip()) for left, right in rows if left.strip() and right.strip()], path)


def train_test_overlap(train: Iterable[object], test: Iterable[object]) -> list[object]:
    """Return the rows of the test set that the training set holds as well, each once."""
    learnt = set(train)
    return [row for row in dict.fromkeys(test) if row in learnt]


def read_characters(path: Path, encoding: str = "utf-8") -> str:
    """Return the content of a text file, unzipped, without its byte order mark.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is empty, holds zero bytes, or is in another encoding; names the line and the byte.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {str(path)!r}. Check the path")
    return decoded(unzipped(path), path.name, encoding)


def decoded(data: bytes, name: str, encoding: str = "utf-8") -> str:
    """Return bytes as text, without a byte order mark.

    Raises:
        ValueError: There are zero bytes, or it is in another encoding; names the line and the byte.
    """
    try:
        characters = data.decode(encoding).removeprefix(UTF8_MARK.decode())
    except LookupError:
        raise ValueError(f"no encoding {encoding!r}. Expected a name such as utf-8, latin-1, utf-16, gb18030") from None
    except UnicodeDecodeError as error:
        at = error.start
        line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
        raise ValueError(
            f"not {encoding}: byte 0x{data[at]:02x} ({name}, line {line}, byte {column} of it). Save the file "
            "again in UTF-8, or say its encoding, for example --encoding latin-1"
        ) from None
    if (zero := characters.find("\0")) >= 0:
        line = characters.count("\n", 0, zero) + 1
        raise ValueError(f"a zero byte ({name}, line {line}). Expected text. Is it damaged, or in UTF-16?")
    return characters


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(read_characters(path, encoding).split("\n"), start=1):
        if len(line) > MAX_LENGTH:
            raise ValueError(
                f"a line of {len(line):,} characters ({path.name}, line {number}). Expected one text a line, at most "
                f"{MAX_LENGTH:,} characters. Put each sentence on a line of its own"
            )
        yield number, line.removesuffix("\r")


def _columns(path: Path, encoding: str, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the values of some columns, row by row."""
    if _suffix(path) in (".jsonl", ".ndjson"):
        yield from _json_columns(path, encoding, names)
        return
    if _suffix(path) not in (".csv", ".tsv"):
        raise ValueError(f"cannot recognise the columns of {path.name!r}. Expected .csv, .tsv or .jsonl. Rename it")
    file = io.StringIO(read_characters(path, encoding), newline="\n")
    is_tsv = _suffix(path) == ".tsv"
    rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if is_tsv else csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        if missing := [name for name in names if name not in header]:
            raise ValueError(f"no column {missing[0]!r} ({path.name}, line 1). It has {format_names(header) or 'none'}")
        if twice := [name for name in names if header.count(name) > 1]:
            raise ValueError(f"{twice[0]!r} occurs twice ({path.name}, line 1). Rename one of both columns")
        positions = [header.index(name) for name in names]
        for row in rows:
            if len(row) not in (0, len(header)):
                raise ValueError(
                    f"{len(row)} values ({path.name}, line {rows.line_num}). Expected {len(header)} as in line 1. "
                    'Put texts that hold a comma in quotes: "so, this"'
                )
            if row:
                yield tuple(row[position] for position in positions)
    except csv.Error as error:
        raise ValueError(f"damaged CSV ({path.name}, line {rows.line_num}: {error}). Close the quotes") from error


def _json_columns(path: Path, encoding: str, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for number, line in _lines(path, encoding):
        if not line.strip():
            continue
        where = f"{path.name}, line {number}"
        members = json_object(line, where)
        if missing := [name for name in names if not isinstance(members.get(name), str | int)]:
            raise ValueError(f"no text under {missing[0]!r} ({where}). It has {format_names(members) or 'no members'}")
        try:
            yield tuple(validate_text(str(members[name])) for name in names)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None


def _fields(line: str, where: str) -> tuple[str, str]:
    fields = line.split("\t")
    if len(fields) < 2:
        raise ValueError(f"no tab ({where}). Expected two texts with a tab between them")
    return fields[0], fields[1]


def _not_empty(rows: list, path: Path) -> list:
    if not rows:
        raise ValueError(f"no texts ({path.name}). Expected one a line. Is it the right file?")
    return rows


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix
