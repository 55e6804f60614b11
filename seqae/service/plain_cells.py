"""Cells of rows that are plainly numbers, or words that stand for some; of all others the reader of tables judges."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from math import isfinite, isnan

import numpy as np
import pandas as pd

from seqae.data.arrays import MAX_WHOLE
from seqae.data.signals.cells import NUMBER, CellReader, plain_word
from seqae.data.signals.csv_cells import MISSING

_MISSING = frozenset(MISSING)
_WHOLE = r"-?[1-9][0-9]{0,14}|0"
_SHORT = r"-?(?=[0-9.,]{{3,16}}(?![0-9.,]))(?:0|[1-9][0-9]*){0}[0-9]+"  # float64 holds them: all parsers agree
_LONG = r"-?(?=[0-9.,]{{3,25}}(?![0-9.,]))(?:0|[1-9][0-9]*){0}[0-9]+(?:e[+-]?[0-9]{{1,2}})?"
_BETWEEN = "\x1f"  # stands between cells that are looked at together
_WORD = re.compile(r"[A-Za-z](?:[A-Za-z0-9_ .-]*[A-Za-z0-9_])?")
_READ_AS_OTHERS = frozenset({"true", "false", "nan", "inf", "infinity"})  # by the reader of CSV


class Unsure(Exception):  # noqa: N818 (nothing is wrong)
    """A row may mean what it seems to, and the reader of tables has to say."""


class PlainCells:
    """Reads plain cells by the rules of the reader of tables.

    Args:
        reader: What words and marks stand for.
        kinds: How the values of each channel are written, as far as that is known.
        decimal: The decimal sign of CSV; None while no number had one.
    """

    def __init__(self, reader: CellReader, kinds: Sequence[str], decimal: str | None = None):
        self.reader = reader
        self.are_numbers = [kind == "numbers" for kind in kinds]
        self.decimal = decimal
        self._marks = frozenset(reader.marks.tolist())
        fraction = (_LONG if _agree_on_long() else _SHORT).format(re.escape(decimal or "."))
        number = f"(?:{_WHOLE})" if decimal is None else f"(?:{_WHOLE}|{fraction})"
        self._number = re.compile(number).fullmatch
        self._all_numbers = re.compile(f"{number}(?:{_BETWEEN}{number})*").fullmatch
        self._is_usual = all(self.are_numbers) and not self._marks  # so that plain numbers need no second look

    def of_json(self, values: list[object], is_alone: bool) -> list[float]:
        """Return the numbers that members of an object stand for, one a channel.

        Args:
            values: The member of each channel; None where there is none.
            is_alone: Whether the row is the only one, so that its values alone make up the columns.

        Raises:
            Unsure: One of them is not plain.
        """
        if self._is_usual and set(map(type, values)) == {float} and isfinite(sum(values)):  # type: ignore[arg-type]
            return values  # type: ignore[return-value]
        return [self._of_json(value, is_number, is_alone) for value, is_number in zip(values, self.are_numbers)]

    def of_csv(self, cells: Sequence[str], is_alone: bool) -> list[float]:
        """Return the numbers that cells of CSV stand for, one a channel.

        Args:
            cells: The cell of each channel.
            is_alone: Whether the row is the only one.

        Raises:
            Unsure: One of them is not plain.
        """
        if self._is_usual and self.decimal != "," and self._all_numbers(_BETWEEN.join(cells)):
            return list(map(float, cells))
        return [
            self._unmarked(float(cell if self.decimal != "," else cell.replace(",", ".")))
            if is_number and self._number(cell)
            else self._of_text(cell, is_alone)
            for cell, is_number in zip(cells, self.are_numbers)
        ]

    def _of_json(self, value: object, is_number: bool, is_alone: bool) -> float:
        if value is None:
            return np.nan
        if isinstance(value, str):
            if not is_alone or NUMBER.fullmatch(value.strip()):
                raise Unsure
            return self._of_word(value)
        if isinstance(value, float) and (isnan(value) or (is_number and isfinite(value))):
            return self._unmarked(value)
        if is_number and (type(value) is int or (is_alone and type(value) is bool)) and abs(value) <= MAX_WHOLE:
            return self._unmarked(float(value))
        raise Unsure

    def _of_text(self, cell: str, is_alone: bool) -> float:
        """Return what a cell of CSV stands for that is no number."""
        if cell in _MISSING:
            return np.nan
        if not is_alone or cell.casefold() in _READ_AS_OTHERS or not _WORD.fullmatch(cell):
            raise Unsure
        return self._of_word(cell)

    def _of_word(self, text: str) -> float:
        """Return the number that a word stands for, NaN if it marks a missing value."""
        word = plain_word(text)
        if word == "" or word in self.reader.missing:
            return np.nan
        if (state := self.reader.states.get(word)) is None:
            raise Unsure
        return self._unmarked(state)

    def _unmarked(self, value: float) -> float:
        return np.nan if value in self._marks else value


def machine_of(value: object, is_csv: bool) -> str:
    """Return the machine that a cell or member names, which is plainly a name.

    Raises:
        Unsure: It may be something else.
    """
    if type(value) is int and not is_csv:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise Unsure
    if is_csv and (value in _MISSING or value.casefold() in _READ_AS_OTHERS or not _WORD.fullmatch(value)):
        raise Unsure
    return value.strip()


@cache
def _agree_on_long() -> bool:
    """Whether pandas rounds numbers of more digits than float64 holds as Python does, which not all versions do."""
    numbers = np.random.default_rng(0).standard_normal(1000) * np.logspace(-30, 30, 1000)
    text = "\n".join(map(repr, numbers.tolist()))
    return bool((pd.read_csv(io.StringIO(text), header=None)[0].to_numpy() == numbers).all())
