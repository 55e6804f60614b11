"""Keeps built libraries where nobody else may write, since loading one runs it, and finds out when one is damaged."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIGEST_BYTES = hashlib.sha256().digest_size
_WAIT_SECONDS = 90  # for another process that builds, which gives up sooner
_BUILDING = ".building-"


class FolderError(Exception):
    """Why a folder is not used; raised and caught in this package."""


def cache_folder() -> Path:
    """Return the user's cache, created if need be.

    Raises:
        FolderError: There is no home folder, or others may exchange what is in the cache.
        OSError: The folder can't be created.
    """
    home = os.environ.get("XDG_CACHE_HOME")  # ignored unless absolute, as its specification says
    try:
        parent = Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise FolderError(f"{error}. Set XDG_CACHE_HOME to a folder") from None
    parent.mkdir(parents=True, exist_ok=True)
    return _private(parent / "seqae")


def temporary_folder() -> Path:
    """Return a folder of this user among the temporary ones, for when there is no cache; created if need be.

    Raises:
        FolderError: Others may exchange what is in it.
        OSError: The folder can't be created.
    """
    return _private(Path(tempfile.gettempdir()) / f"seqae-{os.geteuid()}")


def is_whole(library: Path) -> bool:
    """Return whether a kept library is there, as it was written, and nobody else may have written it."""
    try:
        state = library.lstat()
        if not stat.S_ISREG(state.st_mode) or not _is_own(state):
            return False
        content = library.read_bytes()
    except FileNotFoundError:
        return False
    return _digest(content[:-_DIGEST_BYTES]) == content[-_DIGEST_BYTES:]


def keep(built: Path, library: Path) -> None:
    """Give a built file its name, with the hash of its content behind it, which loading does not read.

    Raises:
        OSError: The disk is full, for example.
    """
    with built.open("ab") as file:
        file.write(_digest(built.read_bytes()))
        file.flush()
        os.fsync(file.fileno())
    built.chmod(0o700)
    built.replace(library)  # in one step: another process sees the whole file or none


@contextmanager
def building_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder in this one while no other process builds there; delete it, and what killed ones have left.

    Raises:
        FolderError: Another process builds for too long.
        OSError: The folder can't be written, or its file system has no locks.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, folder)  # the system unlocks it when this process ends, however it ends
        for left in folder.glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=_BUILDING, ignore_cleanup_errors=True) as building:
            yield Path(building)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    import fcntl  # not on Windows, which has no kernel

    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise FolderError(f"another process builds in {folder} for over {_WAIT_SECONDS} seconds") from None
        time.sleep(0.05)


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or not _is_own(state):
        raise FolderError(f"{folder} belongs to another user, or others may write it. Delete it, or chmod go-w")
    for above in {*folder.parents, *folder.resolve().parents}:
        state = above.stat()
        # In a folder like /tmp, whose sticky bit is set, only the owner of a folder may exchange it.
        if state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX:
            raise FolderError(f"anyone may exchange {folder}, since all may write {above}. chmod o-w {above}")
        if state.st_uid not in (0, os.geteuid()):
            raise FolderError(f"another user may exchange {folder}, the owner of {above}. Set XDG_CACHE_HOME")
    return folder


def _is_own(state: os.stat_result) -> bool:
    return state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
