"""What a word is: where a text is cut, and how it is put together again."""

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
_HALF = re.compile("[\ud800-\udfff]")  # of a pair in UTF-16 (a surrogate)


class Tokenizer(Protocol):
    """Cuts a text into words and puts it together again."""

    def split(self, text: str) -> list[str]: ...

    def join(self, words: Sequence[str]) -> str: ...


@dataclass(frozen=True)
class WordTokenizer:
    """Words, numbers and signs; what stands between them comes back up to white space.

    A letter keeps its accents, an emoji its colour and its company; a Chinese character is a word.

    Args:
        lower: Whether capital letters become small ones.
    """

    lower: bool = False

    def split(self, text: str) -> list[str]:
        return _word_pattern().findall(text.lower() if self.lower else text)

    def join(self, words: Sequence[str]) -> str:
        return "".join([*words[:1], *(f"{_between(left, right)}{right}" for left, right in pairwise(words))])


@dataclass(frozen=True)
class CharacterTokenizer:
    """Code points, one by one; the text comes back as it was."""

    def split(self, text: str) -> list[str]:
        return list(text)

    def join(self, words: Sequence[str]) -> str:
        return "".join(words)


@dataclass(frozen=True)
class FunctionTokenizer:
    """Somebody else's tokenizer; words are put together with spaces.

    Args:
        function: From a text to its words.
    """

    function: Callable[[str], Sequence[str]]

    def split(self, text: str) -> list[str]:
        return list(self.function(text))

    def join(self, words: Sequence[str]) -> str:
        return " ".join(words)


def validate_text(text: str) -> str:
    """Return a text, if it is one.

    Raises:
        TypeError: It is something else, for example bytes.
        ValueError: It holds half a character, which no encoding can write.
    """
    if not isinstance(text, str):
        remedy = "Decode it: text.decode('utf-8')" if isinstance(text, bytes) else "Give a str for each text"
        raise TypeError(f"a {type(text).__name__} is no text ({reprlib.repr(text)}). {remedy}")
    if half := _HALF.search(text):
        raise ValueError(
            f"half a character, {half[0]!r}, at place {half.start()} of the text {reprlib.repr(text)}. Expected whole "
            "ones. Read it again as UTF-8, or drop the halves: text.encode('utf-8', 'ignore').decode()"
        )
    return text


def _between(left: str, right: str) -> str:
    """Return what stands between two words."""
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
    worn = rf"[{marks}\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"  # accents, colours of skin, tags of flags
    sign = rf"\S{worn}(?:\u200d\S{worn})*"
    return re.compile(f"{flag}|{word}|{sign}")


def _marks() -> str:
    """Return all accents and vowel signs as the inside of a regular expression's class: `re` has no name for them."""
    codes = chain(range(0x300, 0x20000), range(0xE0100, 0xE01F0))
    marks = [code for code in codes if unicodedata.category(chr(code))[0] == "M"]
    runs = [[code for _, code in run] for _, run in groupby(enumerate(marks), key=lambda pair: pair[1] - pair[0])]
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)
