"""Compressed files from elsewhere, read in memory: their unpacked size is limited."""

from __future__ import annotations

import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

ROOM = 64 * 2**20  # bytes that any file may unpack to
RATIO = 100  # a larger file may unpack to this many times its size; text reaches 30, malicious files 1000
_CHUNK = 2**18
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
            return _read_bounded(file, max_unpacked(len(data)), name)
    except _DAMAGED as error:
        raise ValueError(f"damaged gzip file ({name}: {error}). Get the file again") from error


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file, to be read by `member_of`.

    Raises:
        ValueError: The file is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except zipfile.BadZipFile as error:
        raise ValueError(f"damaged zip file ({path}: {error}). Get it again") from error


def member_of(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a file in a zip file.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    info = archive.getinfo(name)
    where = f"{archive.filename}/{name}" if archive.filename else name
    try:
        with archive.open(info) as file:
            return _read_bounded(file, max_unpacked(info.compress_size), where)
    except _DAMAGED as error:
        raise ValueError(f"damaged zip file ({where}: {error}). Get the archive again") from error


def max_unpacked(packed: int) -> int:
    """Return the maximum unpacked size, in bytes, of a file of a given size."""
    return max(ROOM, RATIO * packed)


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _read_bounded(file: _Readable, max_size: int, name: str) -> bytes:
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
