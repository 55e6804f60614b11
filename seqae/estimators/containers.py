"""What holds sequences: lists, arrays, tensors, Series, frames; and what to do with what does not."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqae.data.audio.files import Audio
from seqae.data.signals.recordings import Recording

_ONE = (
    "Is it one sequence? Put it in a list: [data]. Is it a long table? Give window=..., the number of rows in a "
    "sequence"
)
_ROWS = (
    "Is it one sequence (time, channel)? Put it in a list: [data]. Is each row a sequence of one channel? Give an axis "
    "for the channel: numpy.asarray(data)[:, :, None]"
)
_GROUPS = "Give a list of frames: [rows[channels] for _, rows in data.groupby(id)]"
# Of what looks like one sequence: rows, columns, and how much less rows differ from the next one than from any other.
_FEWEST_STEPS, _MOST_CHANNELS, _SMOOTH = 30, 64, 0.25
_ID_NAMES = {"id", "ids", "case", "case_id", "sequence", "sequence_id", "series", "series_id", "unit", "unique_id"}


def unwrap(data: Any) -> Any:
    """Return tensors and masked arrays as arrays with NaN where a value is missing, all else as it is.

    Raises:
        TypeError: It is nothing that holds sequences; the message says what to give instead.
    """
    if hasattr(data, "detach"):
        return array_of_tensor(data)
    if isinstance(data, np.ma.MaskedArray):
        return np.ma.filled(data.astype(np.float64), np.nan)
    if isinstance(data, (str, bytes)) or hasattr(data, "__fspath__"):
        raise TypeError(f"{data!r:.60} is one text or path. Give a list of sequences, or read the file first")
    name = type(data).__name__
    if isinstance(data, Recording | Audio):
        raise TypeError(f"one {name}. Is it one sequence? Put it in a list: [data]")
    if hasattr(data, "toarray"):
        raise TypeError(f"a sparse {name}. Expected numbers at every step. Give data.toarray()")
    if hasattr(data, "collect_schema") and hasattr(data, "collect"):
        raise TypeError(f"a {name} that is not read yet. Give data.collect()")
    if hasattr(data, "unpad"):
        raise TypeError(f"a {name}. Give its sequences: data.unpad()")
    if hasattr(data, "values") and hasattr(data, "keys") and not hasattr(data, "dtype") and not is_frame(data):
        raise TypeError(f"a {name} of sequences. Give them in a list: list(data.values())")
    if hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):  # a generator, a set, map, zip
        raise TypeError(f"a {name}, which has no order or can be read once alone. Give a list: list(data)")
    return data


def array_of_tensor(data: Any) -> np.ndarray:
    """Return a tensor of torch as an array of the same shape; numpy has no bfloat16."""
    data = data.detach().cpu()
    return (data.float() if data.is_floating_point() and data.element_size() < 4 else data).numpy()


def is_frame(data: Any) -> bool:
    """Return whether data are a frame of pandas or polars."""
    return hasattr(data, "columns") and (hasattr(data, "iloc") or hasattr(data, "get_columns"))


def is_rectangular(data: Any) -> bool:
    """Return whether data are `(sequence, time)`: an array or nested lists, or a frame with a row for each sequence.

    Raises:
        TypeError: It is a frame whose rows are steps and not sequences, or whose cells are no numbers.
        ValueError: It is an array whose cells are sequences.
    """
    if is_frame(data):
        _refuse_tables(data)
        return True
    if type(data) in (list, tuple):
        return _is_rectangle_of_numbers(data)
    if getattr(data, "ndim", None) != 2:
        return False
    if isinstance(data, np.ndarray) and data.dtype.kind == "O" and data.size and np.ndim(data[0, 0]):
        raise ValueError(
            f"an array of shape {data.shape} whose cells are sequences, not numbers. Give (time, channel) for each "
            "row: [np.stack(list(row), axis=1) for row in data]"
        )
    return True


def refuse_one_sequence(data: Any, channels: int | None) -> None:
    """Raise a ValueError if an array or a frame `(sequence, time)` is one sequence `(time, channel)` by its looks.

    That is one of a single column, one where other channels are expected, or one whose rows follow each other as
    steps do: independent sequences in any order are as unlike their neighbours as all others.

    Args:
        data: An array, nested lists or a frame; those whose cells are no numbers are left to other checks.
        channels: The number of channels that is expected; None if none is.
    """
    count, columns = np.shape(data)
    if columns == 1 and not np.iscomplexobj(data):
        raise ValueError(f"n_features = 1: one {type(data).__name__} of shape {(count, 1)}. {_ROWS}")
    if channels is not None and channels > 1:
        raise ValueError(f"one {type(data).__name__} of shape {(count, columns)}, for {channels} channels. {_ROWS}")
    if count < _FEWEST_STEPS or columns > _MOST_CHANNELS or count < 10 * columns:
        return
    try:
        rows = np.asarray(data, dtype=np.float64)
    except (ValueError, TypeError):
        return
    with np.errstate(all="ignore"):
        varied = rows[:, np.nanstd(rows, axis=0) > 0]
        # The ratio of von Neumann 1941, https://doi.org/10.1214/aoms/1177731677: 1 for rows without an order.
        ratios = np.nanmean(np.diff(varied, axis=0) ** 2, axis=0) / (2 * np.nanvar(varied, axis=0))
    if ratios.size and ratios.max() < _SMOOTH:
        raise ValueError(
            f"one {type(data).__name__} of shape {(count, columns)}, whose rows follow each other like steps of one "
            f"sequence. {_ROWS}"
        )


def check_order(item: Any, index: int) -> None:
    """Raise a ValueError if a Series or frame of pandas has times as its index that go back; no other index is time."""
    times: Any = getattr(item, "index", None)
    kind = str(getattr(times, "dtype", "")).lower()
    is_time = kind.startswith(("datetime", "timestamp", "period", "timedelta", "duration", "date"))
    if is_time and not times.is_monotonic_increasing:
        raise ValueError(f"the time of sequence {index} goes back. Expected steps in order. Sort it: x.sort_index()")
    if getattr(times, "nlevels", 1) > 1 and len(times.droplevel(-1).unique()) > 1:
        raise ValueError(
            f"sequence {index} has an index of {times.nlevels} levels, with several sequences in it. "
            f"{_GROUPS.replace('(id)', '(level=0)')}"
        )


def items_of(data: Any) -> list[Any]:
    """Return the sequences of a container as a list.

    Raises:
        TypeError: It is no container.
        ValueError: Its dimensions are those of no container.
    """
    if is_frame(data):
        raise TypeError(f"one {type(data).__name__}. {_ONE}")
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


def _is_rectangle_of_numbers(rows: list[Any] | tuple[Any, ...]) -> bool:
    """Return whether rows are plain lists of one length, those of an array for scikit-learn."""
    if not rows or any(type(row) not in (list, tuple) or len(row) != len(rows[0]) for row in rows):
        return False
    return bool(rows[0]) and all(isinstance(item, (int, float, np.number, type(None))) for item in rows[0])


def _refuse_tables(frame: Any) -> None:
    """Raise a TypeError if a frame is a table of steps, not of sequences."""
    from seqae.data.signals.time_columns import is_time_name  # loads pandas

    times = any("date" in str(kind).lower() or "duration" in str(kind).lower() for kind in frame.dtypes)
    index: Any = getattr(frame, "index", None)
    if times or "date" in str(getattr(index, "dtype", "")).lower():
        raise TypeError(f"one frame with times. {_ONE}")
    if getattr(index, "nlevels", 1) > 1:
        raise TypeError(f"a frame with an index of {index.nlevels} levels. {_GROUPS.replace('(id)', '(level=0)')}")
    if named := [name for name in map(str, frame.columns) if is_time_name(name) or name.lower() in _ID_NAMES]:
        raise TypeError(
            f"a frame with a column {named[0]!r}: a long table, a row for each step? {_GROUPS}. Is each row a "
            "sequence? Leave the column out, or give data.to_numpy()"
        )
    for name, kind in zip(frame.columns, frame.dtypes):
        if str(kind).lower().startswith(("str", "categor", "enum", "list", "array", "struct")) or (
            str(kind) == "object" and not isinstance(frame[name].iloc[0], (int, float, np.number, type(None)))
        ):
            raise TypeError(
                f"a frame whose column {name!r} holds no numbers ({kind}). Expected a row for each sequence, its "
                f"columns the steps. Is it a long table? {_GROUPS}"
            )


def _rows_of_array(data: np.ndarray) -> list[Any]:
    if data.dtype.kind in "OU" and data.ndim == 1:
        return [str(item) if isinstance(item, np.str_) else item for item in data]
    if data.ndim == 0:
        raise ValueError(f"{data!r:.60} is one value. Give a list of arrays (time, channel)")
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
