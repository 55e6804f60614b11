"""Recordings of anything that holds readings: files, frames, arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Number
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from seqae.data.arrays import is_missing_mark, refuse_infinite, to_values
from seqae.data.signals.containers import is_columns, is_rows, table_of_columns, table_of_records, table_of_rows
from seqae.data.signals.irregularity import choose_resampling
from seqae.data.signals.names import default_names, format_names, machine_of_file, refuse_more_channels, suggest
from seqae.data.signals.options import ReadingKeywords, ReadingOptions, takes_reading_options
from seqae.data.signals.recordings import Recording
from seqae.data.signals.sampling import refuse_disorder
from seqae.data.signals.warnings import data_warnings

if TYPE_CHECKING:
    from seqae.data.signals.tables import Table


@takes_reading_options
def as_recordings(data: object, **reading: Unpack[ReadingKeywords]) -> list[Recording]:
    """Return recordings of anything that holds readings.

    NaN, None, an empty cell and a masked value are missing values: they stay NaN. Infinite values are refused.

    Args:
        data: A file (CSV and JSON, packed or not; Parquet, Arrow, Excel, numpy, MATLAB, HDF5, NetCDF, EDF, WFDB, TDMS,
            MDF) or a folder of files, sorted by name; a pandas or polars frame; an Arrow table; an array, tensor or
            list of numbers, `(time, channel)` or `(time,)`; a dict of columns, a list of dicts that are rows, or an
            array of records; a Recording; or a list of any of these, or a dict with one for each machine. An iterator
            of frames, Arrow batches or arrays gives one run in pieces. Nothing of it is changed.
        **reading: How tables are read, where they do not show it by themselves, see `ReadingOptions`: the column of
            times and how they are written, columns to leave out or to take, columns that tell machines apart, marks
            of missing values, lines around the table, and more.

    Returns:
        Recordings that all have the same channels in the same order.

    Raises:
        ValueError: The data cannot be read without guessing; the message names location and remedy.
        TypeError: `data` is none of the above, or there is no such option.

    Example:
        >>> from seqae import as_recordings
        >>> (recording,) = as_recordings([[1.5, 2.0], [None, 4.0]])
        >>> recording.values.tolist()
        [[1.5, 2.0], [nan, 4.0]]
        >>> recording.channels
        ('0', '1')
    """
    return read_recordings(data, ReadingOptions.of(**reading))


def read_recordings(
    data: object,
    options: ReadingOptions,
    remembered: ReadingOptions | None = None,
    known: Sequence[str] | None = None,
) -> list[Recording]:
    """Return recordings of anything that holds readings, as `as_recordings`.

    Args:
        data: As for `as_recordings`.
        options: How tables are read.
        remembered: Options of another table of the same machine, which hold where none is given here and where they
            apply: a column that is not there is no error.
        known: The channels of a model, which the recordings get, in this order: found by name, or, where channels have
            none, by position if there are as many. Options that name channels say which ones these are.
    """
    return recordings_and_names(data, options, remembered, known)[0]


def recordings_and_names(
    data: object,
    options: ReadingOptions,
    remembered: ReadingOptions | None = None,
    known: Sequence[str] | None = None,
) -> tuple[list[Recording], set[str]]:
    """Return recordings as `read_recordings`, and every name that a column of their tables may be called by."""
    recordings: list[Recording] = []
    seen: set[str] = set()
    for part in _parts(data, options if remembered is None else options.completed(remembered, ())):
        names = set(part.channels) if isinstance(part, Recording) else part.names
        in_file = {"file"} if part.name else set()
        own = options if remembered is None else options.completed(remembered, names | in_file)
        if known is not None and own.channels is None and remembered is not None:
            own = replace(own, channels=remembered.channels)  # those that were chosen to learn from
        found, more = _of_part(part, own, known)
        recordings += found
        seen.update(names | more)
    for name in options.ignore:
        if name not in seen:
            raise ValueError(f"no column {name!r} to ignore{suggest(name, seen)}")
    if options.entity:
        recordings = [replace(each, entity=each.entity or options.entity) for each in recordings]
    recordings = _aligned(recordings)
    options = options if remembered is None else options.completed(remembered, ())
    return (recordings if options.resample in (None, "none") else _resampled(recordings, options)), seen


def _of_part(
    part: Table | Recording, options: ReadingOptions, known: Sequence[str] | None
) -> tuple[list[Recording], set[str]]:
    """Return the recordings of a table or recording, and the names of columns that show when it is laid out."""
    is_all, names = known is not None and options.channels is None, set[str]()
    if isinstance(part, Recording):
        found = [_selected(part, options)]
        there: Sequence[str] = found[0].channels
    else:
        from seqae.data.signals.layout import LaidOut  # loads pandas

        wanted = replace(options, channels=tuple(known)) if known is not None and is_all else options
        laid_out = LaidOut.of(part, wanted)
        names, found = laid_out.table.names, list(laid_out.recordings(wanted))
        there = [name for name in laid_out.table.columns if name not in options.ignore]
    if known is None:
        return found, names
    if is_all:
        refuse_more_channels(there, known, sum(map(len, found)), part.name)
    return [recording.select(known) for recording in found], names


def _selected(recording: Recording, options: ReadingOptions) -> Recording:
    """Return the channels of a recording that are wanted, with NaN for marks of missing values."""
    for name in ("time_column", "by", "tag_column", "value_column"):
        value = getattr(options, name)
        if value and value != ("file",) and (name != "time_column" or recording.times is None):
            given = value[0] if isinstance(value, tuple) and len(value) == 1 else value
            raise ValueError(f"{name}={given!r}, but an array has no named columns. Pass a frame or a file")
    kept = recording.select([channel for channel in recording.channels if channel not in options.ignore])
    if not kept.channels:
        raise ValueError(
            f"no channels are left ({kept.name or 'recording'}). Ignore fewer than {format_names(recording.channels)}"
        )
    if options.by == ("file",):
        kept = replace(kept, entity=machine_of_file(kept.name))
    if options.missing:
        kept = _without_marks(kept, options)
    kept = _in_order(kept, options)
    refuse_infinite(kept.values, kept.channels, lambda row: f"{kept.name}, row {row}".removeprefix(", "))
    return kept if options.channels is None else kept.select(options.channels)


def _in_order(recording: Recording, options: ReadingOptions) -> Recording:
    """Return a recording whose rows are in the order of time, if they are, or if they are to be sorted."""
    times, where = recording.times, recording.name or "recording"
    if times is None:
        if options.sort:
            raise ValueError(f"sort=True, but there are no times ({where}). Give the rows with their times")
        return recording
    if len(unknown := np.flatnonzero(np.isnat(times) if times.dtype.kind in "Mm" else np.isnan(times))):
        raise ValueError(f"row {unknown[0]} has no time ({where}). Every row needs one. Fill it in, or drop the row")
    if not options.sort:
        refuse_disorder(times, "times", lambda row: f"{recording.name}, row {row}".removeprefix(", "))
        return recording
    order = np.argsort(times, kind="stable")
    return replace(recording, values=recording.values[order], times=times[order])


def _without_marks(recording: Recording, options: ReadingOptions) -> Recording:
    """Return a recording with NaN for numbers that mark missing values, and warnings about the others."""
    from seqae.data.signals.cells import CellReader  # loads pandas

    values = CellReader.of(options).without_marks(recording.values)
    before = set(data_warnings(recording.values, recording.channels, recording.times))
    notes = [each for each in recording.warnings if each not in before]
    found = data_warnings(values, recording.channels, recording.times, options)
    return replace(recording, values=values, warnings=(*notes, *found))


def _parts(data: Any, options: ReadingOptions) -> Iterator[Table | Recording]:
    """Tables and recordings, one for each run."""
    if isinstance(data, (str, Path)):
        from seqae.data.signals.formats.folders import tables_in  # loads pandas

        yield from tables_in(Path(data), options)
    elif isinstance(data, Mapping) and not is_columns(data):
        for machine, item in data.items():
            for part in _parts(item, options):
                yield replace(part, entity=" / ".join(filter(None, (str(machine), part.entity))))
    elif isinstance(data, (list, tuple)) and data and not _is_numbers(data) and not is_rows(data):
        _refuse_cut_rows(data)
        for number, item in enumerate(data):
            if isinstance(item, (list, tuple)) and not _is_numbers(item):
                raise TypeError(f"item {number} is a list within a list, and not of numbers. Pass one flat list")
            yield from _parts(item, options) if isinstance(item, (str, Path)) else [_part(item, f"recording {number}")]
    elif isinstance(data, Iterator) and not hasattr(data, "__arrow_c_stream__"):
        yield from _of_iterator(data, options)
    else:
        yield _part(data, "")


def _of_iterator(items: Iterator[Any], options: ReadingOptions) -> Iterator[Table | Recording]:
    """Paths and recordings are a run each; frames, arrays and Arrow batches are the pieces of one run, in order."""
    if hasattr(items, "readline"):
        raise TypeError("cannot read an open file. Expected its path")
    pieces: list[Table | Recording] = []
    number = -1
    for number, item in enumerate(items):
        if isinstance(item, (str, Path, Recording)) and not pieces:
            yield from _parts(item, options)
        elif isinstance(item, (str, Path, Recording, list, tuple, Number)) or getattr(item, "ndim", 2) != 2:
            raise TypeError(
                f"item {number} of the iterator is a {type(item).__name__}. Expected paths or recordings, a run "
                "each; or frames, Arrow batches or arrays (time, channel), the pieces of one run. Pass a list of runs"
            )
        else:
            pieces.append(_part(item, f"piece {number}"))
    if number < 0:
        raise ValueError("an iterator without items. A recording has at least one row; was it read before?")
    if pieces:
        yield _joined(pieces, options)


def _joined(pieces: list[Table | Recording], options: ReadingOptions) -> Table | Recording:
    """One run of its pieces."""
    arrays = [piece for piece in pieces if isinstance(piece, Recording)]
    if not arrays:
        from seqae.data.signals.pieces import joined  # loads pandas

        return joined([piece for piece in pieces if not isinstance(piece, Recording)], ignored=options.ignore)
    widths = {len(piece.channels) for piece in arrays}
    if len(arrays) < len(pieces) or len(widths) > 1:
        raise ValueError(
            f"pieces of {sorted(widths)} channels, {len(pieces) - len(arrays)} frames. Expected equal pieces"
        )
    return _part(np.concatenate([piece.values for piece in arrays]), "")


def _part(data: Any, where: str) -> Table | Recording:
    """One run that is in memory; `where` is its name in error messages."""
    if isinstance(data, Recording):
        return data
    if hasattr(data, "lazy") and not hasattr(data, "get_columns"):  # a lazy frame of polars
        data = data.collect()
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):  # a pandas or polars series
        data = data.to_frame()
    if hasattr(data, "iloc") or hasattr(data, "get_columns"):
        from seqae.data.signals.tables import table_of_frame  # loads pandas

        return table_of_frame(data, where=where)
    if any(hasattr(data, name) for name in ("__arrow_c_stream__", "__arrow_c_array__", "to_table")):
        from seqae.data.signals.formats.arrow_files import table_of_arrow  # loads pandas

        return table_of_arrow(data, where)
    if isinstance(data, Mapping) and is_columns(data):
        return table_of_columns(data, where)
    if is_rows(data):
        return table_of_rows(data, where)
    if isinstance(data, np.ndarray) and data.dtype.names:
        return table_of_records(data, where)
    values = to_values(data, where)
    channels = default_names(values.shape[1])
    refuse_infinite(values, channels, lambda row: f"{where}, row {row}".removeprefix(", "))
    return Recording(values, channels, warnings=tuple(data_warnings(values, channels)))


def _is_numbers(items: Sequence[Any]) -> bool:
    """Whether a list is one channel, or the rows of a table, and not a list of recordings."""
    if all(isinstance(item, (list, tuple)) for item in items):
        return all(_is_number(value) for item in items for value in item)
    return all(map(_is_number, items))


def _is_number(item: object) -> bool:
    return isinstance(item, (Number, np.number, np.bool_)) or is_missing_mark(item)


def _refuse_cut_rows(items: Sequence[Any]) -> None:
    """Raise if a list holds arrays of one number each: the rows of one recording, and not recordings."""
    if len(items) > 1 and all(getattr(item, "shape", None) == (1,) for item in items):
        raise ValueError(
            f"a list of {len(items)} arrays of one number each. Expected a list of recordings, (time, channel) each. "
            "If they are the rows of one recording, put them together: np.stack(rows)"
        )


def _resampled(recordings: list[Recording], options: ReadingOptions) -> list[Recording]:
    """All on one regular grid; values are held if nothing else is said."""
    resampling = choose_resampling(recordings, options.updated(fill=options.fill or "hold"))
    return [resampling.apply(recording).recording for recording in recordings]


def _aligned(recordings: list[Recording]) -> list[Recording]:
    """All with the channels of the first one."""
    first = recordings[0]
    for number, recording in enumerate(recordings):
        extra = [channel for channel in recording.channels if channel not in first.channels]
        if extra and not recording.is_named:
            raise ValueError(
                f"{len(recording.channels)} channels without names ({recording.name or f'recording {number}'}), and "
                f"{len(first.channels)} in the first recording. All runs need the same channels. Name those that are "
                f"meant: channels={list(first.channels)}, or give these alone"
            )
        if recording.is_named and extra:
            raise ValueError(
                f"{format_names(extra)} only in some runs ({recording.name or f'recording {number}'}). "
                f"All runs need the same channels. Leave the others out: ignore={extra}"
            )
    return [recording.select(first.channels) for recording in recordings]
