"""Types and mistakes on the command line, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from seqae.cli.messages import did_you_mean

_KINDS = {
    int: ("N", "a whole number"),
    float: ("X", "a number"),
    bool: ("true|false", "true or false"),
    str: ("TEXT", "text"),
    Path: ("PATH", "a path"),
    NoneType: ("null", "null"),
}


def option(name: str) -> str:
    """Return the option for a parameter's name."""
    return "--" + name.replace("_", "-")


def placeholder(kind: Any) -> str:
    """Return what stands for a value of this type in the help."""
    if get_origin(kind) is Literal:
        return "{" + ",".join(map(str, get_args(kind))) + "}"
    return placeholder(_parts(kind)[0]) if len(_parts(kind)) > 1 else _KINDS.get(kind, ("VALUE", ""))[0]


def in_words(kind: Any) -> str:
    """Say which values a type has."""
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, get_args(kind)))
    if get_origin(kind) in (list, tuple):
        return in_words(get_args(kind)[0])
    if len(_parts(kind)) > 1:
        return " or ".join(in_words(part) for part in _parts(kind))
    return _KINDS[kind][1] if kind in _KINDS else getattr(kind, "__name__", str(kind))


def reword(message: str, kinds: Mapping[str, Any], options: Sequence[str], words: Sequence[str]) -> str:
    """Say in our words what jsonargparse found wrong; a message that we do not know stays as it is.

    Args:
        message: What jsonargparse says.
        kinds: The type of each parameter, by name.
        options: All options there are.
        words: The command line.
    """
    message = " ".join(message.split())
    if found := re.match(r"unrecognized arguments: (\S+)", message):
        return _unknown(found[1], options)
    if found := re.match(r"Option '(.+)' is not accepted", message):
        return f"unknown key '{found[1]}'{_in_file(words)}.{did_you_mean(found[1], kinds)}"
    if found := re.match(r'Parser key "(\w+)".*(?:Got|Given) value: (.*)', message):
        name, value = found.groups()
        where = "" if option(name) in words else _in_file(words)
        return f"{option(name)} cannot be '{value}'{where}. {_expected(kinds[name], value)}"
    if found := re.match(r"the following arguments are required: (.*)", message):
        return f"{found[1]} must be given."
    if found := re.match(r"argument (\S+): expected (?:at least )?one argument", message):
        return f"{found[1]} needs a value after it."
    if found := re.match(r"argument (\S+): ignored explicit argument", message):
        return f"{found[1].replace('/', ' or ')} takes no value."
    return f"{message}{_in_file(words)}."


def _unknown(word: str, options: Sequence[str]) -> str:
    if word.startswith("-"):
        return f"unknown option {word}.{did_you_mean(word.partition('=')[0], options)}"
    return f"'{word}' is one word too many."


def _in_file(words: Sequence[str]) -> str:
    """Name the configuration file, if there is one."""
    found = re.search(r"^--config[=\n](.+)$", "\n".join(words), re.MULTILINE)
    return f" (in {found[1]})" if found else ""


def _expected(kind: Any, value: str) -> str:
    choices = [str(choice) for part in _parts(kind) if get_origin(part) is Literal for choice in get_args(part)]
    return f"Expected {in_words(kind)}.{did_you_mean(value, choices)}"


def _parts(kind: Any) -> tuple:
    """The types in a union; any other type is its own only part."""
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
