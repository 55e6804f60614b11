"""Parses the columns of a CSV text: numbers where a column holds numbers only.

pandas parses the numbers. What it leaves as text for one blank, sign or unit too many is looked at here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from seqae._warnings import warnings_here
from seqae.data.signals.csv_body import CsvBody
from seqae.data.signals.csv_cells import GROUPING, MISSING, NUMBER, WITH_POINT
from seqae.data.signals.names import quoted
from seqae.data.signals.units import UNITS_OF_TIME, is_unit

_SAMPLE = 100  # texts by which a column is known to hold no numbers
_THOUSANDS = r"[+-]?[1-9]\d{{0,2}}(?:[{0}]\d{{3}})+(?:{1}\d*)?"  # the signs between thousands, and the decimal sign
_WITH_UNIT = re.compile(rf"\s*({NUMBER.format('[.,]')})\s*([^\d\s.,+-][^\d]*)")


@dataclass(frozen=True)
class NumberSigns:
    """The signs in numbers.

    Attributes:
        decimal: The decimal sign; None while no number had one.
        is_told: Whether the user gave the decimal sign: other signs then separate thousands.
    """

    decimal: str | None
    is_told: bool = False

    def numbers(self, text: pd.Series) -> pd.Series:
        """Return the numbers in texts, NaN where a text is none."""
        if self.is_told:
            grouping = GROUPING + ("." if self.decimal == "," else ",")
            grouped = text.str.fullmatch(_THOUSANDS.format(grouping, re.escape(self.decimal or "."))).fillna(False)
            text = text.mask(grouped.astype(bool), text.str.replace(rf"[{grouping}]", "", regex=True))
        if self.decimal == ",":
            text = text.where(~text.str.contains(".", regex=False, na=False)).str.replace(",", ".")
        return pd.to_numeric(text, errors="coerce")


def parsed(body: CsvBody, signs: NumberSigns) -> pd.DataFrame:
    """Return the columns, as numbers where a column holds numbers only.

    Raises:
        ValueError: A row has another number of fields, or there are quotes within a field.
    """
    rows = body.rows
    try:
        with (
            warnings_here("error", pd.errors.ParserWarning),
            warnings_here("ignore", pd.errors.DtypeWarning),  # numbers and text in one column: refused later
        ):
            frame = pd.read_csv(
                rows.opened(),
                sep=body.delimiter,
                decimal=signs.decimal or ".",
                header=None,
                names=range(body.width),
                index_col=False,
                skipinitialspace=True,
                na_values=MISSING,
                keep_default_na=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        if len(odd := rows.odd(body.delimiter, body.width)):  # one row has a field too many, another one too few
            body.refuse_odd(odd)
        raise ValueError(f"quotation marks within a field ({rows.name}). Quote whole fields, or none") from error
    if len(frame) != len(rows):
        raise ValueError(f"{len(frame)} rows read instead of {len(rows)} ({rows.name}). Quote whole fields, or none")
    return frame


def with_numbers(column: pd.Series, signs: NumberSigns, has_units: bool) -> tuple[pd.Series, str]:
    """Return a column with numbers where they can be read, and their unit or "".

    Args:
        column: The cells.
        signs: The signs in numbers.
        has_units: Whether the same unit may stand behind all of them.
    """
    if pd.api.types.infer_dtype(column, skipna=True) not in ("string", "mixed", "mixed-integer"):
        return column, ""
    text = column.astype(str).str.strip()
    text = text.where(column.notna() & ~text.isin(MISSING))
    bare, unit = _without_unit(text) if has_units else (text, "")
    if signs.numbers(bare.dropna().head(_SAMPLE)).isna().all():  # text from the first row on
        return text, ""
    numbers = signs.numbers(bare)
    unread = numbers.isna() & text.notna()
    if unread.any():
        return numbers.astype(object).mask(unread, text), ""
    return numbers, unit


def refuse_other_signs(values: pd.Series, cells: pd.Series, name: str, body: CsvBody, signs: NumberSigns) -> None:
    """Refuse texts that are numbers with another decimal sign, or with signs between thousands.

    Args:
        values: What was read in a column.
        cells: The cells of the column.
        name: Its name.
        body: The rows it is from.
        signs: The signs by which numbers were read.

    Raises:
        ValueError: There is such a text; names the line.
    """
    if pd.api.types.is_numeric_dtype(values):
        return
    others = _other_decimals(cells, signs) if body.is_first else []
    if others:
        row = int(values.map(lambda value: isinstance(value, str)).to_numpy().argmax())
        raise ValueError(
            f"column {quoted(name)} holds {quoted(cells[row])} ({body.rows.locate(row)}): other signs than in other "
            f"numbers, "
            f"between thousands or for decimals. Tell the decimal sign: {' or '.join(others)}"
        )
    if signs.decimal != ",":
        return
    texts = values[values.map(lambda value: isinstance(value, str))].astype(str)
    with_points = texts[texts.str.contains(".", regex=False) & texts.str.fullmatch(WITH_POINT)]
    for row, text in with_points.head(1).items():
        raise ValueError(
            f"column {quoted(name)} holds text: {quoted(text)} ({body.rows.locate(row)}), while decimals of other "
            f"numbers follow a "
            f"comma. Write all numbers in one way, or leave the column out: ignore=[{quoted(name)}]"
        )


def _other_decimals(cells: pd.Series, signs: NumberSigns) -> list[str]:
    """Return the options by which all cells of a column would be numbers; with two of them these would differ."""
    if signs.is_told:
        return []
    found: list[str] = []
    for decimal in (",", "."):
        told = NumberSigns(decimal, is_told=True)
        for part in (cells.dropna().head(_SAMPLE), cells):
            texts = part[~part.isin(MISSING)].dropna().astype(str).str.strip()
            if len(texts) == 0 or told.numbers(texts).isna().any():
                break
        else:
            found.append(f"decimal={decimal!r}")
    return found if len(found) < 2 else [f"{found[0]} for fractions", f"{found[1]} for thousands"]


def without_unit(cell: str) -> str:
    """Return a cell without the unit that stands behind its number, if there is one."""
    found = _WITH_UNIT.fullmatch(cell)
    return found[1] if found and is_unit(found[found.lastindex or 0].strip()) else cell


def _without_unit(text: pd.Series) -> tuple[pd.Series, str]:
    """Return texts without the unit that all of them end with, and that unit."""
    filled = text.dropna()
    found = _WITH_UNIT.fullmatch(filled.iloc[0]) if len(filled) else None
    unit = found[found.lastindex or 0].strip() if found else ""
    if (
        not is_unit(unit) or unit.lower() in UNITS_OF_TIME or not filled.str.endswith(unit).all()
    ):  # "20h" is a time of day
        return text, ""
    return text.str.removesuffix(unit).str.strip(), unit
