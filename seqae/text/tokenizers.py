"""Tokenizers: how texts are split into tokens, and joined again."""

from __future__ import annotations

import re
import reprlib
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, groupby, pairwise
from typing import Protocol

# Scripts without spaces between words: kana and Chinese characters. Each is a word.
_UNSPACED = "\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}…’”»、。，！？；：）】》」』")  # noqa: RUF001
_NO_SPACE_AFTER = frozenset("([{“«（【《「『#@$£€")  # noqa: RUF001
_NO_SPACE_AROUND = frozenset("/、。，！？；：（）【】《》「」『』")  # noqa: RUF001
_SURROGATE = re.compile("[\ud800-\udfff]")  # half of a pair in UTF-16


class Tokenizer(Protocol):
    """Splits a text into tokens and joins them again."""

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text."""

    def join(self, words: Sequence[str]) -> str:
        """Return the text of tokens."""


@dataclass(frozen=True)
class WordTokenizer:
    """Words, numbers and punctuation; a text comes back up to its white space.

    A letter keeps its combining marks, an emoji its modifiers and joined emoji; a Chinese character is a word.

    Args:
        lower: Whether to lowercase texts.
    """

    lower: bool = False

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return _word_pattern().findall(text.lower() if self.lower else text)

    def join(self, words: Sequence[str]) -> str:
        """Return the text of tokens."""
        return "".join([*words[:1], *(f"{_between(left, right)}{right}" for left, right in pairwise(words))])


@dataclass(frozen=True)
class CharacterTokenizer:
    """Single characters (code points); a text comes back as it was."""

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return list(text)

    def join(self, words: Sequence[str]) -> str:
        """Return the text of tokens."""
        return "".join(words)


@dataclass(frozen=True)
class FunctionTokenizer:
    """A function as a tokenizer, for example that of another library; words are joined with spaces.

    Args:
        function: Maps a text to its words.
    """

    function: Callable[[str], Sequence[str]]

    def split(self, text: str) -> list[str]:
        """Return the tokens of a text."""
        return list(self.function(text))

    def join(self, words: Sequence[str]) -> str:
        """Return the text of tokens."""
        return " ".join(words)


def validate_text(text: str) -> str:
    """Return the text unchanged.

    Raises:
        TypeError: It is no str, for example bytes.
        ValueError: It holds half a surrogate pair, which no encoding can write.
    """
    if not isinstance(text, str):
        remedy = "Decode it: text.decode('utf-8')" if isinstance(text, bytes) else "Give a str for each text"
        raise TypeError(f"a {type(text).__name__} is no text ({reprlib.repr(text)}). {remedy}")
    if half := _SURROGATE.search(text):
        raise ValueError(
            f"half a character, {half[0]!r}, at position {half.start()} of the text {reprlib.repr(text)}. Expected "
            "whole ones. Read it again as UTF-8, or drop the halves: text.encode('utf-8', 'ignore').decode()"
        )
    return text


def _between(left: str, right: str) -> str:
    """Return the space between two words, or nothing."""
    touching = right in _NO_SPACE_BEFORE or left in _NO_SPACE_AFTER or {left, right} & _NO_SPACE_AROUND
    return "" if touching or (_is_unspaced(left) and _is_unspaced(right)) else " "


def _is_unspaced(word: str) -> bool:
    return re.match(f"[{_UNSPACED}]", word) is not None


@cache
def _word_pattern() -> re.Pattern[str]:
    marks = _marks()
    letter = rf"(?:(?![{_UNSPACED}])[\w{marks}\u200c])"  # with the non-joiner of Persian words
    inside = rf"['’](?={letter})|(?<=\d)[.,](?=\d)"  # noqa: RUF001 (don't; 3.14 and 1,000)
    word = rf"{letter}(?:{letter}|{inside})*"
    flag = "[\U0001f1e6-\U0001f1ff]{2}"
    modifiers = rf"[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"  # combining marks, skin tones, tags of flags
    sign = rf"\S{modifiers}(?:\u200d\S{modifiers})*"
    return re.compile(f"{flag}|{word}|{sign}")


def _marks() -> str:
    """Return all combining marks as ranges for a character class: `re` has no name for them."""
    codes = chain(range(0x300, 0x20000), range(0xE0100, 0xE01F0))
    marks = [code for code in codes if unicodedata.category(chr(code))[0] == "M"]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(marks), key=lambda pair: pair[1] - pair[0])]
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)
