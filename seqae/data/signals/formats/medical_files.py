"""Recordings of patients: EDF and BDF by pyedflib, those of PhysioNet by wfdb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqae._extras import require
from seqae.data.signals.formats.signals import Signals, chosen, clock_times, damage_named, merged, numbered
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table


def read_edf(path: Path, options: ReadingOptions) -> Table:
    """Return the signals of one sampling rate in an EDF or BDF file; `sheet` names it, as in "256 Hz".

    Raises:
        ValueError: It is damaged or has gaps, or has signals of several rates and none is named.
    """
    pyedflib = require("pyedflib", extra="medical", purpose=f"reading {path.suffix}")
    with damage_named(path, "EDF"):
        file = pyedflib.EdfReader(str(path), annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS)
    with file:
        with damage_named(path, "EDF"):
            names = numbered([label.strip() for label in file.getSignalLabels()])
            rates = [float(file.getSampleFrequency(number)) for number in range(len(names))]
            start = np.datetime64(file.getStartdatetime(), "ns")
        by_rate = _by_rate(names, rates)
        wanted = chosen(by_rate, path, options, can_merge=True)
        with damage_named(path, "EDF"):
            found = {rate: _edf_signals(file, by_rate[rate], names, start) for rate in wanted}
    return merged(found).table(path)


def _by_rate(names: Sequence[str], rates: Sequence[float]) -> dict[str, list[str]]:
    """Return the names of the signals of each rate."""
    groups: dict[str, list[str]] = {}
    for name, rate in zip(names, rates):
        groups.setdefault(f"{rate:.10g} Hz", []).append(name)
    return groups


def _edf_signals(file: Any, wanted: Sequence[str], names: Sequence[str], start: np.datetime64) -> Signals:
    numbers = [names.index(name) for name in wanted]
    columns = {names[number]: file.readSignal(number) for number in numbers}
    units = {names[number]: file.getPhysicalDimension(number) for number in numbers}
    rows = len(columns[wanted[0]])
    return Signals(columns, clock_times(start, 1 / file.getSampleFrequency(numbers[0]), rows), units)


def read_wfdb(path: Path, options: ReadingOptions) -> Table:
    """Return the signals of one sampling rate in a record of PhysioNet: a header .hea, and the files that it names.

    Raises:
        ValueError: It is damaged, a file is absent, or it has signals of several rates and none is named.
    """
    wfdb = require("wfdb", extra="medical", purpose="reading PhysioNet records")
    header = path.with_suffix(".hea")
    with damage_named(header, "WFDB"):
        record = wfdb.rdrecord(str(header.with_suffix("")), smooth_frames=False)
        names = numbered(record.sig_name)
        rates = [record.fs * per_frame for per_frame in record.samps_per_frame]
        start = None if record.base_datetime is None else np.datetime64(record.base_datetime, "ns")
        values = dict(zip(names, record.e_p_signal))
        units = dict(zip(names, (unit or "" for unit in record.units)))
    by_rate = _by_rate(names, rates)
    wanted = chosen(by_rate, path, options, can_merge=True)
    groups = {
        rate: _wfdb_signals(values, by_rate[rate], units, start, rates[names.index(by_rate[rate][0])])
        for rate in wanted
    }
    return merged(groups).table(path)


def _wfdb_signals(
    values: Mapping[str, np.ndarray],
    names: Sequence[str],
    units: Mapping[str, str],
    start: np.datetime64 | None,
    rate: float,
) -> Signals:
    columns = {name: np.asarray(values[name]) for name in names}
    return Signals(columns, clock_times(start, 1 / rate, len(columns[names[0]])), {name: units[name] for name in names})
