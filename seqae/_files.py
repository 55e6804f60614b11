"""Files of this machine: only what is a file is read, and a file is written whole or not at all.

A pipe, a socket or a device in place of a file may never end, or hold a reader up for ever; a link in place of a file
to write may lead anywhere. What is open is looked at once more, since its name may have been given to something else.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import BinaryIO, TypeVar

_PART = ".part-"  # how the names of files begin that are being written
_OWN_PART = re.compile(rf"{re.escape(_PART)}[a-z0-9_]{{8}}(\.[^.]*)?")  # and not those of Hadoop: .part-00000.crc
# None of them is known to every system. Without O_NONBLOCK, opening a pipe waits for its other end.
_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_MANY, _SHARE = 1000, 0.01  # a folder of so many names is listed again only for this share of the time
_due: dict[str, float] = {}  # when each of these is listed again

_Opened = TypeVar("_Opened", BufferedReader, BufferedWriter)
_MAX_REASON = 200  # characters
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_local_path(folder: str | os.PathLike[str]) -> Path:
    """Return the path of a folder on this machine.

    Raises:
        ValueError: The path is a URL.
    """
    if re.match(r"[a-z][a-z0-9+.-]+:/", os.fspath(folder), re.IGNORECASE):
        raise ValueError(f"{folder} is an address. Download it first; only files on this machine are read and written")
    return Path(folder)


def safe_name(text: str) -> str:
    """Return a text as a part of the name of a file: what file systems do not take becomes an underscore."""
    return re.sub(r"[^\w+.-]+", "_", text).strip("_.")


def reason(error: Exception) -> str:
    """Return why something could not be read as a part of a message: the error of a library may quote all of a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = text if len(text) <= _MAX_REASON else f"{text[: _MAX_REASON - 3]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def require_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file, for libraries that open it by its name.

    Raises:
        FileNotFoundError: There is nothing, or a link to nothing.
        IsADirectoryError: It is a folder.
        ValueError: It is a pipe, a socket or a device.
    """
    path = Path(path)
    try:
        _refuse_others(path.stat().st_mode, path)
    except FileNotFoundError:
        raise _absent(path) from None
    return path


def only_files(paths: Iterable[Path]) -> list[Path]:
    """Return paths without those of folders, for the names in a folder.

    A link to an absent file is refused, not left out: the data would be fewer than its names, and nobody would know.

    Raises:
        FileNotFoundError: One is a link to nothing.
        ValueError: One is a pipe, a socket or a device.
    """
    return [require_file(path) for path in paths if not path.is_dir()]


def open_file(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file to read its bytes; never waits, as for the other end of a pipe.

    Raises:
        FileNotFoundError: There is nothing, or a link to nothing.
        IsADirectoryError: It is a folder.
        ValueError: It is a pipe, a socket or a device.
    """
    path = require_file(path)  # opening a device may already do something
    return _checked(open(path, "rb", opener=lambda name, _: os.open(name, _READING)), path)


def read_file(path: str | os.PathLike[str], max_bytes: int | None = None) -> bytes:
    """Return the content of a file, which may grow meanwhile: as much as it held when it was opened.

    Args:
        path: The file.
        max_bytes: The size of the largest one to read.

    Raises:
        FileNotFoundError: There is nothing, or a link to nothing.
        IsADirectoryError: It is a folder.
        ValueError: It is a pipe, a socket or a device, larger than that, or was cut meanwhile.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if max_bytes is not None and size > max_bytes:
            raise ValueError(f"{path} has more than {max_bytes:,} bytes, {size:,}. Is it another file?")
        content = file.read(size)
    if len(content) < size:
        raise ValueError(f"{path} was cut from {size:,} to {len(content):,} bytes while it was read. Read it again")
    return content


def create_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Create a file to write bytes, in place of what had its name; where that was a link, it leads nowhere any more.

    Raises:
        IsADirectoryError: It is a folder.
        OSError: It cannot be created.
    """
    if Path(path).is_dir() and not Path(path).is_symlink():
        raise IsADirectoryError(f"{path} is a folder, where a file is to be written. Move it elsewhere")
    with suppress(FileNotFoundError):
        Path(path).unlink()
    return _created(path)


