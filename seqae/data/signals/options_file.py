"""Reading options in a TOML file, which may be given with every table of the same kind."""

from __future__ import annotations

import difflib
import reprlib
import tomllib
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from seqae._files import read_file, reason
from seqae.data.signals.options import ReadingKeywords

_MAX_BYTES = 2**20
_MAX_LENGTH = 500  # characters of a name or a word, which errors repeat
_EXPECTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read_options(path: str | Path) -> ReadingKeywords:
    r"""Return the reading options in a TOML file, as keywords for `as_recordings`, `AnomalyDetector.fit` and others.

    The keys are the names of the options, see `ReadingOptions`, or those of the command line, such as `time-column`.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not TOML, there is no such option, or a value is of another type; names the file.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder) / "pump.toml"
        ...     _ = file.write_text('time-column = "stamp"\nmissing = [-999, "Bad Input"]')
        ...     read_options(file)
        {'time_column': 'stamp', 'missing': [-999, 'Bad Input']}
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no file {str(path)!r}. Expected reading options in TOML. Check the path")
    try:
        content = tomllib.loads(read_file(path, _MAX_BYTES).decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(
            f"not TOML ({path.name}: {reason(error)}). Expected lines such as time_column = 'stamp' or missing = [-999]"
        ) from None
    return checked_options(content, path.name)


def checked_options(values: Mapping[str, object], where: str) -> ReadingKeywords:
    """Return values as keywords of reading options; hyphens in a name stand for underscores.

    Args:
        values: The value of each option by its name.
        where: What they come from, for error messages.

    Raises:
        ValueError: There is no such option, it is there twice, or its value is of another type.
    """
    kinds, found = get_type_hints(ReadingKeywords), {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(sorted(kinds))}"
            raise ValueError(f"no reading option {key!r} ({where}). {hint}")
        if name in found:
            raise ValueError(f"{name} is there twice, also as {key} ({where}). Keep one of them")
        if not _fits(value, kinds[name]):
            raise ValueError(f"{key} is {reprlib.repr(value)} ({where}). Expected {_in_words(kinds[name])}")
        if len(longest := _longest(value)) > _MAX_LENGTH:
            raise ValueError(
                f"{key} has a text of {len(longest):,} characters ({where}). Expected {_MAX_LENGTH} or fewer"
            )
        found[name] = value
    return cast(ReadingKeywords, found)


def _longest(value: object) -> str:
    """Return the longest text in a value."""
    texts = [value] if isinstance(value, str) else []
    if isinstance(value, list | tuple | Mapping):
        texts = list(map(_longest, value))
    return max(texts, key=len, default="")


def _fits(value: object, kind: Any) -> bool:
    """Whether a value is of a type; a whole number is a number too, and true and false are none."""
    parts = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if get_origin(kind) is Literal:
        return value in parts
    if get_origin(kind) is Sequence:
        return isinstance(value, list | tuple) and all(_fits(each, parts[0]) for each in value)
    if get_origin(kind) is Mapping:
        return isinstance(value, Mapping) and all(_fits(each, parts[1]) for each in value.values())
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def _in_words(kind: Any) -> str:
    """Return what values of a type are."""
    parts = get_args(kind)
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_in_words(part) for part in parts if part is not types.NoneType))
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, parts))
    if get_origin(kind) is Sequence:
        return f"a list, each {_in_words(parts[0])}"
    if get_origin(kind) is Mapping:
        return "a table of numbers, such as {ON = 1, OFF = 0}"
    return _EXPECTED[kind]
