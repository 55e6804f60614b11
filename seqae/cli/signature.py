"""Functions called from the command line: their signatures are the options.

Parameters without a default are positional, those after `*` are options, and `*rest` takes every word that is left.
Their descriptions come from "Args:" in the function's docstring.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Any, NoReturn, get_args, get_origin

import jsonargparse

from seqae.cli.messages import USER_ERROR, in_shell_words, rewording
from seqae.cli.parse_errors import clear_message, option, placeholder

_SHORT = {"out": "-o"}  # options that have a short form
_PYTHON_NAMES = {"random_state": "seed"}  # what the library calls some options


def call(function: Callable, words: Sequence[str], *, prog: str, about: str = "", config: bool = False) -> Any:
    """Call a function with its parameters taken from the command line, and return what it returns.

    Args:
        function: A function whose parameters have types.
        words: The command line after the command.
        prog: The command, as a person types it.
        about: The text above the options in the help; the function's own docstring if empty.
        config: Offer `--config` and `--print-config`.
    """
    signature = inspect.signature(function, eval_str=True)
    bound = parse(signature, inspect.getdoc(function) or "", words, prog=prog, about=about, config=config)
    options = {name: option(name) for name, each in signature.parameters.items() if not _is_positional(each)}
    options |= {python: options[own] for python, own in _PYTHON_NAMES.items() if own in options}
    with rewording(lambda text: in_shell_words(text, options)):
        return function(*bound.args, **bound.kwargs)


def parse(
    signature: inspect.Signature, docstring: str, words: Sequence[str], *, prog: str, about: str, config: bool
) -> inspect.BoundArguments:
    """Return the arguments of a function, taken from the command line; the other parameters are those of `call`.

    Args:
        signature: The signature of the function, with types.
        docstring: Its docstring, dedented.
        words: The command line after the command.
        prog: The command.
        about: The text above the options.
        config: Whether to offer `--config`.

    Raises:
        SystemExit: The help was asked for, or the command line has a mistake.
    """
    words = [_hyphenated(word) for word in words]
    parser = _Parser(prog, about or without_sections(docstring), words)
    if config:
        parser.offer_config()
    helps = argument_help(docstring)
    for parameter in signature.parameters.values():
        parser.add(parameter, helps.get(parameter.name, ""))
    values = parser.parse_args(words).as_dict()
    typed = {name: _typed(values[name], parameter) for name, parameter in signature.parameters.items()}
    return inspect.BoundArguments(signature, OrderedDict(typed))


def argument_help(docstring: str) -> dict[str, str]:
    """Return the descriptions under "Args:" of a docstring (Google's style), by the name of the argument."""
    section = re.search(r"^Args:\n((?: .*\n?|\n)+)", docstring, re.MULTILINE)
    entries = re.findall(r"^ {4}\*?(\w+): *(.*(?:\n {5,}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def without_sections(docstring: str) -> str:
    """Return a docstring without its sections for readers of the code."""
    return re.sub(r"^(?:Args|Returns|Raises):\n(?: .*\n?|\n)+", "", docstring, flags=re.MULTILINE).strip()


class _Parser(jsonargparse.ArgumentParser):
    """A parser of parameters, whose errors are one line."""

    def __init__(self, prog: str, about: str, words: Sequence[str]) -> None:
        super().__init__(
            prog=prog,
            description=about.replace("%", "%%"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            print_config="--print-config",
        )
        self.words = words
        self.kinds: dict[str, Any] = {}
        self.options = ["--help"]

    def offer_config(self) -> None:
        """Take options from a file, too, and print them as such a file."""
        self.options += ["--config", "--print-config"]
        self.add_argument("--config", action=jsonargparse.ActionConfigFile, help="options from a YAML or JSON file")

    def add(self, parameter: Parameter, text: str) -> None:
        """Add a parameter; the text is its help."""
        name, text = parameter.name, text.replace("%", "%%")
        self.kinds[name] = parameter.annotation
        if parameter.kind is Parameter.VAR_POSITIONAL:
            self.add_argument(name, nargs=argparse.REMAINDER, metavar="...", help=text)
        elif _is_positional(parameter):
            self.add_argument(name, help=text, **_reading(parameter.annotation) | {"metavar": name.upper()})
        else:
            self.options.append(option(name))
            text += _shown(parameter.default)
            names = [*filter(None, [_SHORT.get(name)]), option(name)]
            self.add_argument(*names, help=text, **_reading(parameter.annotation), **_default(parameter))

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        text = clear_message(message, self.kinds, self.options, self.words)
        self.exit(USER_ERROR, f"error: {text} See: {self.prog} --help\n")


def _is_positional(parameter: Parameter) -> bool:
    return parameter.default is Parameter.empty and parameter.kind is not Parameter.KEYWORD_ONLY


def _hyphenated(word: str) -> str:
    """Options may be typed as Python writes them, --code_size, and -o for --out, as other programs have it."""
    if word == "-o":
        return "--out"
    return re.sub(r"^--\w+", lambda found: found[0].replace("_", "-"), word)


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
    words = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f" (default: {words})".replace("%", "%%")


def _typed(value: Any, parameter: Parameter) -> Any:
    return tuple(value) if get_origin(parameter.annotation) is tuple else value
