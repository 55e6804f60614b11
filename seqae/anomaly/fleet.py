"""Fleets: several machines of one kind with one model, each with its own level, scale, threshold and drift."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from seqae._warnings import warnings_here
from seqae.anomaly.drift import MIN_BLOCK_ROWS, DriftChart, student_quantile
from seqae.data.signals.names import format_names
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

QUARTERS = 4  # of a run, which tell how its level changes by itself
LEVEL_ERROR_RATE = 0.001  # the probability of a warning of runs that change between them as they change within
MIN_LEVEL_CHANGE = 4.0  # deviations within runs; smaller differences of level cost little
MIN_SPREAD_FACTOR = 4.0  # smaller ratios of deviations do not matter either
_Item = TypeVar("_Item")
_Key = TypeVar("_Key")


@dataclass(frozen=True, eq=False)
class Machine:
    """What a machine has of its own in a fleet.

    Attributes:
        scaler: Its level and scale.
        inflation: How many times more often than the fleet it exceeds a score, less than 1 if more rarely.
        drift_chart: Finds rows that are no longer like its normal ones.
    """

    scaler: Scaler
    inflation: float
    drift_chart: DriftChart


def grouped(items: Iterable[_Item], keys: Iterable[_Key]) -> dict[_Key, list[_Item]]:
    """Return the items with each key, such as the machine that they are of, in the order in which they come."""
    found: dict[_Key, list[_Item]] = {}
    for item, key in zip(items, keys, strict=True):
        found.setdefault(key, []).append(item)
    return found


def find_machine(machines: Mapping[str, Machine], entity: str) -> Machine:
    """Return the machine that rows are of.

    Raises:
        ValueError: None is named, or there is no such machine.
    """
    if entity in machines:
        return machines[entity]
    known = format_names(tuple(machines))
    first = next(iter(machines))
    if not entity:
        raise ValueError(
            f"rows of no machine, and this detector learnt each of {known} by itself. Name the column that tells the "
            f"machines apart, by='machine', or the one machine that the rows are of, entity={first!r}"
        )
    raise ValueError(
        f"machine {entity!r} is not one that this detector knows: {known}. Calibrate it for the new machine from its "
        f"normal rows, an hour of them or more: detector.recalibrate(normal_rows, entity={entity!r})"
    )


def check_machines(recordings: Sequence[Recording]) -> None:
    """Refuse recordings of which some name their machine and others do not; warn if none does and several seem to be.

    Raises:
        ValueError: Some do not.
    """
    without = [number for number, each in enumerate(recordings) if not each.entity]
    if 0 < len(without) < len(recordings):
        name = recordings[without[0]].name or f"recording {without[0]}"
        raise ValueError(
            f"{len(without)} of {len(recordings)} recordings name no machine ({name}), and the others do. Name the "
            "machine of each, by='machine', or of none"
        )
    if without:
        warn_of_levels(recordings)


def warn_of_levels(recordings: Sequence[Recording]) -> None:
    """Warn if runs differ in level or spread by far more than they change within.

    A channel that changes in every quarter of them counts where a run and the next one differ by much more than a fault
    would, and by more than they would if rows wandered from run to run as they do from one quarter of a run to the next
    (the mean of a random walk over runs changes four times as much as that over quarters, in variance).
    """
    runs = [each.values for each in recordings if len(each) >= MIN_BLOCK_ROWS]
    if len(runs) < 2:
        return
    with warnings_here("ignore", RuntimeWarning):  # of channels without values in a run
        differs = _differ(runs)
    if differs.any():
        channels = format_names(tuple(np.array(recordings[0].channels)[differs].tolist()))
        warnings.warn(
            f"the runs differ in level or spread by far more than they change within ({channels}): what is usual in "
            "one is not in another, and faults within a run are hard to see. If they are of several machines, name the "
            "column that tells these apart, by='machine', and each gets its own level, scale and threshold",
            stacklevel=4,
        )


def _differ(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Return in which channels runs `(row, channel)` differ by far more than they change within, `(channel,)` bool."""
    deviation = np.sqrt(np.nanmean([np.nanvar(run, axis=0) for run in runs], axis=0))
    levels = np.stack([_level(run, deviation) for run in runs])  # (run, statistic, channel)
    quarters = np.stack([[_level(part, deviation) for part in np.array_split(run, QUARTERS)] for run in runs])
    levels[np.isnan(quarters).any(axis=1)] = np.nan
    changes, within = np.abs(np.diff(levels, axis=0)), np.square(np.diff(quarters, axis=1))
    quantile = student_quantile(LEVEL_ERROR_RATE / (2 * changes.size), (QUARTERS - 1.0) * len(runs))
    likely = quantile * np.sqrt(QUARTERS * np.nanmean(within, axis=(0, 1)))
    smallest = np.array([[MIN_LEVEL_CHANGE], [np.log(MIN_SPREAD_FACTOR)]])
    return (changes > np.maximum(likely, smallest)).any(axis=(0, 1))


def _level(rows: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return mean and logarithm of the spread of rows `(row, channel)`, in deviations `(channel,)`, `(2, channel)`.

    Both are NaN for channels without values and for those that do not change in these rows, such as a valve.
    """
    own = np.nanstd(rows, axis=0) / deviation
    return np.where(own > 0, np.stack([np.nanmean(rows, axis=0) / deviation, np.log(own)]), np.nan)
