"""The query of a request: reading options, as text."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union, get_args, get_origin, get_type_hints

from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.data.signals.options_file import checked_options
from seqae.service.http.problems import RequestError

KINDS = get_type_hints(ReadingKeywords)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TRUTH = {"true": True, "1": True, "yes": True, "": True, "false": False, "0": False, "no": False}


def reading_options(items: Iterable[tuple[str, str]], others: Sequence[str]) -> ReadingOptions:
    """Return the reading options in a query.

    Args:
        items: The name and the text of each item; those of an option of several values come several times.
        others: The names of items that are no reading options.

    Raises:
        RequestError: There is no such option, or its text cannot be read.
    """
    texts: dict[str, list[str]] = {}
    for name, text in items:
        if name not in others:
            texts.setdefault(name.replace("-", "_"), []).append(text)
    for name in texts:
        if name not in KINDS:
            near = difflib.get_close_matches(name, [*KINDS, *others], n=1)
            hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join([*others, *KINDS])}"
            raise RequestError(400, f"no option {name!r} in the query. {hint}")
    try:
        return ReadingOptions.of(**checked_options({name: _value(name, each) for name, each in texts.items()}, "query"))
    except (TypeError, ValueError) as error:
        raise RequestError(400, str(error)) from error


def refuse_channels_of_query(options: ReadingOptions, channels: tuple[str, ...]) -> None:
    """Raise a RequestError if options ask for other channels than those of the model."""
    if options.channels not in (None, channels):
        raise RequestError(400, f"the model finds its channels by name: {', '.join(channels)}. Leave channels out")


def one_of(query: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Return the choice in a query, the first one if none is named.

    Raises:
        RequestError: There is no such choice.
    """
    value = query.get(name, choices[0])
    if value not in choices:
        raise RequestError(400, f"{name}={value!r} in the query. Expected {' or '.join(choices)}")
    return value


def _value(name: str, texts: list[str]) -> Any:
    kind = KINDS[name]
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    origins = {get_origin(part) for part in parts}
    if Mapping in origins:
        return dict(map(_state, texts))
    if Sequence in origins:
        marks = [_mark(text) if float in parts else text for text in texts]
        return marks[0] if name == "time_column" and len(marks) == 1 else marks
    if len(texts) > 1:
        raise RequestError(400, f"{name} is there {len(texts)} times in the query. Keep one of them")
    if bool in parts:
        if texts[0].lower() not in _TRUTH:
            raise RequestError(400, f"{name}={texts[0]!r} in the query. Expected true or false")
        return _TRUTH[texts[0].lower()]
    if int in parts:
        if not re.fullmatch(r"\d{1,9}", texts[0], re.ASCII):
            raise RequestError(400, f"{name}={texts[0]!r} in the query. Expected a whole number")
        return int(texts[0])
    return texts[0]


def _state(text: str) -> tuple[str, float]:
    word, _, number = text.rpartition("=")
    if not word or not _NUMBER.fullmatch(number):
        raise RequestError(400, f"states={text!r} in the query. Expected a word and its number, such as states=ON=1")
    return word, float(number)


def _mark(text: str) -> float | str:
    """Return a number, or the word itself."""
    if not _NUMBER.fullmatch(text):
        return text
    return int(text) if text.lstrip("+-").isdecimal() else float(text)
