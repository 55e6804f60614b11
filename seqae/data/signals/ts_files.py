"""Labelled sequences in the formats of the UCR and UEA archives (https://www.timeseriesclassification.com)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqae._files import read_file, reason
from seqae.data._files.archives import member_of, opened_zip
from seqae.data.signals.archive_formats import ENDINGS, Case, arff_cases, column_cases


@dataclass(frozen=True, eq=False)
class LabelledSequences:
    """Sequences with a class each.

    Attributes:
        sequences: `(time, channel)` float32 each, of any lengths; NaN where a value is missing.
        labels: `(sequence,)`, the name of the class of each.
    """

    sequences: list[np.ndarray]
    labels: np.ndarray


def read_ts(folder: str | Path, name: str) -> tuple[LabelledSequences, LabelledSequences]:
    """Return the training and the test part of a set.

    Args:
        folder: Searched with all below it for `NAME_TRAIN.ts` and `NAME_TEST.ts`, also inside zip files; then for
            files in the other formats of the archives, `.arff`, `.tsv` and `.txt`.
        name: The name of the set, for example "JapaneseVowels".

    Raises:
        FileNotFoundError: There is no such set.
        ValueError: A file is not in the format; names file and line.
    """
    train, test = (_parsed(*_found(Path(folder), f"{name}_{part}")) for part in ("TRAIN", "TEST"))
    return train, test


def read_ts_file(path: str | Path) -> LabelledSequences:
    """Return the sequences in a `.ts` or `.arff` file, or in a `.tsv` or `.txt` file of the archive.

    Raises:
        ValueError: It is not in the format; names file and line.
    """
    try:
        return _parsed(str(path), read_file(path).decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"no text in UTF-8 ({path}: {error}). Expected a .ts file of the archive") from None


def _found(folder: Path, stem: str) -> tuple[str, str]:
    """Return the path of a file and its content."""
    for file in (f"{stem}{ending}" for ending in (".ts", *ENDINGS)):
        for path in sorted(folder.rglob(file)):
            return str(path), read_file(path).decode()
        for path in sorted(folder.rglob("*.zip")):
            with opened_zip(path) as archive:
                for member in archive.namelist():
                    if member.rpartition("/")[2] == file:
                        return f"{path}:{member}", member_of(archive, member).decode("utf-8")
    others = sorted({path.name for path in folder.rglob(f"{stem}*")})
    raise FileNotFoundError(
        f"no {stem}.ts, nor one that ends in {', '.join(ENDINGS)}, in {folder} or below"
        f"{f', but {others[0]}, whose format is not known by its name' if others else ''}. "
        "Download the set from https://www.timeseriesclassification.com and give the folder where you unpacked it"
    )


def _parsed(where: str, text: str) -> LabelledSequences:
    ending = Path(where).suffix.lower()
    cases = {".arff": arff_cases, ".tsv": column_cases, ".txt": column_cases}.get(ending, _ts_cases)(text)
    sequences: list[np.ndarray] = []
    labels = []
    try:
        for line, channels, label in cases:
            if len({*map(len, channels)}) != 1 or (sequences and len(channels) != sequences[0].shape[1]):
                raise ValueError(
                    f"line {line}: {len(channels)} channels of {sorted({*map(len, channels)})} values. Expected equal "
                    "lengths, and as many channels as in the first case"
                )
            sequences.append(np.array(channels, dtype=np.float32).T)
            labels.append(label)
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{where}, {reason(error)}") from error
    if not sequences:
        raise ValueError(f"{where} has no cases. Give a file of the archive; after a line '@data' it has one a line")
    return LabelledSequences(sequences, np.array(labels))


def _ts_cases(text: str) -> Iterator[Case]:
    """Yield the cases of a .ts file."""
    is_inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not is_inside or not line:
            is_inside = is_inside or line.lower() == "@data"
            continue
        *channels, label = line.split(":")
        try:
            rows = [
                [np.nan if value.strip() == "?" else float(value) for value in each.split(",")] for each in channels
            ]
        except ValueError as error:
            raise ValueError(f"line {number}: {error}. A case is channel:channel:...:label") from None
        yield number, rows, label.strip()
