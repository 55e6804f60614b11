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

from seqae._files import read_file, reason, require_file, write_atomically
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.artifact.arrays import from_storage, to_storage

STATE_FILE = "stream.safetensors"
STATE_FORMAT = 6
_TIMES = ("times", "time", "previous_time", "alarm_run_time")  # attributes that take the type of the times


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
    """Put new parts into the state that `collect_state` returned: arrays of any shape by "part.attribute".

    Raises:
        ValueError: An attribute is absent, or of another shape or type than in the new parts; or times are of several
            types.
    """
    types = set()
    for name, part in parts.items():
        for attribute in part.STATE:
            key, new = f"{name}.{attribute}", getattr(part, attribute)
            if key not in state:
                raise _other_state(f"a state without {key}")
            array, empty = state[key], _as_array(new)
            if not _fits(array, empty, attribute in _TIMES):
                raise _other_state(f"a state with {key} of {array.dtype} and shape {array.shape}")
            if attribute in _TIMES and (array.dtype != empty.dtype or not np.array_equal(array, empty)):
                types.add(array.dtype.str)
            setattr(part, attribute, _like(new, array))
    if len(types) > 1:
        raise _other_state(f"a state with times of {' and '.join(sorted(types))}")


def _other_state(what: str) -> ValueError:
    return ValueError(f"{what} is none of this detector. Delete it to start again")


def _fits(array: np.ndarray, new: np.ndarray, is_time: bool) -> bool:
    """Whether an array may take the place of a new one: a number, rows whose first size is free, or of fixed sizes."""
    if not new.ndim:  # a number, which is kept as an array of one
        is_typed = array.dtype == new.dtype or (new.dtype.kind, array.dtype.kind) == ("f", "i")
        return is_typed and array.size == 1 and not _is_unknown(array)
    is_typed = array.dtype in ("int64", "float64", "datetime64[ns]") if is_time else array.dtype == new.dtype
    is_shaped = array.ndim == new.ndim and array.shape[1:] == new.shape[1:]
    return is_typed and is_shaped and (len(new) == 0 or len(array) == len(new))


def _is_unknown(array: np.ndarray) -> bool:
    return bool((array != array).any())  # NaN, or no time


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
        if not isinstance(types, dict):
            raise ValueError("no types of its arrays")
        is_whole = about["sha256"] == _digest(stored, types, about["owner"]) and types.keys() == stored.keys()
        is_other = int(about["format"]) != STATE_FORMAT
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no state of a stream ({reason(error)}). Delete it to start again") from error
    if is_other:
        raise ValueError(
            f"{path} has format {about['format']}; this version reads format {STATE_FORMAT}. Delete it to start again, "
            "or go on with the version that wrote it"
        )
    if not is_whole:
        raise ValueError(f"{path} is damaged (its SHA-256 is another one). Delete it to start again")
    if about["owner"] != owner:
        raise ValueError(f"{path} belongs to another detector. Give that detector, or another folder for the state")
    try:
        return {name: from_storage(array, np.dtype(types[name])) for name, array in stored.items()}
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} is no state of a stream ({reason(error)}). Delete it to start again") from error


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
