"""Sequences as people have them: lists of arrays, cubes, frames, texts, sounds, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from seqae.data.arrays import REFUSED
from seqae.data.audio.files import Audio
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

Kind = Literal["readings", "frames", "tokens", "texts", "audio"]
_DIMENSIONS: dict[int, Kind] = {1: "readings", 2: "readings", 4: "frames"}


@dataclass(frozen=True, eq=False)
class RaggedSequences:
    """Sequences of one kind of step.

    Attributes:
        kind: What a step is.
        items: For readings arrays `(time, channel)`, for frames `(time, channel, height, width)`, for tokens `(time,)`
            int64; else texts, or sounds.
        is_flat: Whether the readings were given without an axis for the only channel.
        channels: The names of the channels of frames of pandas or polars; empty for arrays.
        pieces: For a table that was cut in windows, the number of windows of each table.
    """

    kind: Kind
    items: list[Any]
    is_flat: bool = False
    channels: tuple[str, ...] = ()
    pieces: tuple[int, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.items)


def read_sequences(
    data: Any, *, tokens: bool = False, channels: int | None = None, names: tuple[str, ...] = ()
) -> RaggedSequences:
    """Return the sequences in a container, without copying what need not be copied.

    Args:
        data: A list, tuple or object array of sequences: arrays or tensors `(time,)`, `(time, channel)` or
            `(time, channel, height, width)`, frames of pandas or polars, texts, or `Audio`; or one array
            `(sequence, time, channel)` or `(sequence, time)`, NaN after the end of a shorter sequence.
        tokens: Whether whole numbers `(time,)` are the ids of tokens and not readings of one channel.
        channels: The number of channels that is expected; None asks where the axes may be swapped.
        names: The names of the channels to read of frames; empty for all.

    Raises:
        ValueError: The container, or a sequence in it, cannot be read without guessing; the message says where.
        TypeError: It is no container of sequences.
    """
    items = _items(data)
    if not items:
        raise ValueError("no sequences (an empty container). Give at least one")
    if all(isinstance(item, str) for item in items):
        return RaggedSequences("texts", items)
    if all(isinstance(item, Audio) for item in items):
        return RaggedSequences("audio", items)
    if any(_is_frame(item) or isinstance(item, Recording) for item in items):
        recordings = as_recordings(items, channels=names or None)
        names = recordings[0].channels if recordings[0].is_named else ()
        arrays = [_finite(recording.values, index) for index, recording in enumerate(recordings)]
        return RaggedSequences("readings", arrays, channels=names)
    arrays = [_array(item, index, len(items)) for index, item in enumerate(items)]
    if tokens:
        return RaggedSequences("tokens", [_ids(array, index) for index, array in enumerate(arrays)])
    dimensions = {array.ndim for array in arrays}
    if len(dimensions) > 1:
        one, other = sorted(dimensions)[:2]
        raise ValueError(f"some sequences have {one} dimensions, others {other}. Give all of them as (time, channel)")
    (dimension,) = dimensions
    if dimension not in _DIMENSIONS:
        raise ValueError(
            f"sequences of shape {arrays[0].shape} (sequence 0). Expected (time,), (time, channel) or "
            "(time, channel, height, width). Are these frames without an axis for channels? Give x[:, None]"
        )
    kind = _DIMENSIONS[dimension]
    arrays = [array[:, None] if dimension == 1 else array for array in arrays]
    if (isinstance(data, np.ndarray) and data.ndim in (2, 3)) or hasattr(data, "detach"):
        arrays = [without_padding(array, index) for index, array in enumerate(arrays)]
    _check_shapes(arrays, kind, channels)
    return RaggedSequences(kind, [_finite(array, at) for at, array in enumerate(arrays)], is_flat=dimension == 1)


def read_windows(data: Any, window: int, stride: int, channels: tuple[str, ...] = ()) -> RaggedSequences:
    """Return the windows of tables; none spans a gap in time, and the last ones of a table may be shorter.

    Args:
        data: What `as_recordings` reads: a file or folder, a frame of pandas or polars, an array `(time, channel)`, or
            a list of these.
        window: The number of rows in a window.
        stride: Rows from the start of one window to that of the next.
        channels: The names of the channels to read; empty for all.

    Raises:
        ValueError: The tables cannot be read, or `window` or `stride` is below 1.
    """
    if window < 1 or stride < 1:
        raise ValueError(f"window={window}, stride={stride}. Expected whole numbers of rows of at least 1")
    windows, pieces = [], []
    recordings = as_recordings(data, channels=channels or None)
    for recording in recordings:
        parts = [recording.values[segment] for segment in recording.segments()]
        cut = [part[at : at + window] for part in parts for at in range(0, max(len(part) - window + stride, 1), stride)]
        windows += cut
        pieces.append(len(cut))
    names = recordings[0].channels if recordings[0].is_named else ()
    return RaggedSequences("readings", windows, channels=names, pieces=tuple(pieces))


def is_rectangular(data: Any) -> bool:
    """Return whether data are `(sequence, time)`: an array of two dimensions, or a frame without times.

    Raises:
        TypeError: It is a frame with times, whose rows are steps and not sequences.
    """
    if not _is_frame(data):
        return getattr(data, "ndim", None) == 2
    times = [str(kind) for kind in getattr(data, "dtypes", ()) if "date" in str(kind).lower()]
    if times or "date" in str(getattr(getattr(data, "index", None), "dtype", "")).lower():
        raise TypeError(
            "one frame with times. Is it one sequence? Put it in a list: [data]. Is it a long table? Give window=..., "
            "the number of rows in a sequence"
        )
    return True


def without_padding(rows: np.ndarray, index: int = 0) -> np.ndarray:
    """Return steps `(time, ...)` without those at the end that hold nothing but NaN.

    Raises:
        ValueError: No value is left.
    """
    if rows.dtype.kind != "f":
        return rows
    known = np.flatnonzero(~np.isnan(rows).reshape(len(rows), -1).all(axis=1))
    if not len(known):
        raise ValueError(f"sequence {index} has no value, NaN alone. Leave it out")
    return rows[: known[-1] + 1]


def _items(data: Any) -> list[Any]:
    """Return the sequences of a container as a list."""
    if hasattr(data, "detach"):  # a tensor of torch
        data = data.detach().cpu().numpy()
    if isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
        raise TypeError(f"{data!r:.60} is one text or path. Give a list of sequences, or read the file first")
    if _is_frame(data) or isinstance(data, Recording | Audio):
        raise TypeError(
            f"one {type(data).__name__}. Is it one sequence? Put it in a list: [data]. Is it a long table? Give "
            "window=..., the number of rows in a sequence"
        )
    if hasattr(data, "__array__") and not hasattr(data, "to_list"):
        data = np.asarray(data)
    if isinstance(data, np.ndarray):
        return _rows_of_array(data)
    if isinstance(data, (list, tuple)) or hasattr(data, "to_list"):  # also a Series of pandas or polars
        return list(data)
    raise TypeError(
        f"cannot read a {type(data).__name__} as sequences. Expected a list of arrays (time, channel), or one array "
        "(sequence, time, channel)"
    )


def _rows_of_array(data: np.ndarray) -> list[Any]:
    if (data.dtype.kind == "O" and data.ndim == 1) or (data.dtype.kind == "U" and data.ndim == 1):
        return [str(item) if isinstance(item, np.str_) else item for item in data]
    if data.ndim == 1:
        raise ValueError(
            f"one array of shape {data.shape}. Is it one sequence of one channel? Put it in a list: [data]. Reshape "
            "your data with data[None] for one sequence, data[:, None] for sequences of one step"
        )
    if data.ndim == 4:
        raise ValueError(
            f"an array of shape {data.shape}. Expected (sequence, time, channel), or (sequence, time, channel, height, "
            "width) for frames. Are these frames without an axis for channels? Give data[:, :, None]"
        )
    return list(data)


def _is_frame(data: Any) -> bool:
    return hasattr(data, "columns") and (hasattr(data, "iloc") or hasattr(data, "get_columns"))


def _array(item: Any, index: int, count: int) -> np.ndarray:
    """Return a sequence as an array of real numbers, float32 if it is, else float64, or integers as they are."""
    if hasattr(item, "detach"):
        item = item.detach().cpu()
        item = (item.float() if item.is_floating_point() and item.element_size() < 4 else item).numpy()
    if isinstance(item, (str, bytes, dict)) or item is None:
        raise TypeError(f"sequence {index} is a {type(item).__name__}, others are not. Give sequences of one kind")
    if isinstance(item, np.ma.MaskedArray):
        item = item.astype(np.float64).filled(np.nan)
    try:
        array = np.asarray(item)
        if array.dtype.kind == "O":  # None is a missing value
            array = array.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"sequence {index} is no array of numbers ({' '.join(str(error).split())[:80]}). Give (time, channel), one "
            "value for each channel at each step"
        ) from None
    if array.dtype.kind in REFUSED:
        raise ValueError(
            f"sequence {index} holds {REFUSED[array.dtype.kind]} ({array.dtype}). Readings are real numbers"
        )
    if array.ndim == 0:
        raise ValueError(
            f"sequence {index} is one number. Is the container one sequence of one channel? Put it in a list: [data]"
        )
    if array.size == 0:
        raise ValueError(f"sequence {index} of {count} is empty, {array.shape}. Drop empty sequences first")
    return array


def _ids(array: np.ndarray, index: int) -> np.ndarray:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"sequence {index} holds {array.dtype} of shape {array.shape}. Expected ids, whole numbers (time,)"
        )
    if array.min() < 0:
        raise ValueError(f"sequence {index} has the id {array.min()} (step {array.argmin()}). Ids are 0 or more")
    return array.astype(np.int64)


def _check_shapes(arrays: Sequence[np.ndarray], kind: Kind, channels: int | None) -> None:
    """Raise a ValueError if the shapes of steps differ, or if the axes may be swapped."""
    first = arrays[0].shape
    for index, array in enumerate(arrays):
        if array.shape[1:] != first[1:]:
            question = ""
            if array.ndim == 2 and len({each.shape[0] for each in arrays}) == 1:
                question = f" All have {first[0]} rows: are the axes (channel, time)? Give x.T for each"
            raise ValueError(
                f"sequence {index} has steps of shape {array.shape[1:]}, sequence 0 of {first[1:]}. Steps have one "
                f"shape in all sequences.{question}"
            )
    if kind == "frames" and first[1] > 4 and first[3] <= 4:
        raise ValueError(
            f"frames of shape {first[1:]}. Expected (channel, height, width): is the last axis that of the channels? "
            "Give x.transpose(0, 3, 1, 2) for each"
        )
    if channels is not None and first[1] != channels:
        raise ValueError(f"sequences of {first[1]} channels (shape {first}). Expected {channels}")
    longest = max(len(array) for array in arrays)
    alike = len({array.shape for array in arrays}) == 1
    if kind == "readings" and channels is None and alike and len(arrays) > 1 and 1 < longest < first[1]:
        raise ValueError(
            f"sequences of {longest} steps with {first[1]} channels (shape {first}). Expected (time, channel): are the "
            f"axes swapped? Swap them, or say channels={first[1]} if they are right"
        )


def _finite(array: np.ndarray, index: int) -> np.ndarray:
    """Return a sequence; raise a ValueError if a value is infinite, or none is known."""
    if array.dtype.kind != "f":
        return array
    if np.isinf(array).any():
        step, *place = np.argwhere(np.isinf(array))[0].tolist()
        raise ValueError(
            f"sequence {index} is infinite (step {step}, channel {place[0] if place else 0}). Correct the value, or "
            "give NaN if it is missing"
        )
    if np.isnan(array).all():
        raise ValueError(f"sequence {index} has no value, NaN alone. Leave it out")
    return array
