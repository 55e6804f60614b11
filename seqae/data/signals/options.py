"""How tables are read: one vocabulary for Python, the shell and TOML files."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypedDict, TypeVar

Fill = Literal["hold", "interpolate", "none"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class ReadingOptions:
    """How a table is read, where it does not show by itself.

    Attributes:
        time_column: The column of times; several that make up the time together, such as year, month, day and hour, or
            the day and the time of day.
        time_format: How the times are written, as in `datetime.strptime`: "%d-%b-%y %H:%M:%S".
        time_unit: What times that are numbers count: s, ms, us, ns, min, h, d.
        time_epoch: From when they count: unix, excel, matlab, labview, filetime, or a date; "none" for no calendar.
        time_zone: Where times without a zone were taken, such as Europe/Berlin; they are turned into UTC.
        day_first: Whether 03/04 is the third of April.
        ignore: Columns to leave out, such as labels.
        channels: The columns to take, in this order; all others are left out, with a warning.
        by: The columns that tell the machines apart, each of which is a recording of its own; "file" if each file is
            one machine.
        entity: The machine that all rows are of, where no column tells.
        tag_column: The column that names the channel of each row, if a table has one row for each value.
        value_column: The column of values of such a table.
        transposed: Whether each row is a channel, and each column a moment.
        missing: Numbers and words that mark missing values, such as -999 or "Bad Input".
        states: The number for each word of a column of states, such as 1 for ON and 0 for OFF.
        skip_lines: Lines above the table.
        comment: The sign that comments begin with.
        separator: The sign between the fields of a line; "blank" for any number of blanks.
        decimal: The decimal sign.
        sheet: The sheet of a workbook, or the name of the variable or group in a file that holds several.
        sort: Whether to sort the rows by time.
        resample: The time from row to row to change to, such as "10s", or "none" to keep irregular rows as they are.
        fill: What stands between two readings after resampling: "hold" the last one, "interpolate", or "none".
        horizon: How long after a reading it may stand, such as "5min"; after that the value is missing.
    """

    time_column: str | tuple[str, ...] | None = None
    time_format: str | None = None
    time_unit: str | None = None
    time_epoch: str | None = None
    time_zone: str | None = None
    day_first: bool | None = None
    ignore: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    by: tuple[str, ...] = ()
    entity: str = ""
    tag_column: str | None = None
    value_column: str | None = None
    transposed: bool = False
    missing: tuple[float | str, ...] = ()
    states: Mapping[str, float] = field(default_factory=dict)
    skip_lines: int = 0
    comment: str | None = None
    separator: str | None = None
    decimal: str | None = None
    sheet: str | None = None
    sort: bool = False
    resample: str | None = None
    fill: Fill | None = None
    horizon: str | None = None

    @classmethod
    def of(cls, **keywords: Any) -> ReadingOptions:
        """Return options from keywords; a name or mark alone stands for a tuple of one.

        Raises:
            TypeError: There is no such option; names the nearest.
        """
        known = {each.name for each in fields(cls)}
        for name in keywords:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(sorted(known))}"
                raise TypeError(f"no reading option {name!r}. {hint}")
        return cls(**{name: _normal(name, value) for name, value in keywords.items()})

    def updated(self, **keywords: Any) -> ReadingOptions:
        """Return these options with others in place of some, as for `of`."""
        changed = ReadingOptions.of(**keywords)
        return replace(self, **{name: getattr(changed, name) for name in keywords})

    def completed(self, remembered: ReadingOptions, names: Collection[str]) -> ReadingOptions:
        """Return these options with remembered ones in place of those that are as by default, where they apply.

        Args:
            remembered: Options of another table.
            names: The columns of this table; options that name others do not apply. What is to be ignored may be
                absent.
        """
        changes: dict[str, Any] = {}
        for name in _LASTING:
            value = getattr(remembered, name)
            if getattr(self, name) != getattr(_DEFAULT, name):
                continue
            if name in COLUMN_OPTIONS:
                columns = (value,) if isinstance(value, str) else tuple(value or ())
                if name != "ignore" and not all(each in names for each in columns):
                    continue
            changes[name] = value
        return replace(self, **changes)

    def remembered(self) -> ReadingOptions:
        """Return those that say what columns and values mean, for other tables of the same machine.

        How one file is laid out (lines above the table, separator, sheet, order of rows) is not among them.
        """
        return ReadingOptions(**{name: getattr(self, name) for name in _LASTING})


_LASTING = (
    "time_column", "time_format", "time_unit", "time_epoch", "time_zone", "day_first", "ignore", "by", "tag_column",
    "value_column", "missing", "states", "resample", "fill", "horizon",
)  # fmt: skip
COLUMN_OPTIONS = ("time_column", "ignore", "by", "tag_column", "value_column")
_DEFAULT = ReadingOptions()
_SEQUENCES = ("ignore", "channels", "by", "missing")


class ReadingKeywords(TypedDict, total=False):
    """The attributes of `ReadingOptions` as keywords of functions."""

    time_column: str | Sequence[str] | None
    time_format: str | None
    time_unit: str | None
    time_epoch: str | None
    time_zone: str | None
    day_first: bool | None
    ignore: str | Sequence[str]
    channels: str | Sequence[str] | None
    by: str | Sequence[str]
    entity: str
    tag_column: str | None
    value_column: str | None
    transposed: bool
    missing: float | str | Sequence[float | str]
    states: Mapping[str, float]
    skip_lines: int
    comment: str | None
    separator: str | None
    decimal: str | None
    sheet: str | None
    sort: bool
    resample: str | None
    fill: Fill | None
    horizon: str | None


def takes_reading_options(function: Function) -> Function:
    """Spell the reading options out in the signature of a function, in place of its last parameter `**reading`."""
    signature = inspect.signature(function)
    *parameters, last = signature.parameters.values()
    assert last.kind is inspect.Parameter.VAR_KEYWORD, "the last parameter takes the reading options"
    spelt_out = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=_DEFAULTS[each.name], annotation=each.type)
        for each in fields(ReadingOptions)
        if each.name not in signature.parameters
    ]

    @functools.wraps(function)
    def wrapped(*arguments: Any, **keywords: Any) -> Any:
        return function(*arguments, **keywords)

    wrapped.__signature__ = signature.replace(parameters=[*parameters, *spelt_out])  # type: ignore[attr-defined]
    return wrapped  # type: ignore[return-value]


_DEFAULTS: dict[str, Any] = {
    each.name: {} if each.name == "states" else each.default for each in fields(ReadingOptions)
}


def _normal(name: str, value: Any) -> Any:
    if name in _SEQUENCES and isinstance(value, str | int | float):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else value
