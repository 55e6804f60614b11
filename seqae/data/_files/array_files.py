"""Arrays in files of numpy, .npy and .npz: no pickle is read, and no memory taken for sizes that a file only claims."""

from __future__ import annotations

import io
import math
import os
import tokenize
from pathlib import Path
from typing import IO, Literal

import numpy as np

from seqae._files import open_file
from seqae.data._files.archives import member_of, opened_zip

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npy(path: Path) -> np.ndarray:
    """Return the array in a .npy file, of any shape, read-only; only the part that is used comes into memory.

    Raises:
        ValueError: It is no such file, is cut, or holds objects of Python.
    """
    with open_file(path) as file:
        kind, shape, order = _header(file, str(path))
        start, size = file.tell(), os.fstat(file.fileno()).st_size
    _check_size(size - start, kind, shape, str(path))
    return np.memmap(path, kind, mode="r", offset=start, shape=shape, order=order)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays in a .npz file, of any shapes, by their names, read-only.

    Raises:
        ValueError: It is no such file, is damaged, holds objects of Python, or unpacks to far more than its size.
    """
    with opened_zip(path) as packed:
        names = [name for name in packed.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): _array(member_of(packed, name), f"{path}/{name}") for name in names}


def _array(data: bytes, name: str) -> np.ndarray:
    file = io.BytesIO(data)
    kind, shape, order = _header(file, name)
    _check_size(len(data) - file.tell(), kind, shape, name)
    return np.frombuffer(data, kind, offset=file.tell()).reshape(shape, order=order)


def _header(file: IO[bytes], name: str) -> tuple[np.dtype, tuple[int, ...], Literal["C", "F"]]:
    """Read up to the values; return their type, the shape and the order of the array."""
    try:
        version = np.lib.format.read_magic(file)
        shape, is_fortran, kind = _HEADERS[version](file)
    except (ValueError, LookupError, tokenize.TokenError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"not an array of numpy ({name}: {why}). Expected a .npy file. Get it again") from error
    if kind.hasobject or kind.itemsize == 0 or min(shape, default=0) < 0:
        raise ValueError(f"an array of {kind} of shape {shape} ({name}). Expected numbers. Save it with another dtype")
    return kind, shape, "F" if is_fortran else "C"


def _check_size(held: int, kind: np.dtype, shape: tuple[int, ...], name: str) -> None:
    expected = math.prod(shape) * kind.itemsize
    if held != expected:
        raise ValueError(
            f"{held:,} bytes of values ({name}). Expected {expected:,} for {kind} of shape {shape}. Get the file again"
        )
