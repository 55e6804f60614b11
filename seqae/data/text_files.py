"""Text as bytes, gzipped or not."""

from __future__ import annotations

import re
from pathlib import Path

from seqae.data.archives import gunzipped

GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
PAGE = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)


def read_text(path: Path) -> bytes:
    """Return what a text file holds, unzipped, without its byte order mark.

    Raises:
        ValueError: The file is empty, damaged, or in another encoding than those that extend ASCII.
    """
    data = unzipped(path)
    if data.startswith(UTF16_MARKS):
        raise ValueError(f"UTF-16 text ({path.name}). Expected UTF-8. Save the file again in the encoding UTF-8")
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise ValueError(f"a zero byte ({path.name}, line {line}). Expected text in UTF-8. Is the file damaged?")
    data = data.removeprefix(UTF8_MARK)
    if PAGE.match(data):
        raise ValueError(f"a web page ({path.name}). Expected a table of readings. Was the download an error page?")
    if not data or data.isspace():
        raise ValueError(f"empty file ({path.name}). Expected a table of readings")
    return data


def unzipped(path: Path) -> bytes:
    """Return the bytes of a file, gzipped or not.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    data = path.read_bytes()
    return gunzipped(data, path.name) if data.startswith(GZIP) else data
