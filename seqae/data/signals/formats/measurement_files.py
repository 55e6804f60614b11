"""Files of measuring systems: TDMS of LabVIEW by npTDMS, MDF of cars by asammdf."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seqae._extras import require
from seqae.data.signals.formats.signals import Signals, chosen, clock_times, damage_named, merged, numbered, refuse_bomb
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

_READABLE = "biufmM"  # kinds of dtypes: numbers, durations, time stamps
_MDF_TEXTS_3, _MDF_TEXTS_4 = range(7, 9), range(6, 15)  # types of channels that are texts, bytes, pictures
_NO_TIME = np.datetime64("1970-01-01")  # LabVIEW counts from 1904: what has no clock began then


def read_tdms(path: Path, options: ReadingOptions) -> Table:
    """Return the channels of a group in a TDMS file, which `sheet` names if there are several groups.

    Raises:
        ValueError: It is damaged, or has several groups or lengths of channels and none is named.
    """
    tdms = require("nptdms", extra="measurement", purpose="reading TDMS")
    with _quiet("nptdms"), damage_named(path, "TDMS"):
        file = tdms.TdmsFile.open(path)
    with file:
        with damage_named(path, "TDMS"):
            is_cut = file.file_status.incomplete_final_segment
            groups = _tdms_groups(file, is_cut)
        names = {name: [channel.name for channel in channels] for name, channels in groups.items()}
        has_clocks = all(_increment(channels) for channels in groups.values())
        wanted = chosen(names, path, options, can_merge=has_clocks)
        refuse_bomb(sum(8 * len(channel) for name in wanted for channel in groups[name]), path)
        with _quiet("nptdms"), damage_named(path, "TDMS"):
            found = {name: _tdms_signals(groups[name], is_cut) for name in wanted}
    return merged(found).table(path)


def _tdms_groups(file: Any, is_cut: bool) -> dict[str, list[Any]]:
    """Return the channels that were sampled together, by the name of their group, and the number of rows if needed."""
    groups: dict[str, list[Any]] = {}
    for group in file.groups():
        sampled: dict[Any, list[Any]] = {}
        for channel in group.channels():
            if (len(channel) or is_cut) and channel.dtype.kind in _READABLE:
                told = channel.properties
                clock = [told.get(f"wf_{name}") for name in ("increment", "start_time", "start_offset")]
                sampled.setdefault((*clock, None if is_cut else len(channel)), []).append(channel)
        names = [f"{group.name} ({len(channels[0])} rows)" for channels in sampled.values()]
        groups |= zip([group.name] if len(sampled) == 1 else numbered(names), sampled.values())
    return groups


def _increment(channels: Sequence[Any]) -> float:
    """Return the seconds from row to row, 0 if the file does not tell."""
    return float(channels[0].properties.get("wf_increment", 0.0))


def _tdms_signals(channels: Sequence[Any], is_cut: bool) -> Signals:
    rows = min(map(len, channels))
    told, period = channels[0].properties, _increment(channels)
    start = np.datetime64(told.get("wf_start_time", _NO_TIME), "ns")
    times = None
    if period > 0:
        offset = np.timedelta64(round(1e9 * float(told.get("wf_start_offset", 0.0))), "ns")
        times = clock_times(start + offset if start > _NO_TIME else None, period, rows)
    columns = dict(zip(numbered([channel.name for channel in channels]), (channel[:rows] for channel in channels)))
    units = dict(zip(columns, (str(channel.properties.get("unit_string", "")) for channel in channels)))
    notes = ("the file was not closed: it may have been cut, and its last rows lost",) if is_cut else ()
    return Signals(columns, times, units, notes)


def read_mdf(path: Path, options: ReadingOptions) -> Table:
    """Return the channels of a group in an MDF file, which `sheet` names; or those of all, if they are resampled.

    Values with a text for each number are the numbers.

    Raises:
        ValueError: It is damaged, or has several groups and none is named.
    """
    asammdf = require("asammdf", extra="measurement", purpose="reading MDF")
    with _quiet("asammdf"), damage_named(path, "MDF"):
        file = asammdf.MDF(path)
    with closing(file):
        with _quiet("asammdf"), damage_named(path, "MDF"):
            groups = _mdf_groups(file)
        names = {
            name: [file.groups[number].channels[index].name for index in found]
            for name, (number, found) in groups.items()
        }
        has_clocks = all(number in file.masters_db for number, _ in groups.values())
        wanted = chosen(names, path, options, can_merge=has_clocks)
        refuse_bomb(sum(_mdf_bytes(file.groups[groups[name][0]]) for name in wanted), path)
        with _quiet("asammdf"), damage_named(path, "MDF"):
            found = {name: _mdf_signals(file, *groups[name]) for name in wanted}
    return merged(found).table(path)


def _mdf_groups(file: Any) -> dict[str, tuple[int, list[int]]]:
    """Return the number of each group and those of its channels of numbers besides the time, by its name."""
    groups: dict[str, tuple[int, list[int]]] = {}
    for number, group in enumerate(file.groups):
        texts = _MDF_TEXTS_4 if file.version >= "4" else _MDF_TEXTS_3
        channels = [
            index
            for index, channel in enumerate(group.channels)
            if index != file.masters_db.get(number) and channel.data_type not in texts
        ]
        if group.channel_group.cycles_nr and channels:
            called = getattr(group.channel_group, "acq_name", "") or f"group {number}"
            groups[called if called not in groups else f"{called} {number}"] = number, channels
    return groups


def _mdf_bytes(group: Any) -> int:
    return int(group.channel_group.cycles_nr) * int(group.channel_group.samples_byte_nr)


def _mdf_signals(file: Any, number: int, channels: Sequence[int]) -> Signals:
    signals = file.select([(None, number, index) for index in channels], ignore_value2text_conversions=True)
    kept = [each for each in signals if each.samples.dtype.kind in _READABLE and each.samples.ndim == 1]
    columns = dict(zip(numbered([each.name for each in kept]), map(_valid, kept)))
    units = dict(zip(columns, (each.unit or "" for each in kept)))
    taken = {*channels, file.masters_db.get(number)}
    left_out = [each.name for index, each in enumerate(file.groups[number].channels) if index not in taken]
    left_out += [each.name for each in signals if each.name not in columns]
    notes = (f"left out, because no columns of numbers: {format_names(left_out)}",) if left_out else ()
    times = _mdf_times(file, signals[0].timestamps) if number in file.masters_db else None
    return Signals(columns, times, units, notes)


def _mdf_times(file: Any, seconds: np.ndarray) -> np.ndarray:
    """Return the times of rows, `(row,)` datetime64[ns] in UTC, from the seconds since the start of the measurement."""
    start = file.start_time
    if start.tzinfo is not None:
        start = start.astimezone(datetime.UTC).replace(tzinfo=None)
    return np.datetime64(start, "ns") + np.rint(seconds * 1e9).astype("m8[ns]")


def _valid(signal: Any) -> np.ndarray:
    """Return the values of a signal, `(row,)`, NaN where the file calls them invalid."""
    if signal.invalidation_bits is None or not np.any(signal.invalidation_bits):
        return signal.samples
    return np.where(signal.invalidation_bits, np.nan, signal.samples)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Keep a package from writing to the terminal what an error tells as well."""
    loggers = [
        logging.getLogger(each) for each in list(logging.root.manager.loggerDict) if f"{each}.".startswith(f"{name}.")
    ]
    were_disabled = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, was_disabled in zip(loggers, were_disabled):
            logger.disabled = was_disabled
