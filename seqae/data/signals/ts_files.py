"""Labelled sequences in the `.ts` format of the UCR and UEA archives (https://www.timeseriesclassification.com)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqae._files import read_file, reason
from seqae.data._files.archives import member_of, opened_zip


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
        folder: Searched with all below it for `NAME_TRAIN.ts` and `NAME_TEST.ts`, also inside zip files.
        name: The name of the set, for example "JapaneseVowels".

    Raises:
        FileNotFoundError: There is no such set.
        ValueError: A file is not in the format; names file and line.
    """
    train, test = (_parsed(*_found(Path(folder), f"{name}_{part}.ts")) for part in ("TRAIN", "TEST"))
    return train, test


def read_ts_file(path: str | Path) -> LabelledSequences:
    """Return the sequences in a `.ts` file.

    Raises:
        ValueError: It is not in the format; names file and line.
    """
    try:
        return _parsed(str(path), read_file(path).decode())
    except UnicodeDecodeError as error:
        raise ValueError(f"no text in UTF-8 ({path}: {error}). Expected a .ts file of the archive") from None


def _found(folder: Path, file: str) -> tuple[str, str]:
    """Return the path of a file and its content."""
    for path in sorted(folder.rglob(file)):
        return str(path), read_file(path).decode()
    for path in sorted(folder.rglob("*.zip")):
        with opened_zip(path) as archive:
            for member in archive.namelist():
                if member.rpartition("/")[2] == file:
                    return f"{path}:{member}", member_of(archive, member).decode("utf-8")
    raise FileNotFoundError(
        f"no {file} in {folder} or below. Download the set from https://www.timeseriesclassification.com and give "
        "the folder where you unpacked it"
    )


def _parsed(where: str, text: str) -> LabelledSequences:
    sequences: list[np.ndarray] = []
    labels = []
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not inside or not line:
            inside = inside or line.lower() == "@data"
            continue
        *channels, label = line.split(":")
        try:
            rows = [
                [float(value) if value.strip() != "?" else np.nan for value in part.split(",")] for part in channels
            ]
            sequences.append(np.array(rows, dtype=np.float32).T)
        except ValueError as error:
            raise ValueError(f"{where}, line {number}: {reason(error)}. A case is channel:channel:...:label") from error
        if sequences[-1].ndim != 2 or sequences[-1].shape[1] != sequences[0].shape[1]:
            raise ValueError(
                f"{where}, line {number}: {len(channels)} channels. The first case has others, or lengths differ"
            )
        labels.append(label.strip())
    if not sequences:
        raise ValueError(f"{where} has no cases after a line '@data'. Give a .ts file of the archive")
    return LabelledSequences(sequences, np.array(labels))
