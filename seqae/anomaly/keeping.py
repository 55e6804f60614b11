"""The state of running parts, as arrays in one file: exact, checked when read, never pickled.

A part names in `STATE` those of its attributes that change while it runs: arrays, numbers, deques of numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae._files import write_atomically
from seqae.artifact.arrays import from_storage, to_storage

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector

NAME = "stream.safetensors"
FORMAT = 3


def pack(parts: Mapping[str, object]) -> dict[str, np.ndarray]:
    """Return the state of some parts."""
    return {
        f"{name}.{attribute}": _as_array(getattr(part, attribute))
        for name, part in parts.items()
        for attribute in part.STATE
    }


def unpack(state: Mapping[str, np.ndarray], parts: Mapping[str, object]) -> None:
    """Put parts into the state that `pack` returned."""
    for name, part in parts.items():
        for attribute in part.STATE:
            setattr(part, attribute, _like(getattr(part, attribute), state[f"{name}.{attribute}"]))


def write_state(folder: Path, state: Mapping[str, np.ndarray], owner: str) -> Path:
    """Put a state into a folder in one step.

    Args:
        folder: Made if it is absent.
        state: What to keep.
        owner: The fingerprint of the detector that it is of.
    """
    from safetensors.numpy import save

    stored = {name: np.ascontiguousarray(to_storage(array)) for name, array in state.items()}
    types = {name: array.dtype.str for name, array in state.items()}
    about = {"format": str(FORMAT), "owner": owner, "types": json.dumps(types), "sha256": _digest(stored, types, owner)}
    return write_atomically(folder / NAME, save(stored, metadata=about))


def read_state(folder: Path, owner: str) -> dict[str, np.ndarray]:
    """Return what `write_state` kept.

    Raises:
        FileNotFoundError: There is nothing.
        ValueError: It is damaged, of a newer format, or of another detector.
    """
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    path = folder / NAME
    if not path.exists():
        raise FileNotFoundError(
            f"{folder} holds no state of a stream: {NAME} is absent. Give the folder it was saved to"
        )
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
        stored = load(path.read_bytes())
        types = json.loads(about["types"])
        is_whole = about["sha256"] == _digest(stored, types, about["owner"]) and types.keys() == stored.keys()
        is_other = int(about["format"]) != FORMAT
    except (SafetensorError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is no state of a stream ({error}). Delete it to begin anew") from error
    if is_other:
        raise ValueError(
            f"{path} has format {about['format']}; this version reads format {FORMAT}. Delete it to begin anew, "
            "or go on with the version that wrote it"
        )
    if not is_whole:
        raise ValueError(f"{path} is damaged (its SHA-256 is another one). Delete it to begin anew")
    if about["owner"] != owner:
        raise ValueError(f"{path} is the state of another model. Give that model, or another folder for the state")
    return {name: from_storage(array, np.dtype(types[name])) for name, array in stored.items()}


def fingerprint(detector: AnomalyDetector) -> str:
    """Return what tells a fitted detector from others: a hash of its settings and of all that it has learnt."""
    scaler, levels = detector.scaler_, detector.levels_
    numbers = [scaler.mean_, scaler.scale_, levels.extreme_, levels.usual_, detector.limits_]
    numbers += [detector.level_.centre_, detector.level_.limit_, detector.quiet_.least_]
    numbers += [detector.drift_.centre_, detector.drift_.limit_]
    numbers += [each.numpy() for scale in detector.scales_ for each in scale.model.state_dict().values()]
    rows = [scale.rows for scale in detector.scales_]
    settings = (detector.channels_, rows, detector.window, detector.stride, detector.merge_gap, detector.min_rows)
    found = hashlib.sha256(repr(settings).encode())
    for array in numbers:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _as_array(value: object) -> np.ndarray:
    if not isinstance(value, deque):
        return np.asarray(value)
    return np.array(value, dtype=type(value[0]) if value else float)


def _like(before: object, array: np.ndarray) -> object:
    """Return a value of the type of the one before."""
    if isinstance(before, np.ndarray):
        return array
    return deque(array.tolist()) if isinstance(before, deque) else type(before)(array.item())


def _digest(stored: Mapping[str, np.ndarray], types: Mapping[str, str], owner: str) -> str:
    found = hashlib.sha256(f"{FORMAT} {owner} {sorted(types.items())}".encode())
    for name in sorted(stored):
        found.update(f"{name} {stored[name].shape}".encode() + stored[name].tobytes())
    return found.hexdigest()
