"""Functions called from the command line: their signatures are the options.

Parameters without a default are positional, those after `*` are options, and `*rest` takes every word that is left.
Their descriptions come from "Args:" in the function's docstring.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from inspect import Parameter
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

import jsonargparse

from seqae._files import read_file, reason
from seqae.cli.docstrings import argument_help, without_sections
from seqae.cli.messages import USER_ERROR, in_shell_words, rewording
from seqae.cli.parse_errors import clear_message, config_file, option, placeholder, takes_nothing
from seqae.cli.reading import ReadingParser, reading_prefix, reading_words
from seqae.data.signals.options_file import checked_options

_PRIVATE = 0x10F000 - 0xDC00  # from half characters to signs for private use, which no name has
_PRIVATE_SIGNS = "[\U0010f080-\U0010f0ff]"
_MAX_CONFIG = 2**20  # bytes
_SHORT = {"out": "-o"}  # options that have a short form
_PYTHON_NAMES = {"random_state": "seed", "rows": "sample_rows"}  # what the library calls some options


def call(
    function: Callable,
    words: Sequence[str],
    *,
    prog: str,
    about: str = "",
    config: bool = False,
    quick: Mapping[str, object] | None = None,
) -> Any:
    """Call a function with its parameters taken from the command line, and return what it returns.

    Args:
        function: A function whose parameters have types.
        words: The command line after the command.
        prog: The command, as a person types it.
        about: The text above the options in the help; the function's own docstring if empty.
        config: Offer `--config` and `--print-config`.
        quick: Offer `--quick`, which puts these values in place of the defaults.
    """
    signature = inspect.signature(inspect.unwrap(function), eval_str=True)
    docstring = inspect.getdoc(function) or ""
    bound = parse(signature, docstring, words, prog=prog, about=about, config=config, quick=quick)
    with shell_words(signature):
        return function(*bound.args, **bound.kwargs)


@contextmanager
def shell_words(signature: inspect.Signature) -> Iterator[None]:
    """Let errors name the options of a function as its command line does."""
    parameters = signature.parameters.values()
    options = {each.name: option(each.name) for each in parameters if not _is_positional(each)}
    options |= {python: options[own] for python, own in _PYTHON_NAMES.items() if own in options}
    options |= reading_words(_prefixes(signature).values())
    with rewording(lambda text: in_shell_words(text, options)):
        yield


def parse(
    signature: inspect.Signature,
    docstring: str,
    words: Sequence[str],
    *,
    prog: str,
    about: str,
    config: bool,
    quick: Mapping[str, object] | None = None,
) -> inspect.BoundArguments:
    """Return the arguments of a function, taken from the command line; the other parameters are those of `call`.

    Args:
        signature: The signature of the function, with types.
        docstring: Its docstring, dedented.
        words: The command line after the command.
        prog: The command.
        about: The text above the options.
        config: Whether to offer `--config`.
        quick: The defaults that `--quick` stands for; None offers no such option.

    Raises:
        SystemExit: The help was asked for, or the command line has a mistake.
        FileNotFoundError: There is no such file of reading options.
        ValueError: A file of reading options has a mistake.
    """
    words = [_encodable(_hyphenated(word)) for word in words]
    parser = _Parser(prog, about or without_sections(docstring), words, _prefixes(signature))
    if config:
        parser.offer_config()
    if quick is not None:
        parser.offer_quick(quick)
    helps = argument_help(docstring)
    for parameter in signature.parameters.values():
        parser.add(parameter, helps.get(parameter.name, ""))
    values = parser.values(words)
    typed = {name: _typed(values[name], parameter) for name, parameter in signature.parameters.items()}
    return inspect.BoundArguments(signature, OrderedDict(typed))


def _prefixes(signature: inspect.Signature) -> dict[str, str]:
    """Return the parameters that take reading options, and what these options begin with."""
    found = {name: reading_prefix(parameter) for name, parameter in signature.parameters.items()}
    return {name: prefix for name, prefix in found.items() if prefix is not None}


class _Parser(jsonargparse.ArgumentParser):
    """A parser of parameters, whose errors are one line."""

    def __init__(self, prog: str, about: str, words: Sequence[str], prefixes: Mapping[str, str]) -> None:
        super().__init__(
            prog=prog,
            description=about.replace("%", "%%"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            print_config=None,  # its own lacks the reading options
        )
        self.words = words
        self.kinds: dict[str, Any] = {}
        self.options = ["--help"]
        self.prefixes = prefixes
        self.reading = ReadingParser(list(prefixes.values()), self.error)
        self.quick: Mapping[str, object] = {}

    def offer_config(self) -> None:
        """Take options from a file, too, and print them as such a file."""
        self.options += ["--config", "--print-config"]
        self.add_argument("--config", action=_ConfigFile, help="options from a YAML or JSON file")
        self.add_argument("--print-config", action="store_true", help="print all options as such a file, and stop")

    def offer_quick(self, values: Mapping[str, object]) -> None:
        """Take `--quick`, wherever it stands, for these values in place of the defaults."""
        self.options.append("--quick")
        shown = " ".join(f"{option(name)} {_in_words(value)}" for name, value in values.items())
        text = f"learn something in less than a minute; the defaults are then: {shown}".replace("%", "%%")
        self.add_argument("--quick", action="store_true", help=text)
        self.quick = values if "--quick" in self.words else {}

    def add(self, parameter: Parameter, text: str) -> None:
        """Add a parameter; the text is its help."""
        parameter = parameter.replace(default=self.quick.get(parameter.name, parameter.default))
        name, text = parameter.name, text.replace("%", "%%")
        self.kinds[name] = parameter.annotation
        if name in self.prefixes:  # on the command line they are options of their own
            self.add_argument(option(name), type=dict[str, Any], default={}, help=argparse.SUPPRESS)
        elif parameter.kind is Parameter.VAR_POSITIONAL:
            self.add_argument(name, nargs=argparse.REMAINDER, metavar="...", help=text)
        elif _is_positional(parameter):
            self.add_argument(name, help=text, **_reading(parameter.annotation) | {"metavar": name.upper()})
        else:
            self.options.append(option(name))
            text += _shown(parameter.default)
            names = [*filter(None, [_SHORT.get(name)]), option(name)]
            self.add_argument(*names, help=text, **_reading(parameter.annotation), **_default(parameter))

    def values(self, words: Sequence[str]) -> dict[str, Any]:
        """Return the value of each parameter; or print them all, if that is asked for, and end the program."""
        reading, words = self.reading.take(words) if self.prefixes else ({}, words)
        found = self.parse_args(words)
        if found.pop("quick", False) and "--quick" not in words:
            self.error("a file cannot hold quick. Leave it out there, and give --quick")
        for name, kind in self.kinds.items():
            if found[name] is None and not takes_nothing(kind):  # jsonargparse lets it pass
                self.error(f"{option(name)} is null. Give a value, or leave it out")
        for name, prefix in self.prefixes.items():
            given = checked_options(found[name] or {}, config_file(self.words))
            found[name] = {**given, **reading[prefix]}
        if found.pop("print_config", False):
            hidden = [f"{name}: {json.dumps(found[name])}\n" for name in self.prefixes]  # the dump leaves them out
            print(self.dump(found), *hidden, sep="", end="")
            self.exit()
        return _original(found.as_dict())

    def format_help(self, *arguments: Any) -> str:
        """Return the help, the options for reading tables last."""
        own = super().format_help(*arguments)
        return f"{own}\n{self.reading.format_help()}" if self.prefixes else own

    def print_help(self, file: Any = None) -> None:
        print(self.format_help(), end="", file=file)  # argparse would ignore that nothing can be written

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        known = [*self.options, *(self.reading.options if self.prefixes else [])]
        text = clear_message(message, self.kinds, known, self.words)
        self.exit(USER_ERROR, f"error: {text} See: {self.prog} --help\n")


class _ConfigFile(jsonargparse.ActionConfigFile):
    """Takes options from a file, which must be one: jsonargparse would wait for a pipe, and names no damaged file."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        try:
            with suppress(FileNotFoundError):  # which jsonargparse tells
                read_file(values, _MAX_CONFIG).decode()
            super().__call__(parser, namespace, values, option_string)
        except (ValueError, RecursionError) as error:
            parser.error(f"not YAML or JSON ({reason(error)})")


