"""The cells of a column: numbers, words that stand for numbers, and marks of missing values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from seqae.data.arrays import are_real
from seqae.data.signals.options import ReadingOptions

# Zeros in front make a code of digits, and signs between thousands may be decimal commas: both stay text.
NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True, eq=False)
class Cells:
    """What the cells of a column are.

    Attributes:
        values: `(row,)` float64, NaN where a value is missing or unread.
        unread: `(row,)` bool, True where a cell holds no number, and no word that stands for one.
        words: The different texts among the unread cells and those that states stand for, in the order of the rows.
        has_numbers: Whether some cells are numbers by themselves.
        has_others: Whether some cells are neither numbers nor texts.
    """

    values: np.ndarray
    unread: np.ndarray
    words: tuple[str, ...] = ()
    has_numbers: bool = True
    has_others: bool = False


@dataclass(frozen=True, eq=False)
class CellReader:
    """What cells mean by the options: words are compared without case and blanks around them.

    Attributes:
        missing: The words that mark missing values.
        marks: `(mark,)` float64, the numbers that do.
        states: The number that each other word stands for.
    """

    missing: frozenset[str]
    marks: np.ndarray
    states: Mapping[str, float]

    @classmethod
    def of(cls, options: ReadingOptions) -> CellReader:
        """Return what the options say; a mark that reads as a number is one, also as a text."""
        words = [plain_word(str(mark)) for mark in options.missing]
        numbers = [float(word) for word in words if _is_float(word)]
        states = {plain_word(word): float(number) for word, number in options.states.items()}
        return cls(frozenset(words), np.array(numbers, dtype=np.float64), states)

    def cells(self, column: pd.Series) -> Cells:
        """Return the cells of a column of any type.

        Texts that are plain numbers are read as such where all cells of the column are text: among numbers they were
        written in another way than these, such as with another decimal sign.
        """
        if types.is_numeric_dtype(column) and not types.is_complex_dtype(column):
            values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            is_single = str(column.dtype) in ("float32", "Float32", "float[pyarrow]")
            return Cells(self.without_marks(values, is_single), np.zeros(len(values), dtype=bool))
        items = column.astype(object).where(column.notna(), None).to_numpy()
        if isinstance(column.dtype, pd.CategoricalDtype) and types.is_numeric_dtype(column.cat.categories.dtype):
            return Cells(np.full(len(items), np.nan), column.notna().to_numpy(), has_others=True)  # kinds, no amounts
        return self._of_objects(items)

    def without_marks(self, values: np.ndarray, is_single: bool = False) -> np.ndarray:
        """Return values of any shape with NaN for numbers that mark missing ones; the same array if there are none.

        Args:
            values: Numbers.
            is_single: Whether they were written with single precision, in which marks are rounded.
        """
        if len(self.marks) == 0:
            return values
        marks = self.marks.astype(np.float32) if is_single or values.dtype == np.float32 else self.marks
        found = np.isin(values, marks.astype(values.dtype))
        return np.where(found, values.dtype.type(np.nan), values) if found.any() else values

    def _of_objects(self, items: np.ndarray) -> Cells:
        """Return the cells of an array of objects, `(row,)`, None where a value is missing."""
        is_text = np.frompyfunc(lambda item: isinstance(item, str), 1, 1)(items).astype(bool)
        values, unread = np.full(len(items), np.nan), np.zeros(len(items), dtype=bool)
        others = items[~is_text]
        real = are_real(others)
        unread[~is_text] = ~real
        numbers = np.full(len(others), np.nan)
        numbers[real] = others[real].astype(np.float64)
        values[~is_text] = numbers
        has_numbers = bool((~np.isnan(numbers)).any())
        codes, texts = pd.factorize(items[is_text])
        meanings = [self._number(text, is_number_read=not has_numbers) for text in texts]
        known = np.array([meaning is not None for meaning in meanings], dtype=bool)
        values[is_text] = np.array([np.nan if each is None else each for each in meanings], dtype=np.float64)[codes]
        unread[is_text] = ~known[codes]
        words = [text for text in texts if not self._is_missing(text) and not (NUMBER.fullmatch(text.strip()))]
        plain = any(NUMBER.fullmatch(text.strip()) for text in texts)
        has_others = not bool(real.all())
        return Cells(self.without_marks(values), unread, tuple(words), has_numbers or plain, has_others)

    def _number(self, text: str, is_number_read: bool) -> float | None:
        """Return the number that a text stands for, NaN for a missing one; None if there is none."""
        if self._is_missing(text):
            return np.nan
        if (state := self.states.get(plain_word(text))) is not None:
            return state
        return float(text) if is_number_read and NUMBER.fullmatch(text.strip()) else None

    def _is_missing(self, text: str) -> bool:
        word = plain_word(text)
        return word == "" or word in self.missing


def whole_numbers(column: pd.Series) -> np.ndarray:
    """Return the whole numbers of a column, `(row,)`, 0 where there is none; objects as they are; else nothing."""
    if types.is_integer_dtype(column):
        return column.to_numpy(dtype=np.uint64 if types.is_unsigned_integer_dtype(column) else np.int64, na_value=0)
    return column.to_numpy() if column.dtype == np.dtype(object) else np.zeros(0)


def plain_word(text: str) -> str:
    """Return a word as it is compared: without case and blanks around it."""
    return text.strip().casefold()


def _is_float(text: str) -> bool:
    try:
        return not np.isnan(float(text))
    except ValueError:
        return False
