"""Packed files from elsewhere: what comes out of them has a limit, and nothing gets out of its folder.

`tarfile` leaves the folder on some versions of Python even with `filter="data"`, by a chain of links (CVE-2025-4517):
here links are refused, and so is everything else that is neither a file nor a folder.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

ROOM = 64 * 2**20  # bytes that any file may unpack to
RATIO = 100  # above, what it may unpack to is so many times its size; text reaches 30, nonsense 1000
MOST_FILES = 200_000
_CHUNK = 2**18
_TAR_END = 1024  # zeros
_TAR_OPENERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_DAMAGE = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,  # with a password, or packed in a way that Python does not know
)
_COLLISIONS = (FileExistsError, IsADirectoryError, NotADirectoryError)


def gunzipped(data: bytes, name: str) -> bytes:
    """Return the content of a gzipped file.

    Args:
        data: The file.
        name: Of the file, for errors.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return _Bounded(file, most_unpacked(len(data)), name).read_all()
    except _DAMAGE as error:
        raise ValueError(f"damaged gzip file ({name}: {error}). Get the file again") from error


@contextmanager
def opened_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip file, to be read by `member_of`.

    Raises:
        ValueError: It is damaged.
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
            return _Bounded(file, most_unpacked(info.compress_size), where).read_all()
    except _DAMAGE as error:
        raise ValueError(f"damaged zip file ({where}: {error}). Get the archive again") from error


def extract(archive: Path, folder: Path) -> Path:
    """Unpack a zip or tar file, plain or packed by gzip, bzip2 or xz, into a folder, unless that is there.

    The folder gets its name when all files are in it.

    Raises:
        ValueError: The archive is damaged, holds something else than files and folders or a name that leads out of the
            folder, or unpacks to far more than its size; nothing of it stays.
        OSError: It cannot be written.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".part-"))
    try:
        _unpack(archive, staged)
        staged.chmod(0o755)
        staged.rename(folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return folder


def most_unpacked(packed: int) -> int:
    """Return how many bytes a file of so many bytes may unpack to."""
    return max(ROOM, RATIO * packed)


class _Bounded:
    """A file of which only so many bytes are read.

    Args:
        file: What is unpacked.
        most: How many bytes it may give.
        name: For errors.
    """

    def __init__(self, file: IO[bytes], most: int, name: str):
        self.file = file
        self.most = self.left = most
        self.name = name
        self.end = b""  # the last bytes that were read

    def read(self, size: int) -> bytes:
        data = self.file.read(min(size, self.left + 1))
        self.left -= len(data)
        self.end = (self.end + data)[-_TAR_END:] if len(data) < _TAR_END else data[-_TAR_END:]
        if self.left < 0:
            raise ValueError(
                f"{self.name} unpacks to more than {self.most:,} bytes, far more than its size explains. "
                "If you trust it, unpack it yourself"
            )
        return data

    def read_all(self) -> bytes:
        return b"".join(iter(lambda: self.read(_CHUNK), b""))


def _unpack(archive: Path, folder: Path) -> None:
    seen: set[PurePosixPath] = set()
    try:
        for name, content in _members(archive):
            path = _inside(name)
            if path in seen or len(seen) == MOST_FILES:
                raise ValueError(f"{name!r} stands twice" if path in seen else f"more than {MOST_FILES:,} files")
            seen.add(path)
            _write(folder / path, content)
    except _COLLISIONS as error:
        raise ValueError(f"{archive} is refused: a file stands where a folder does ({name!r})") from error
    except ValueError as error:
        raise ValueError(f"{archive} is refused: {error}") from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno:  # of the disk, not of the archive
            raise
        raise ValueError(f"damaged archive ({archive}: {error}). Get it again") from error


def _members(archive: Path) -> Iterator[tuple[str, _Bounded | IO[bytes] | None]]:
    """Yield the name of each file with its content, and of each folder with None."""
    most = most_unpacked(archive.stat().st_size)
    if zipfile.is_zipfile(archive):
        yield from _in_zip(archive, most)
        return
    with archive.open("rb") as file:
        opener = _TAR_OPENERS.get(file.read(2), lambda file: file)
        file.seek(0)
        bounded = _Bounded(opener(file), most, archive.name)
        with tarfile.open(fileobj=bounded, mode="r|") as packed:  # in one pass, headers counted too
            for info in packed:
                if not (info.isreg() or info.isdir()):
                    raise ValueError(f"{info.name!r} is a link or a device; expected files and folders only")
                yield info.name, None if info.isdir() else packed.extractfile(info)
        bounded.read_all()
        if any(bounded.end):  # tarfile takes a cut between two files for the end
            raise EOFError("it has no end")


def _in_zip(archive: Path, most: int) -> Iterator[tuple[str, _Bounded | None]]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"{info.filename!r} is a link or a device; expected files and folders only")
            if info.is_dir():
                yield info.filename, None
                continue
            with packed.open(info) as file:
                content = _Bounded(file, most, archive.name)
                yield info.filename, content
                most = content.left


def _inside(name: str) -> PurePosixPath:
    """Return a name as a path below a folder.

    Raises:
        ValueError: It leads elsewhere, on this system or another one.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name):
        raise ValueError(f"{name!r} leads out of the folder")
    return path


def _write(path: Path, content: _Bounded | IO[bytes] | None) -> None:
    """Write a file, or make a folder."""
    if content is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        while chunk := content.read(_CHUNK):
            file.write(chunk)
