"""The state of online parts as arrays in one file: exact, checked when read, never pickled.

A part lists in `STATE` the attributes that change while it runs: arrays, buffers of rows and numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor, nn

from seqae._files import read_file, require_file, write_atomically
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.artifact.arrays import from_storage, to_storage

STATE_FILE = "stream.safetensors"
STATE_FORMAT = 6


class Stateful(Protocol):
    """An object whose attributes named in `STATE` change while it runs."""

    STATE: ClassVar[tuple[str, ...]]


def collect_state(parts: Mapping[str, Stateful]) -> dict[str, np.ndarray]:
    """Return the state of parts as arrays of any shape, by "part.attribute"."""
    return {
        f"{name}.{attribute}": _as_array(getattr(part, attribute))
        for name, part in parts.items()
        for attribute in part.STATE
    }


def restore_state(state: Mapping[str, np.ndarray], parts: Mapping[str, Stateful]) -> None:
    """Put parts into the state that `collect_state` returned: arrays of any shape by "part.attribute"."""
    for name, part in parts.items():
        for attribute in part.STATE:
            setattr(part, attribute, _like(getattr(part, attribute), state[f"{name}.{attribute}"]))


def write_state(folder: Path, state: Mapping[str, np.ndarray], owner: str) -> Path:
    """Write a state into a folder in one step, and return the file.

    Args:
        folder: Created if it is absent.
        state: Arrays of any shape by name.
        owner: The fingerprint of the detector that the state belongs to.

    Raises:
        OSError: The file cannot be written; an older one stays.
    """
    from safetensors.numpy import save

    stored = {name: np.ascontiguousarray(to_storage(array)) for name, array in state.items()}
    types = {name: array.dtype.str for name, array in state.items()}
    about = {
        "format": str(STATE_FORMAT),
        "owner": owner,
        "types": json.dumps(types),
        "sha256": _digest(stored, types, owner),
    }
    return write_atomically(folder / STATE_FILE, save(stored, metadata=about))


def read_state(folder: Path, owner: str) -> dict[str, np.ndarray]:
    """Return the state that `write_state` wrote, arrays of any shape by name.

    Args:
        folder: The folder that it was written to.
        owner: The fingerprint of the detector that reads it.

    Raises:
        FileNotFoundError: The folder holds no state.
        ValueError: The state is damaged, has another format, or belongs to another detector.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    path = folder / STATE_FILE
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} holds no state of a stream: {STATE_FILE} is absent. Give the folder it was saved to"
        )
    try:
        with safe_open(require_file(path), framework="numpy") as file:
            about = file.metadata() or {}
        stored = load(read_file(path))
        types = json.loads(about["types"])
        is_whole = about["sha256"] == _digest(stored, types, about["owner"]) and types.keys() == stored.keys()
        is_other = int(about["format"]) != STATE_FORMAT
    except (SafetensorError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is no state of a stream ({error}). Delete it to start again") from error
    if is_other:
        raise ValueError(
            f"{path} has format {about['format']}; this version reads format {STATE_FORMAT}. Delete it to start again, "
            "or go on with the version that wrote it"
        )
    if not is_whole:
        raise ValueError(f"{path} is damaged (its SHA-256 is another one). Delete it to start again")
    if about["owner"] != owner:
        raise ValueError(f"{path} belongs to another detector. Give that detector, or another folder for the state")
    return {name: from_storage(array, np.dtype(types[name])) for name, array in stored.items()}


def fingerprint(detector: object) -> str:
    """Return a hash of the settings of a fitted detector and of all that it has learnt."""
    digest = hashlib.sha256()
    for path, value in _leaves("", detector):
        if isinstance(value, np.ndarray):
            digest.update(f"{path} {value.dtype} {value.shape} ".encode() + np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{path} {value!r} ".encode())
    return digest.hexdigest()


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and plain values in an object with their paths, in an order that saving keeps."""
    parts: dict[str, Any]
    if isinstance(value, nn.Module):
        parts = dict(value.state_dict())
    elif isinstance(value, Tensor):
        yield path, value.detach().cpu().numpy()
        return
    elif isinstance(value, Mapping):
        parts = dict(value)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        parts = {str(number): part for number, part in enumerate(value)}
    elif isinstance(value, np.ndarray) or not hasattr(value, "__dict__"):
        yield path, value
        return
    else:
        parts = vars(value)
    for name, part in sorted(parts.items()):
        yield from _leaves(f"{path}.{name}", part)


def _as_array(value: Any) -> np.ndarray:
    return value.rows.copy() if isinstance(value, RowBuffer) else np.asarray(value)


def _like(before: Any, array: np.ndarray) -> object:
    """Return an array as a value of the type of the one before."""
    if isinstance(before, RowBuffer):
        return RowBuffer(array)
    return array if isinstance(before, np.ndarray) else type(before)(array.item())


def _digest(stored: Mapping[str, np.ndarray], types: Mapping[str, str], owner: str) -> str:
    digest = hashlib.sha256(f"{STATE_FORMAT} {owner} {sorted(types.items())}".encode())
    for name in sorted(stored):
        digest.update(f"{name} {stored[name].shape}".encode() + stored[name].tobytes())
    return digest.hexdigest()
