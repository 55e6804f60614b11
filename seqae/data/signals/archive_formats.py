"""Files of the UCR and UEA archives in the formats of Weka (.arff) and of plain columns (.tsv, .txt)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import numpy as np

ENDINGS = (".arff", ".tsv", ".txt")
Case = tuple[int, list[list[float]], str]  # the number of its line, the values of each channel, the label


def arff_cases(text: str) -> Iterator[Case]:
    """Yield the cases of a .arff file: values and a class, or a quoted text with a line for each channel and a class.

    Raises:
        ValueError: A line is none of both; names it.
    """
    is_inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip()
        if not is_inside or not line or line.startswith("%"):
            is_inside = is_inside or line.lower() == "@data"
            continue
        quote = line[0] if line[0] in "\"'" else "'"
        values = next(csv.reader([line], quotechar=quote, skipinitialspace=True))
        *series, label = values
        rows = re.split(r"\\n|;", series[0]) if line[0] == quote and len(series) == 1 else [",".join(series)]
        yield number, [_numbers(row.split(","), number) for row in rows], label.strip()


def column_cases(text: str) -> Iterator[Case]:
    """Yield the cases of a .tsv or .txt file: a class, and the values of the only channel.

    Raises:
        ValueError: A value is no number; names the line.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            label, *values = re.split(r"[\s,]+", line.strip())
            yield number, [_without_end(_numbers(values, number))], _class(label)


def _numbers(cells: list[str], line: int) -> list[float]:
    try:
        return [np.nan if cell.strip() in ("?", "") else float(cell) for cell in cells]
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None


def _without_end(values: list[float]) -> list[float]:
    """Return values without those that fill up a sequence that is shorter than others; at least one."""
    while len(values) > 1 and np.isnan(values[-1]):
        values = values[:-1]
    return values


def _class(text: str) -> str:
    """Return the name of a class as the .ts files write it: 1.0000000e+00 is 1."""
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number.is_integer() else text
