"""The options of the command line that tell how tables are read: those of `ReadingOptions`, with its texts."""

from __future__ import annotations

import argparse
import inspect
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any, Literal, NoReturn, Union, cast, get_args, get_origin, get_type_hints

from seqae.cli.docstrings import argument_help
from seqae.cli.parse_errors import option
from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.data.signals.options_file import read_options

_KINDS = get_type_hints(ReadingKeywords)
_OF_ONE_TABLE = re.compile(r"(\w+)_reading")  # the name of a parameter
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_KEPT = "\0"  # before dashes that are a value
_ABOUT = "How tables are read, where they do not show it by themselves."
_FILE = 'TOML file of these options, with lines such as time-column = "stamp"; options beside it win'
_EXPECTED_STATE = "Expected a word and its number, such as ON=1"


def reading_prefix(parameter: Parameter) -> str | None:
    """Return what the options begin with that a parameter takes, None if it takes no reading options.

    `**reading` takes those of all tables, which begin with nothing; `live_reading: ReadingKeywords | None = None` takes
    those of one table, which begin with "live.".
    """
    if parameter.kind is Parameter.VAR_KEYWORD:
        return ""
    found = _OF_ONE_TABLE.fullmatch(parameter.name)
    return f"{found[1]}." if found and ReadingKeywords in get_args(parameter.annotation) else None


def reading_words(prefixes: Iterable[str] = ("",)) -> dict[str, str]:
    """Return the option of the command line for each reading option: for "live.sort", "--live.sort"."""
    return {prefix + name: option(prefix + name) for prefix in prefixes for name in _KINDS}


class ReadingParser(argparse.ArgumentParser):
    """Takes reading options out of a command line.

    Args:
        prefixes: What the options of each table begin with, "" for those of all tables.
        fail: Reports a mistake, and ends the program.
    """

    def __init__(self, prefixes: Sequence[str], fail: Callable[[str], NoReturn]):
        super().__init__(
            usage=argparse.SUPPRESS, add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS
        )
        self.prefixes = prefixes
        self.fail = fail
        self._negative_number_matcher = re.compile(r"-(?!-?[A-Za-z])")  # a value, as are -1e3 and ---
        alone = " or ".join(f"--{prefix}OPTION" for prefix in prefixes if prefix)
        group = self.add_argument_group(
            "reading tables", f"{_ABOUT} {f'For one of the tables: {alone}.' * bool(alone)}"
        )
        texts = argument_help(inspect.getdoc(ReadingOptions) or "", "Attributes")
        for prefix in prefixes:
            shown = {"reading": _FILE, **texts} if not prefix else {}
            for name, settings in _settings():
                text = shown.get(name, argparse.SUPPRESS).replace("%", "%%")
                group.add_argument(option(prefix + name), dest=prefix + name, help=text, **settings)

    @property
    def options(self) -> list[str]:
        """The names of the options."""
        return list(self._option_string_actions)

    def take(self, words: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Return the options of each table by its prefix, and the other words.

        Raises:
            FileNotFoundError: There is no such file of options.
            ValueError: A file of options has a mistake.
        """
        words = [re.sub(r"^--(\w+\.)no-", r"--no-\1", word) for word in words]  # as argparse calls them
        found, others = self.parse_known_args(self._with_dashes(words))
        for word in others:
            if any(word.startswith(f"--{prefix}") for prefix in self.prefixes if prefix):
                self.fail(f"unrecognized arguments: {word}")
        given: dict[str, dict[str, Any]] = {prefix: {} for prefix in self.prefixes}
        for key, value in vars(found).items():
            prefix, dot, name = key.rpartition(".")
            given[prefix + dot][name] = _value(name, value)
        return {prefix: _with_file(values) for prefix, values in given.items()}, others

    def _with_dashes(self, words: Sequence[str]) -> list[str]:
        """Return words in which dashes are values where they must be: argparse would drop them, or end the options."""
        found: list[str] = []
        last, is_joined = "", False
        for word in words:
            name, equals, value = word.partition("=")
            if re.match("--?[A-Za-z]", word):
                last, is_joined = word, False
            if word == "--" and last.endswith("missing"):
                is_joined = True
                found = found[:-1] if found[-1] == last else found
            if is_joined:
                found.append(f"{last}={_KEPT}{word}")
            else:
                found.append(f"{name}={_KEPT}{value}" if equals and name in self._option_string_actions else word)
        return found

    def error(self, message: str) -> NoReturn:
        """Report a mistake on the command line."""
        self.fail(message)


def _with_file(values: dict[str, Any]) -> dict[str, Any]:
    """Return options, and those of the file that was given with them."""
    file = values.pop("reading", None)
    return {**(read_options(file) if file else {}), **values}


def _settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of each option, and how argparse is to read its values."""
    yield "reading", {"type": _text, "metavar": "FILE.toml"}
    several = {"nargs": "+", "action": "extend"}
    for name, kind in _KINDS.items():
        parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
        origins = {get_origin(part): part for part in parts}
        if bool in parts:
            yield name, {"action": argparse.BooleanOptionalAction}
        elif int in parts:
            yield name, {"type": _whole_number, "metavar": "N"}
        elif Literal in origins:
            yield name, {"type": _text, "choices": get_args(origins[Literal])}
        elif Mapping in origins:
            yield name, {**several, "type": _state, "metavar": "WORD=NUMBER"}
        elif Sequence in origins:
            is_mark = float in parts
            yield name, {**several, "type": _mark if is_mark else _text, "metavar": "MARK" if is_mark else "NAME"}
        else:
            yield name, {"type": _text, "metavar": "TEXT"}


def _text(word: str) -> str:
    return word.removeprefix(_KEPT)


def _whole_number(word: str) -> int:
    try:
        return int(_text(word))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{_text(word)!r} is no whole number") from None


def _state(word: str) -> tuple[str, float]:
    state, _, number = _text(word).rpartition("=")
    if not state or not _NUMBER.fullmatch(number):
        raise argparse.ArgumentTypeError(f"{_text(word)!r} is no state. {_EXPECTED_STATE}")
    return state, cast(float, _mark(number))


def _mark(word: str) -> float | str:
    """Return a number, or the word itself."""
    word = _text(word)
    if not _NUMBER.fullmatch(word):
        return word
    return int(word) if word.lstrip("+-").isdecimal() else float(word)


def _value(name: str, value: Any) -> Any:
    """Return what the words of an option mean."""
    if name == "states":
        return dict(value)
    if name == "separator":
        return value.replace("\\t", "\t")  # as a person types it
    return value[0] if name == "time_column" and len(value) == 1 else value