def _is_positional(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind is not Parameter.KEYWORD_ONLY


def _hyphenated(word: str) -> str:
    """Options may be typed as Python writes them, --code_size, and -o for --out, as other programs have it."""
    if word == "-o":
        return "--out"
    return re.sub(r"^--[\w.]+", lambda found: found[0].replace("_", "-"), word)


def _encodable(word: str) -> str:
    """Return a word without half characters, which stand for the bytes of a file's name that are not UTF-8.

    YAML, as which values are read, has none; a private sign takes the place of each.
    """
    return re.sub("[\udc80-\udcff]", lambda found: chr(ord(found[0]) + _PRIVATE), word)


def _original(value: Any) -> Any:
    """Return a value with the half characters that `_encodable` replaced in words."""
    if isinstance(value, str):
        return re.sub(_PRIVATE_SIGNS, lambda found: chr(ord(found[0]) - _PRIVATE), value)
    if isinstance(value, Path):
        return Path(_original(str(value)))
    if isinstance(value, list | tuple):
        return type(value)(map(_original, value))
    return {_original(key): _original(each) for key, each in value.items()} if isinstance(value, dict) else value


def _reading(kind: Any) -> dict[str, Any]:
    """How jsonargparse is to read values of a type."""
    if kind is bool:
        return {"action": jsonargparse.ActionYesNo(no_prefix="no-")}
    if get_origin(kind) in (list, tuple):
        element = get_args(kind)[0]
        return {"type": element, "nargs": "+", "metavar": placeholder(element)}
    return {"type": kind, "metavar": placeholder(kind)}


def _default(parameter: Parameter) -> dict[str, Any]:
    if parameter.default is Parameter.empty:
        return {"required": True}
    # jsonargparse writes into defaults of this kind.
    return {"default": list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default}


def _shown(default: Any) -> str:
    """The default at the end of an option's help, where there is something to show."""
    if default is Parameter.empty or default is None or default is False or default in ("", ()):
        return ""
    return f" (default: {_in_words(default)})".replace("%", "%%")


def _in_words(value: Any) -> str:
    """A value as it is typed on the command line."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value) or '""'


def _typed(value: Any, parameter: Parameter) -> Any:
    return tuple(value) if get_origin(parameter.annotation) is tuple else value
