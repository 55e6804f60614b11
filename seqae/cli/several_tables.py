"""Tables of one command that are read with options in common and options of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from seqae.cli.messages import rewording
from seqae.cli.reading import reading_words
from seqae.data.signals.names import format_names, suggest
from seqae.data.signals.options import COLUMN_OPTIONS, ReadingKeywords, ReadingOptions

if TYPE_CHECKING:
    from seqae.data.signals.recordings import Recording


def read_tables(
    tables: Mapping[str, tuple[object, ReadingKeywords | None]], reading: ReadingKeywords
) -> list[list[Recording]]:
    """Return the recordings of each table; all have the channels of the first.

    Errors name the options of their table as `live.time_column='stamp'`, on the command line --live.time-column stamp.

    Args:
        tables: What to read, see `seqae.as_recordings`, and its own options, by the name of the table: the parameter of
            the recipe that takes it.
        reading: Options of all tables. A column that one of them lacks is no error, as long as another has it.

    Raises:
        ValueError: A table cannot be read without guessing, or no table has a column that the options name.
    """
    from seqae.data.signals.loading import recordings_and_names

    shared = ReadingOptions.of(**reading)
    common = {name: value for name, value in reading.items() if name not in COLUMN_OPTIONS}
    found: list[list[Recording]] = []
    seen: dict[str, set[str]] = {}
    for table, (data, own) in tables.items():
        options = ReadingOptions.of(**{**common, **(own or {})})
        if found:
            options = options.updated(channels=found[0][0].channels)
        with rewording(partial(_with_table, table)):
            recordings, seen[table] = recordings_and_names(data, options, shared)
        found.append(recordings)
    _refuse_strangers(shared, seen)
    return found


def _with_table(table: str, text: str) -> str:
    """Return a message in which each reading option is one of a table alone."""
    return re.sub(rf"(?<![\w.-])({'|'.join(reading_words())})=", rf"{table}.\1=", text)


def _refuse_strangers(shared: ReadingOptions, seen: Mapping[str, set[str]]) -> None:
    """Raise a ValueError if an option names a column that no table has."""
    there = set().union(*seen.values())
    for option in COLUMN_OPTIONS:
        value = getattr(shared, option)
        for name in (value,) if isinstance(value, str) else value or ():
            if name not in there and (option, name) != ("by", "file"):
                raise ValueError(
                    f"no column {name!r} ({option}=..., in none of the tables {format_names(seen)})"
                    f"{suggest(name, there)}"
                )
