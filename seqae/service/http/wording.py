"""Messages of the library in the words of a query: `time_column='stamp'` as `?time_column=stamp`."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import fields
from urllib.parse import quote

from seqae.data.signals.options import ReadingOptions

_QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_NAMES = "|".join(each.name for each in fields(ReadingOptions))
_OPTION = re.compile(
    rf"(?<![\w.?&-])({_NAMES})=({_QUOTED}|\[(?:{_QUOTED}|[^\]'\"])*\]|\((?:{_QUOTED}|[^)'\"])*\)"
    rf"|\{{(?:{_QUOTED}|[^}}'\"])*\}}|\.\.\.|[\w+-]+(?:\.\w+)*)?"
)


def in_query_words(text: str) -> str:
    """Return a message that names reading options as Python does in the words of a query."""
    return _OPTION.sub(lambda found: f"?{_query(found[1], found[2])}", text)


def _query(name: str, value: str | None) -> str:
    if value is None or value == "...":
        return f"{name}={value or ''}"
    try:
        items = _items(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        items = [value]
    return "&".join(f"{name}={quote(item, safe=':,; /%+-') if '%' not in item else item}" for item in items)


def _items(value: object) -> list[str]:
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, Mapping):
        return [f"{word}={number}" for word, number in value.items()]
    return list(map(str, value)) if isinstance(value, list | tuple) else [str(value)]
