"""Files written whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside this one, which takes its place at the end; after an error nothing is left.

    The folders above it are created, the content is on the disk before the file gets its name, and its permissions
    follow the umask.

    Raises:
        IsADirectoryError: `path` is a folder.
        OSError: It cannot be written; names it, and the old file stays.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected the name of a file; add one, for example report.html")
    staged = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, since a rename across file systems copies; with its ending, which determines the format.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".part-", suffix=path.suffix)
        os.close(descriptor)
        staged = Path(name)
        yield staged
        with staged.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        staged.chmod(0o666 & ~umask)  # temporary files are for their owner alone
        staged.replace(path)
    except OSError as error:
        # A full disk names no file, and a folder that may not be written the temporary one.
        if error.errno and (error.filename is None or Path(error.filename).name.startswith(".part-")):
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
