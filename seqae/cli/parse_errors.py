"""Mistakes on the command line, in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from seqae.cli.messages import did_you_mean

_PLACEHOLDERS = {int: "N", float: "X", bool: "true|false", str: "TEXT", Path: "PATH", NoneType: "null"}
# From the words of jsonargparse to the words of the command line's users.
_WORDINGS = (
    (r'Parser key "(\w+)"', lambda found: option(found[1])),
    (r"Does not validate against .*Subtypes: \[(.*)\] Errors: .*Given value: ", r"Expected one of \1. Got value: "),
    (r"<class '(?:\w+\.)*(\w+)'>", r"\1"),
    (r"\bNoneType\b", "null"),
    (r"\btyping\.", ""),
    (r"Expected an? ", "Expected "),
)


def option(name: str) -> str:
    """Return the option for a parameter's name."""
    return "--" + name.replace("_", "-")


def placeholder(kind: Any) -> str:
    """Return the placeholder for a value of this type in the help."""
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    return placeholder(_parts(kind)[0]) if len(_parts(kind)) > 1 else _PLACEHOLDERS.get(kind, "VALUE")


def clear_message(message: str, kinds: Mapping[str, Any], options: Sequence[str], words: Sequence[str]) -> str:
    """Return a message of jsonargparse as one line that names the file with the mistake and the nearest known word.

    Args:
        message: The message of jsonargparse.
        kinds: The type of each parameter, by name.
        options: The names of all options.
        words: The command line.
    """
    message = " ".join(message.split()).removesuffix(".")
    for pattern, wording in _WORDINGS:
        message = re.sub(pattern, wording, message)
    choices = [choice for kind in kinds.values() for part in _parts(kind) for choice in map(str, get_args(part))]
    known = [
        (word.partition("=")[0], options if word.startswith("-") else choices) for word in words if word in message
    ]
    if "invalid choice" not in message:
        known += [(key, list(kinds)) for key in re.findall(r"'([\w-]+)'", message)]
    hints = (did_you_mean(word, others) for word, others in known if word not in others)
    short = re.sub(r"(\S{100})\S{300,}", r"\1...", message)  # a damaged file may hold a word of any length
    return f"{short}{_in_file(message, words)}.{next(filter(None, hints), '')}"


def config_file(words: Sequence[str]) -> str:
    """Return the configuration file that a command line names, "" if it names none."""
    found = re.search(r"^--config[=\n](.+)$", "\n".join(words), re.MULTILINE)
    return found[1] if found else ""


def takes_nothing(kind: Any) -> bool:
    """Whether a parameter of this type may be None, which is null in a configuration file."""
    return kind is None or NoneType in _parts(kind)


def _in_file(message: str, words: Sequence[str]) -> str:
    """Name the configuration file, if there is one and the mistake is not on the command line."""
    file = config_file(words)
    named = any(word.startswith("--") and word.partition("=")[0] in message for word in words)
    return f" (in {file})" if file and not named else ""


def _parts(kind: Any) -> tuple:
    """The types in a union; any other type is its own only part."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
