"""Compressed files from elsewhere, read in memory: their unpacked size is limited."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from seqae._extras import require
from seqae._files import open_file

ROOM = 64 * 2**20  # bytes that any file may unpack to
RATIO = 100  # a larger file may unpack to this many times its size; text reaches 30, malicious files 1000
_CHUNK = 2**18
ZIP = b"PK\x03\x04"
PACKED = {  # how files packed by each program begin
    "gzip": rb"\x1f\x8b",
    "bzip2": rb"BZh[1-9](1AY&SY|\x17rE8P\x90)",
    "xz": rb"\xfd7zXZ\x00",
    "zstd": rb"\x28\xb5\x2f\xfd",
}
_DAMAGED = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    RuntimeError,  # with a password, or packed in a way that Python does not know
)


def gunzipped(data: bytes, name: str) -> bytes:
    """Return the content of a gzipped file.

    Args:
        data: The content of the file.
        name: The name of the file, for error messages.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return read_bounded(file, max_unpacked(len(data)), name)
    except _DAMAGED as error:
        raise ValueError(f"damaged gzip file ({name}: {error}). Get the file again") from error


def unpacked(data: bytes, name: str) -> bytes:
    """Return the content of a file packed by gzip, bzip2, xz, zstd or zip, told by its first bytes; others as it is.

    Args:
        data: The content of the file.
        name: The name of the file, for error messages.

    Raises:
        ValueError: It is damaged, unpacks to far more than its size, or is a zip file of several files.
        MissingExtra: The package that reads zstd is absent.
    """
    if data.startswith(ZIP):
        return _only_member(data, name)
    kind = next((kind for kind, mark in PACKED.items() if re.match(mark, data)), None)
    if kind is None:
        return data
    if kind == "gzip":
        return gunzipped(data, name)
    opened = _opener(kind)
    try:
        with opened(io.BytesIO(data)) as file:
            return read_bounded(file, max_unpacked(len(data)), name)
    except _DAMAGED as error:
        raise ValueError(f"damaged {kind} file ({name}: {error}). Get the file again") from error


def only_member_of(archive: zipfile.ZipFile, name: str) -> str:
    """Return the name of the one file in a zip file; folders, hidden files and the notes of a Mac do not count.

    Raises:
        ValueError: There is none, or there are several.
    """
    members = [each for each in archive.namelist() if not each.endswith("/")]
    members = [each for each in members if not re.search(r"(^|/)(\.|__MACOSX/)", each)]
    if len(members) != 1:
        found = (
            f"{len(members)} files ({name}: {', '.join(map(repr, members[:5]))})" if members else f"no file ({name})"
        )
        raise ValueError(f"{found} in a zip file. Expected one table. Unpack it, and give the folder of its files")
    return members[0]


def _only_member(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return member_of(archive, only_member_of(archive, name), name)
    except zipfile.BadZipFile as error:
        raise ValueError(f"damaged zip file ({name}: {error}). Get the file again") from error


def _opener(kind: str) -> Callable[[IO[bytes]], IO[bytes]]:
    """Return what unpacks a stream of a kind."""
    if kind == "zstd":
        arrow = require("pyarrow", extra="tables", purpose="unpacking zstd")
        return lambda file: arrow.CompressedInputStream(file, "zstd")
    return bz2.open if kind == "bzip2" else lzma.open


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file, to be read by `member_of`.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise ValueError(f"damaged zip file ({path}: {error}). Get it again") from error


def member_of(archive: zipfile.ZipFile, name: str, where: str = "") -> bytes:
    """Return the content of a file in a zip file.

    Args:
        archive: The zip file.
        name: The name of the file in it.
        where: The name of both for error messages; by default that of the zip file and the file in it.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    info = archive.getinfo(name)
    where = where or (f"{archive.filename}/{name}" if archive.filename else name)
    try:
        with archive.open(info) as file:
            return read_bounded(file, max_unpacked(info.compress_size), where)
    except _DAMAGED as error:
        raise ValueError(f"damaged zip file ({where}: {error}). Get the archive again") from error


def max_unpacked(packed: int) -> int:
    """Return the maximum unpacked size, in bytes, of a file of a given size."""
    return max(ROOM, RATIO * packed)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def read_bounded(file: _Readable, max_size: int, name: str) -> bytes:
    """Return the content of a file of at most a given number of bytes."""
    parts: list[bytes] = []
    rest = max_size
    while part := file.read(min(_CHUNK, rest + 1)):
        rest -= len(part)
        if rest < 0:
            raise ValueError(
                f"{name} unpacks to more than {max_size:,} bytes, far more than its size explains. "
                "If you trust it, unpack it yourself"
            )
        parts.append(part)
    return b"".join(parts)
