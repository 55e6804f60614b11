"""Sequences as people have them: lists of arrays, cubes, frames, texts, sounds, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from seqae.data.arrays import MAX_MAGNITUDE, REFUSED
from seqae.data.audio.files import Audio
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording
from seqae.estimators.containers import (
    array_of_tensor,
    check_order,
    is_frame,
    is_rectangular,
    items_of,
    refuse_one_sequence,
    unwrap,
)

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
    data = unwrap(data)
    items = items_of(data)
    if not items:
        raise ValueError("no sequences (an empty container). Give at least one")
    if any(isinstance(item, str) for item in items):
        return RaggedSequences("texts", _alike(items, str, "texts"))
    if any(isinstance(item, Audio) for item in items):
        return RaggedSequences("audio", _alike(items, Audio, "sounds"))
    for index, item in enumerate(items):
        check_order(item, index)
    if any(is_frame(item) or isinstance(item, Recording) for item in items):
        recordings = as_recordings(items, channels=names or None)
        named = recordings[0].channels if recordings[0].is_named else ()
        values = [_finite(recording.values, index) for index, recording in enumerate(recordings)]
        return RaggedSequences("readings", values, channels=named)
    arrays = [_array(item, index, len(items)) for index, item in enumerate(items)]
    if tokens:
        return RaggedSequences("tokens", [_ids(array, index) for index, array in enumerate(arrays)])
    kind = _kind(arrays)
    is_flat = arrays[0].ndim == 1
    arrays = [array[:, None] if is_flat else array for array in arrays]
    _check_shapes(arrays, kind, channels)
    if isinstance(data, np.ndarray) and data.ndim in (2, 3):
        arrays = [without_padding(array, index) for index, array in enumerate(arrays)]
    return RaggedSequences(kind, [_finite(array, at) for at, array in enumerate(arrays)], is_flat=is_flat)


def read_windows(data: Any, window: int, stride: int, channels: tuple[str, ...] = ()) -> RaggedSequences:
    """Return the windows of tables; none spans a gap in time, and the last ones of a table may be shorter.

    Args:
        data: What `as_recordings` reads: a file or folder, a frame of pandas or polars, an array `(time, channel)`, or
            a list of these.
        window: The number of rows in a window.
        stride: Rows from the start of one window to that of the next.
        channels: The names of the channels to read; empty for all.

    Raises:
        ValueError: The tables cannot be read.
    """
    windows, pieces = [], []
    recordings = as_recordings(data, channels=channels or None)
    for recording in recordings:
        parts = [recording.values[segment] for segment in recording.segments()]
        cut = [part[at : at + window] for part in parts for at in range(0, max(len(part) - window + stride, 1), stride)]
        windows += cut
        pieces.append(len(cut))
    names = recordings[0].channels if recordings[0].is_named else ()
    return RaggedSequences("readings", windows, channels=names, pieces=tuple(pieces))


def read_for(estimator: Any, data: Any, reset: bool) -> RaggedSequences:
    """Return the sequences in a container, by the settings of a `SequenceAutoencoder`.

    Args:
        estimator: Fitted, unless `reset`.
        data: Sequences, or with a `window` tables.
        reset: Whether they are for training; else they are read as those of the training were.

    Raises:
        ValueError, TypeError: As `read_sequences` and `read_windows`; or they are of another kind than in training.
    """
    names = () if reset else estimator.channel_names_
    if (window := estimator.window) is not None:
        return read_windows(data, window, max(window // 2, 1) if reset else window, names)
    data = unwrap(data)
    channels = estimator.channels if reset else getattr(estimator.steps_, "num_channels", None)
    if is_rectangular(data) and not estimator.tokens:
        if reset or not hasattr(estimator, "n_features_in_"):
            refuse_one_sequence(data, channels)
        data = rows_of(estimator, data, reset)
    elif reset:
        for name in ("n_features_in_", "feature_names_in_"):  # of an earlier fit
            vars(estimator).pop(name, None)
    found = read_sequences(data, tokens=estimator.tokens, channels=channels, names=names)
    if not reset and found.kind != estimator.kind_:
        raise ValueError(f"these sequences are {found.kind}. Expected {estimator.kind_}, as in fit")
    return found


def rows_of(estimator: BaseEstimator, data: Any, reset: bool) -> list[np.ndarray]:
    """Return the rows of an array or a frame `(sequence, time)`, without padding, after the checks of scikit-learn.

    Args:
        estimator: Keeps the number of columns and their names if there is a `reset`, else knows them.
        data: The array or frame.
        reset: Whether this is for training.

    Raises:
        ValueError: There are other columns than in training, or a row has no value.
    """
    try:
        rows = validate_data(
            estimator, data, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
    except ValueError as error:
        if "features as input" not in str(error):
            raise
        raise ValueError(
            f"{error} Are these sequences of another length? Give arrays in a list: "
            "[numpy.asarray(row) for row in data]"
        ) from None
    return [without_padding(row, index) for index, row in enumerate(rows)]


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


def _alike(items: list[Any], kind: type, words: str) -> list[Any]:
    """Return items that all are of one type, texts as plain strings."""
    for index, item in enumerate(items):
        if not isinstance(item, kind):
            what = f"{item!r:.30}" if np.ndim(item) == 0 else f"a {type(item).__name__}"
            raise TypeError(f"sequence {index} is {what}, others are {words}. Give {words} alone")
    return [str(item) for item in items] if kind is str else items


def _array(item: Any, index: int, count: int) -> np.ndarray:
    """Return a sequence as an array of real numbers, float32 if it is, else float64, or integers as they are."""
    if hasattr(item, "detach"):
        item = array_of_tensor(item)
    if isinstance(item, (bytes, dict, set)) or item is None or hasattr(item, "__fspath__"):
        raise TypeError(f"sequence {index} is a {type(item).__name__}. Give (time, channel), an array of numbers")
    if isinstance(item, np.ma.MaskedArray):
        item = np.ma.filled(item.astype(np.float64), np.nan)
    try:
        array = np.asarray(item)
        if array.dtype.kind == "O":  # None is a missing value
            array = array.astype(np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(
            f"sequence {index} is no array of numbers ({' '.join(str(error).split())[:80]}). Give (time, channel), one "
            "value for each channel at each step"
        ) from None
    if array.dtype.kind in REFUSED:
        words = " Give each text as one string" if array.dtype.kind == "U" else ""
        raise ValueError(
            f"sequence {index} holds {REFUSED[array.dtype.kind]} ({array.dtype}). Readings are real numbers.{words}"
        )
    if array.ndim == 0:
        raise ValueError(
            f"sequence {index} is one number. Is the container one sequence of one channel? Put it in a list: [data]"
        )
    if array.size == 0:
        raise ValueError(f"sequence {index} of {count} is empty, {array.shape}. Drop empty sequences first")
    return array


def _kind(arrays: list[np.ndarray]) -> Kind:
    """Return what a step of arrays is, by their dimensions."""
    first = arrays[0]
    for index, array in enumerate(arrays):
        if array.ndim != first.ndim:
            raise ValueError(
                f"sequence {index} has the shape {array.shape}, sequence 0 {first.shape}. Expected as many dimensions "
                "in all. Give (time, channel) for each: x[:, None] for one channel"
            )
    if first.ndim not in _DIMENSIONS:
        raise ValueError(
            f"sequences of shape {first.shape} (sequence 0). Expected (time,), (time, channel) or "
            "(time, channel, height, width). Are these frames without an axis for channels? Give x[:, None]"
        )
    return _DIMENSIONS[first.ndim]


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
        swapped = ". Are the axes swapped? Give x.T for each" if kind == "readings" and first[0] == channels else ""
        raise ValueError(f"sequences of {first[1]} channels (shape {first}). Expected {channels}{swapped}")
    alike = len({array.shape for array in arrays}) == 1
    if kind == "readings" and channels is None and alike and len(arrays) > 1 and first[0] < first[1]:
        raise ValueError(
            f"sequences of {first[0]} steps with {first[1]} channels (shape {first}). Expected (time, channel): are "
            f"the axes swapped? Give x.T for each, or say channels={first[1]} if they are right"
        )


def _finite(array: np.ndarray, index: int) -> np.ndarray:
    """Return a sequence; raise a ValueError if a value is infinite or enormous, or none is known."""
    if array.dtype.kind != "f":
        return array
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(array) <= np.float64(MAX_MAGNITUDE)) & ~np.isnan(array)
    if wrong.any():
        place = tuple(np.argwhere(wrong)[0].tolist())
        value = "infinite" if np.isinf(array[place]) else f"{array[place]:g}, beyond {MAX_MAGNITUDE:g}"
        where = "step {}, channel {}".format(*place) if array.ndim > 1 else f"step {place[0]}"
        raise ValueError(f"sequence {index} is {value} ({where}). Correct the value, or give NaN if it is missing")
    if np.isnan(array).all():
        raise ValueError(f"sequence {index} has no value, NaN alone. Leave it out")
    return array
