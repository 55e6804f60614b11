"""The two files of an artifact: written as one, verified when read. The values of the weights are not checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from seqae._files import create_file, open_file, read_file
from seqae.artifact.checksum import add_checksum, read_verified

WEIGHTS = "model.safetensors"
DESCRIPTION = "seqae.json"
# Fixed names: a killed save leaves at most these two, and the next one clears them away.
_NEW_WEIGHTS = ".model.safetensors.new"
_NEW_DESCRIPTION = ".seqae.json.new"

_MAX_BYTES = 16 * 2**20  # maximum size of the description


def write(folder: Path, content: Mapping[str, Any], weights: bytes) -> None:
    """Write an artifact into a folder, without touching other files in it.

    Both files are staged in the folder. The renaming of the description is the moment at which the new
    artifact takes the place of the old one: until the weights are renamed as well, readers find them
    where they are staged.

    Raises:
        OSError: Writing failed, or the folder is a link to nothing; it is as it was.
        ValueError: The description is too long.
    """
    description = add_checksum(
        {**content, "weights": hashlib.sha256(weights).hexdigest(), "weight_bytes": len(weights)}
    )
    if len(description) > _MAX_BYTES:
        raise ValueError(f"the description has {len(description)} bytes, more than {_MAX_BYTES}. Keep less in it")
    if folder.is_symlink() and not folder.exists():
        raise FileNotFoundError(f"{folder} is a link to {folder.readlink()}, which is absent. Give the folder itself")
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        _refuse_others(folder)
        _settle(folder)
        try:
            _replace_both(folder, weights, description)
        except OSError as error:
            with suppress(OSError):
                _settle(folder)
                if is_new:
                    folder.rmdir()
            raise OSError(error.errno, f"{error.strerror}; nothing was saved, nothing replaced", str(folder)) from error
        _settle(folder)


def read(folder: Path) -> tuple[dict[str, Any], bytes]:
    """Return the checked description of an artifact and the checked content of its file of weights.

    Raises:
        FileNotFoundError: There is no artifact.
        ValueError: A file is damaged or is something else; names it.
    """
    while True:
        data = _read_description(folder)
        content = read_verified(data, folder / DESCRIPTION)
        weights = _weights_with(content["weights"], content["weight_bytes"], folder)
        if weights is not None:
            return content, weights
        if data == _read_description(folder):
            break  # else someone saved meanwhile: look again
    if not (folder / WEIGHTS).exists():
        raise FileNotFoundError(f"{folder / WEIGHTS} is absent. Copy the whole folder again")
    raise ValueError(
        f"{folder / WEIGHTS} is damaged, or not the file that {DESCRIPTION} describes (its SHA-256 is another one). "
        "Copy the whole folder again, or save again"
    )


def _read_description(folder: Path) -> bytes:
    path = folder / DESCRIPTION
    if folder.is_file():
        raise ValueError(f"{folder} is a file. An artifact is a folder with {DESCRIPTION} and {WEIGHTS} in it")
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no artifact: {path} is absent. Give the folder that was saved to")
    return read_file(path, _MAX_BYTES)


def _weights_with(digest: str, size: int, folder: Path) -> bytes | None:
    """Return the file of weights with a SHA-256, from where they belong or from where a save has staged them."""
    for name in (WEIGHTS, _NEW_WEIGHTS, WEIGHTS):  # twice: they may be renamed between the first two looks
        with suppress(FileNotFoundError):
            if (folder / name).stat().st_size != size:
                continue  # and takes no memory, however large it is
            # All at once: a file that is opened again after it was checked may be another one, and so may this one be.
            with open_file(folder / name) as file:
                data = file.read(size) if os.fstat(file.fileno()).st_size == size else b""
            if hashlib.sha256(data).hexdigest() == digest:
                return data
    return None


def _replace_both(folder: Path, weights: bytes, description: bytes) -> None:
    _write(folder / _NEW_WEIGHTS, weights)
    _write(folder / _NEW_DESCRIPTION, description)
    _sync(folder)
    (folder / _NEW_DESCRIPTION).replace(folder / DESCRIPTION)
    _sync(folder)
    _sync(folder.parent)


def _settle(folder: Path) -> None:
    """Rename staged weights if the description names them, and delete other files that a save left."""
    staged, expected = folder / _NEW_WEIGHTS, None
    with suppress(FileNotFoundError, ValueError):
        expected = read_verified(_read_description(folder), folder / DESCRIPTION)["weights"]
    # Others may have put a link or a pipe there, which is no staged file.
    if staged.is_file() and not staged.is_symlink() and hashlib.sha256(read_file(staged)).hexdigest() == expected:
        staged.replace(folder / WEIGHTS)
        _sync(folder)
    staged.unlink(missing_ok=True)
    (folder / _NEW_DESCRIPTION).unlink(missing_ok=True)


def _refuse_others(folder: Path) -> None:
    """Raise an error if something lies there that saving must not replace, or cannot."""
    for path in (folder / name for name in (WEIGHTS, DESCRIPTION, _NEW_WEIGHTS, _NEW_DESCRIPTION)):
        if path.is_dir() and not path.is_symlink():
            raise IsADirectoryError(f"{path} is a folder, where a file is to be written. Choose another folder")
    if (folder / WEIGHTS).exists() and not (folder / DESCRIPTION).exists():
        raise FileExistsError(
            f"{folder / WEIGHTS} was not written by seqae ({DESCRIPTION} is absent). Choose another folder"
        )


def _write(path: Path, data: bytes) -> None:
    with create_file(path) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name != "posix":
        return  # Windows opens no folders
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait for others that save into the folder, for example the ranks of a distributed run."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # the lock goes with it, as it does when the process is killed
