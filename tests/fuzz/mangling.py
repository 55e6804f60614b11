"""What the fuzzer does to files, and how it looks at errors."""

import random
from collections.abc import Sequence

WORDS = [b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff", b" ", b"-", b"'", b"\\"]
WORDS += [
    b"nan",
    b"inf",
    b"1e400",
    b"1,5",
    b"1.234,5",
    b"0x1F",
    b"9" * 25,
    b"2020-01-01",
    b"31/12/2020 25:00",
    b"12:30",
]
WORDS += [b"{", b"}", b"[", b"]", b":", b"null", b"true", b"NaN", b'"a"', b"\\ud800", b"time", b"Unnamed: 0", b"[bar]"]
WORDS += [b"<html>", b"=", b"#", b"\xe2\x80\xa8", "\u0661".encode(), b"1_0", b"[" * 2000, b'{"a":' * 1200]
GROWTH = 2**18  # bytes that one replacement may add, or four of them fill the memory


def mangled(data: bytes, other: bytes, dice: random.Random, words: Sequence[bytes] = WORDS) -> bytes:
    """Return the bytes with one to four things done to them."""
    for _ in range(dice.randint(1, 4)):
        start, stop = sorted((dice.randint(0, len(data)), dice.randint(0, len(data))))
        data = dice.choice(
            [
                data[:start] + dice.choice(words) + data[start:],
                data[:start] + dice.choice(words) + data[stop:],
                data[:start] + bytes([dice.randrange(256)]) + data[start + 1 :],
                data[:start] + data[stop:],
                data[:start],
                data[:stop] + data[start:],
                data[:start] + other[start:stop] + data[stop:],
                _replaced(data, *dice.sample(words, 2)),
            ]
        )
    return data


def _replaced(data: bytes, word: bytes, other: bytes) -> bytes:
    return data.replace(word, other, GROWTH // len(other))


def one_line(error: Exception) -> str:
    """Return the message of an error, which is one line that any terminal or log can hold."""
    text = str(error)
    assert text and "\n" not in text and "\r" not in text and len(text) < 2000, f"not one clear line: {text!r}"
    text.encode()
    return text
