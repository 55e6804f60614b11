"""Text as bytes, packed or not."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

from seqae._files import read_file
from seqae.data._files.archives import unpacked

GZIP = b"\x1f\x8b"
UTF8_MARK = b"\xef\xbb\xbf"
WIDE_MARKS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
OLD_ENCODING = "cp1252"  # of Windows programs that know no UTF-8; what it lacks is Latin-1
_HALF = re.compile(rb"\\ud[89a-f]|\xed[\xa0-\xbf]", re.IGNORECASE)  # of a character, as JSON writes it
_PIECE = 2**20  # bytes
PAGE = re.compile(rb"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)


def read_text(path: Path) -> bytes:
    """Return the content of a text file, unzipped, in UTF-8 without a byte order mark.

    UTF-16 and UTF-32 are known by their marks. A line that is not UTF-8 is read as Windows-1252.

    Raises:
        ValueError: The file is empty or damaged, or a web page.
    """
    data = text_of(_narrowed(unzipped(path), path.name), path.name)
    if not data or data.isspace():
        raise ValueError(f"empty file ({path.name}). Expected a table of readings")
    return data


def text_of(data: bytes, name: str, first_line: int = 1) -> bytes:
    """Return a text in UTF-8 without a byte order mark; a line that is not UTF-8 is read as Windows-1252.

    Args:
        data: The content of the file.
        name: The name of the file, for error messages.
        first_line: The number of the line that the text begins with.

    Raises:
        ValueError: It is a web page, or in an encoding with zero bytes.
    """
    if data.startswith(tuple(WIDE_MARKS)):
        raise ValueError(f"UTF-16 text ({name}). Expected UTF-8. Save the file again in the encoding UTF-8")
    if (zero := data.find(b"\0")) >= 0:
        line = data.count(b"\n", 0, zero) + first_line
        raise ValueError(f"a zero byte ({name}, line {line}). Expected text in UTF-8. Is the file damaged?")
    data = data.removeprefix(UTF8_MARK)
    if PAGE.match(data):
        raise ValueError(f"a web page ({name}). Expected a table of readings. Was the download an error page?")
    return data if data.isascii() or _is_utf8(data) else re.sub(rb"[^\r\n]+", _line_in_utf8, data)


def unzipped(path: Path) -> bytes:
    """Return the bytes of a file, packed by gzip, bzip2, xz, zstd or zip, or not.

    Raises:
        ValueError: It is damaged, unpacks to far more than its size, or is a zip file of several files.
    """
    return unpacked(read_file(path), path.name)


def _narrowed(data: bytes, name: str) -> bytes:
    """Return a text in UTF-8 if it begins with the mark of UTF-16 or UTF-32."""
    encoding = next((encoding for mark, encoding in WIDE_MARKS.items() if data.startswith(mark)), None)
    if encoding is None:
        return data
    try:
        return data.decode(encoding).encode()
    except UnicodeError as error:
        raise ValueError(
            f"damaged text in {encoding.upper()} ({name}: {error}). Save it again in the encoding UTF-8"
        ) from error


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:  # in pieces: a large text decoded at once takes memory for no use
        for start in range(0, len(data), _PIECE):
            decoder.decode(data[start : start + _PIECE], final=start + _PIECE >= len(data))
    except UnicodeDecodeError:
        return False
    return True


def _line_in_utf8(found: re.Match[bytes]) -> bytes:
    try:
        found[0].decode()
    except UnicodeDecodeError:
        text = "".join(bytes([code]).decode(OLD_ENCODING, errors="ignore") or chr(code) for code in found[0])
        return text.encode()
    return found[0]


def json_object(text: bytes | str, where: str) -> dict[str, object]:
    """Return the members of a line of JSON by their names.

    Args:
        text: The line with the object.
        where: File and line of the text, for error messages.

    Raises:
        ValueError: The text is no object, or a name occurs twice in it.
    """
    try:
        members = json_value(text)
    except ValueError as error:  # also text that is not UTF-8
        raise ValueError(f"not JSON ({where}: {error}). Expected one object a line") from error
    if not isinstance(members, dict):
        raise ValueError(f"not an object but a {type(members).__name__} ({where}). Expected one object a line")
    return members


def json_value(text: bytes | str) -> Any:
    """Return the value that a text of JSON holds.

    Raises:
        ValueError: It is not JSON, a name occurs twice in an object, or a text in it holds half a character, which
            JSON can write and no file can hold.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique_members)
        may_hold_half = _HALF.search(text if isinstance(text, bytes) else text.encode("utf-8", errors="surrogatepass"))
        if may_hold_half and (half := re.search(r"[\ud800-\udfff]", json.dumps(value, ensure_ascii=False))):
            raise ValueError(f"half a character, \\u{ord(half[0]):x}")
    except RecursionError:
        raise ValueError("values in values, too deep to be read") from None
    return value


def _unique_members(members: list[tuple[str, object]]) -> dict[str, object]:
    """Return the members of an object by name; json would take the last one of a name that occurs twice.

    Raises:
        ValueError: A name occurs twice.
    """
    names = [name for name, _ in members]
    if len(set(names)) < len(names):
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice")
    return dict(members)
