"""Text as bytes, gzipped or not."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path) -> bytes:
    """Return what a text file holds, unzipped, without its byte order mark.

    Raises:
        ValueError: The file is empty, damaged, or in another encoding than those that extend ASCII.
    """
    data = path.read_bytes()
    if data.startswith(GZIP):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"damaged gzip file ({path.name}: {error}). Get the file again") from error
    if data.startswith(UTF16_MARKS):
        raise ValueError(f"UTF-16 text ({path.name}). Expected UTF-8. Save the file again in the encoding UTF-8")
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise ValueError(f"a zero byte ({path.name}, line {line}). Expected text in UTF-8. Is the file damaged?")
    data = data.removeprefix(UTF8_MARK)
    if not data or data.isspace():
        raise ValueError(f"empty file ({path.name}). Expected a table of readings")
    return data