def append_to_file(path: str | os.PathLike[str]) -> BufferedWriter:
    """Open a file to add bytes to its end; it is created if it is absent, and links are not followed.

    Raises:
        OSError: It is a link, or cannot be written.
        ValueError: It is a pipe, a socket or a device.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINKS
    if Path(path).is_symlink():
        raise OSError(errno.ELOOP, "is a link, which is not followed. Give the file itself", os.fspath(path))
    return _checked(open(path, "ab", opener=lambda name, _: os.open(name, flags, 0o666)), Path(path))


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside this one, which takes its place at the end; after an error nothing is left.

    The folders above it are created, the content is on the disk before the file gets its name, and its permissions
    follow the umask. A link that has its name is replaced, not followed. What killed processes left of their files in
    the folder is removed.

    Raises:
        IsADirectoryError: `path` is a folder.
        ValueError: It is a pipe, a socket or a device.
        OSError: It cannot be written; names it, and the old file stays.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected the name of a file; add one, for example report.html")
    if path.exists():
        _refuse_others(path.stat().st_mode, path)
    staged = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(path.parent)
        # Beside the target, since a rename across file systems copies; with its ending, which determines the format.
        staged, file = _staged(path.parent, path.suffix)
        with file:  # open, and so locked, until the end
            yield staged
            with os.fdopen(os.open(staged, os.O_RDWR | _NO_LINKS), "rb+") as written:  # a library may have made it anew
                os.fsync(written.fileno())
            if os.name == "nt":  # where open files keep their names
                file.close()
            staged.replace(path)
    except OSError as error:
        # A full disk names no file, and a folder that may not be written the temporary one.
        if error.errno and (error.filename is None or Path(error.filename).name.startswith(_PART)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        if staged is not None:
            staged.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes) -> Path:
    """Write a file in one step: readers see the old content or the new, never a part of it."""
    with atomic_write(path) as staged:
        staged.write_bytes(content)
    return Path(path)


def remove_leftovers(folder: Path) -> None:
    """Remove files in a folder that `atomic_write` did not finish because its process was killed."""
    begun = time.monotonic()
    if os.name == "nt" or begun < _due.get(str(folder), begun):  # Windows has no locks that tell who is alive
        return
    with suppress(OSError):
        paths = list(folder.iterdir())
        for part in [path for path in paths if _OWN_PART.fullmatch(path.name)]:
            with suppress(OSError), os.fdopen(os.open(part, _READING | _NO_LINKS), "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and _lock(file, wait=False):
                    part.unlink()
        if len(paths) > _MANY:
            _due[str(folder)] = time.monotonic() + (time.monotonic() - begun) / _SHARE


def _staged(folder: Path, ending: str) -> tuple[Path, BinaryIO]:
    """Create a file for what is being written, locked as long as it is open."""
    while True:
        path = folder / f"{_PART}{secrets.token_hex(4)}{ending}"
        file = _created(path)
        _lock(file, wait=True)
        if os.name == "nt" or os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # taken for a leftover in the moment before it was locked


def _created(path: str | os.PathLike[str]) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINKS
    return open(path, "rb+", opener=lambda name, _: os.open(name, flags, 0o666))


def _lock(file: BinaryIO, wait: bool) -> bool:
    """Lock an open file, which a kill of the process undoes; return whether it was possible."""
    try:
        import fcntl
    except ImportError:  # Windows
        return False
    try:  # some network file systems have no locks
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _checked(file: _Opened, path: Path) -> _Opened:
    """Return what is open if it is a file."""
    try:
        _refuse_others(os.fstat(file.fileno()).st_mode, path)
    except (OSError, ValueError):
        file.close()
        raise
    return file


def _refuse_others(mode: int, path: Path) -> None:
    """Raise an error if the mode of what is open, or has a name, is not that of a file."""
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder. Expected a file")
    kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "something else")
    raise ValueError(f"{path} is {kind}. Expected a file; save what it gives in one first")


def _absent(path: Path) -> FileNotFoundError:
    if path.is_symlink():
        return FileNotFoundError(f"{path} is a link to {path.readlink()}, which is absent. Give the file itself")
    return FileNotFoundError(f"no file {str(path)!r}. Check the path")
