"""Names of channels: how they are matched, numbered where there are none, and written in error messages."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_MAX_NAMES = 30  # maximum names in an error message
_MAX_LENGTH = 120  # characters of a name or cell in an error message
_PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4")


def match_channels(names: tuple[str, ...], wanted: tuple[str, ...], where: str = "") -> tuple[str, ...]:
    """Return the entries of `names` that were asked for: by name, or by position if channels have none.

    Args:
        names: The names that there are.
        wanted: The names that are asked for.
        where: The name of the file or recording, for error messages.

    Raises:
        ValueError: Some are missing; the message also names those that nobody asked for.
    """
    there, asked = set(names), set(wanted)
    missing = [name for name in wanted if name not in there]
    if not missing:
        return wanted
    if names == default_names(len(wanted)):
        return names
    where, expected = where or "recording", format_names(wanted)
    if names == default_names(len(names)):
        raise ValueError(f"{len(names)} channels without names ({where}). Expected {expected}")
    others = format_names(name for name in names if name not in asked)
    raise ValueError(
        f"missing {format_names(missing)}{f', while there is {others}' if others else ''} ({where}). "
        f"Channels are matched by name; expected {expected}. Rename the columns"
    )


def refuse_more_channels(names: Sequence[str], known: Sequence[str], rows: int, where: str = "") -> None:
    """Raise if rows have more channels than a model knows, and none of them a name that tells which ones are meant.

    Args:
        names: The channels of the rows.
        known: The channels of the model.
        rows: How many rows there are.
        where: The name of the file or recording, for error messages.

    Raises:
        ValueError: They have more.
    """
    names, known = tuple(names), tuple(known)
    if len(names) <= len(known) or names != default_names(len(names)):
        return
    is_turned = rows == len(known)
    raise ValueError(
        f"{len(names)} channels without names ({where or 'recording'}). Expected {len(known)}: {format_names(known)}. "
        + ("If the first axis is that of the channels, turn it: array.T" if is_turned else "")
        + ("" if is_turned else f"Name those that are meant: channels={list(names[: len(known)])}, or give these alone")
    )


def default_names(count: int) -> tuple[str, ...]:
    """Return names for channels that have none: "0", "1", ..."""
    return tuple(str(number) for number in range(count))


def machine_of_file(name: str) -> str:
    """Return the machine that a file is of, where each is of one: its name without its endings.

    Raises:
        ValueError: There is no file.
    """
    if not name:
        raise ValueError(
            "by='file', but the rows are not from a file. Expected files, one for each machine. Name the machines: "
            "{'m1': rows, 'm2': rows}"
        )
    path = Path(name)
    return Path(path.stem).stem if path.suffix.lower() in _PACKED else path.stem


def as_tuple(names: Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; one name alone is a tuple of one."""
    return (names,) if isinstance(names, str) else tuple(names)


def format_names(names: Iterable[str]) -> str:
    """Return names for an error message, only the first ones if they are very many."""
    names = list(names)
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES + 1 else ""
    return ", ".join(quoted(name) for name in (names[:_MAX_NAMES] if more else names)) + more


def quoted(text: object) -> str:
    """Return a text of a file in quotation marks for a message, only its beginning if it is very long."""
    return repr(_shortened(text) if isinstance(text, str) else text)


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def suggest(name: str, names: Iterable[str]) -> str:
    """Ask whether a similar name was meant, or list all if there is none."""
    matches = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    return f". Did you mean {format_names(matches)}?" if matches else f". There is {format_names(sorted(names))}"


def letters_and_digits(name: str) -> str:
    """Return a name in lower case without all else: "Sensor_ID" is "sensorid"."""
    return re.sub(r"[\W_]", "", name.lower())
