"""Text as bytes, packed or not."""

from __future__ import annotations

import json
import re
from pathlib import Path

from seqae.data._files.archives import unpacked

GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
PAGE = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)


def read_text(path: Path) -> bytes:
    """Return the content of a text file, unzipped, without its byte order mark.

    Raises:
        ValueError: The file is empty, damaged, or in another encoding than those that extend ASCII.
    """
    data = text_of(unzipped(path), path.name)
    if not data or data.isspace():
        raise ValueError(f"empty file ({path.name}). Expected a table of readings")
    return data


def text_of(data: bytes, name: str, first_line: int = 1) -> bytes:
    """Return a text without its byte order mark.

    Args:
        data: The content of the file.
        name: The name of the file, for error messages.
        first_line: The number of the line that the text begins with.

    Raises:
        ValueError: It is a web page, or in another encoding than those that extend ASCII.
    """
    if data.startswith(UTF16_MARKS):
        raise ValueError(f"UTF-16 text ({name}). Expected UTF-8. Save the file again in the encoding UTF-8")
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + first_line
        raise ValueError(f"a zero byte ({name}, line {line}). Expected text in UTF-8. Is the file damaged?")
    data = data.removeprefix(UTF8_MARK)
    if PAGE.match(data):
        raise ValueError(f"a web page ({name}). Expected a table of readings. Was the download an error page?")
    return data


def unzipped(path: Path) -> bytes:
    """Return the bytes of a file, packed by gzip, bzip2, xz, zstd or zip, or not.

    Raises:
        ValueError: It is damaged, unpacks to far more than its size, or is a zip file of several files.
    """
    return unpacked(path.read_bytes(), path.name)


def json_object(text: bytes | str, where: str) -> dict[str, object]:
    """Return the members of a line of JSON by their names.

    Args:
        text: The line with the object.
        where: File and line of the text, for error messages.

    Raises:
        ValueError: The text is no object, or a name occurs twice in it.
    """
    try:
        members = json.loads(text, object_pairs_hook=unique_members)
    except (ValueError, RecursionError) as error:  # also text that is not UTF-8
        raise ValueError(f"not JSON ({where}: {error}). Expected one object a line") from error
    if not isinstance(members, dict):
        raise ValueError(f"not an object but a {type(members).__name__} ({where}). Expected one object a line")
    return members


def unique_members(members: list[tuple[str, object]]) -> dict[str, object]:
    """Return the members of an object by name; json would take the last one of a name that occurs twice.

    Raises:
        ValueError: A name occurs twice.
    """
    names = [name for name, _ in members]
    "".join(names).encode()  # half a character, which JSON can write and no file can hold, is refused here
    if len(set(names)) < len(names):
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return dict(members)
