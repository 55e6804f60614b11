"""Drift in rows that arrive one after the other."""

from __future__ import annotations

import numpy as np

from seqae.anomaly.drift import REFERENCE_BLOCKS, STATISTICS, Drift, whole_blocks
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.anomaly.scorer import Scorer, times_of
from seqae.data.arrays import blocks_of_rows
from seqae.data.signals.recordings import Recording

REARM_BLOCKS = REFERENCE_BLOCKS  # blocks within the interval after which a channel that leaves it is reported again


class BlockBuffer:
    """Cuts rows that arrive one after the other into blocks.

    Args:
        size: The number of rows in a block.
        rows: An empty array of the shape and type of the rows, `(0, ...)`.
    """

    STATE = ("rows", "time", "first")

    def __init__(self, size: int, rows: np.ndarray):
        self.size = size
        self.rows = RowBuffer(rows)  # those after the last whole block
        self.time = np.zeros(0, dtype=np.int64)  # the time of the first of them, (1,)
        self.first = 0  # the number of the first of them

    def add(self, rows: np.ndarray | tuple[bool], times: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Add rows `(row, ...)` with their times `(row,)`.

        Returns:
            For each block that is complete now: the number of its first row, its rows `(block_row, ...)`, and the time
            of the first one, `(1,)`.
        """
        before = len(self.rows)
        if not before:
            self.time = times[:1].copy()
        self.rows.append(rows)
        if len(self.rows) < self.size:
            return []
        held, complete = self.rows.rows, []
        for block in whole_blocks(len(held), self.size):
            complete.append((self.first + block.start, held[block], self.time))
            next_time = block.stop - before
            self.time = times[next_time : next_time + 1].copy()
        count = len(complete) * self.size
        self.rows.drop(count)
        self.first += count
        return complete


class OnlineDrift:
    """Looks for drift in rows that arrive one after the other.

    Args:
        scorer: A calibrated scorer.
    """

    STATE = ("sides", "reported_sides", "blocks_inside", "previous_time", "alarm_run", "alarm_run_time")

    def __init__(self, scorer: Scorer):
        self.chart = scorer.drift_chart
        self.scaler = scorer.scaler
        self.channels = scorer.channels
        shape = len(STATISTICS), len(scorer.channels)
        self.rows = BlockBuffer(self.chart.block_rows_, np.zeros((0, shape[1]), dtype=np.float32))
        self.alarms = BlockBuffer(self.chart.block_rows_, np.zeros(0, dtype=bool))
        self.sides = np.zeros(shape)  # the side of the interval, 1 or -1, on which the latest block lies; 0 within it
        self.reported_sides = np.zeros(shape)  # the sides in the latest reports
        self.blocks_inside = np.full(shape, REARM_BLOCKS)  # since two consecutive blocks were outside
        self.previous_time = np.zeros(0, dtype=np.int64)  # the time of the first row of the latest block
        self.alarm_run = 0  # consecutive blocks with an alarm
        self.alarm_run_time = np.zeros(0, dtype=np.int64)  # the time of the first row of these blocks

    def observe_rows(self, rows: np.ndarray, times: np.ndarray) -> list[Drift]:
        """Take the next rows and return the drift that they confirm.

        Args:
            rows: Scaled rows, `(row, channel)` float32, NaN where a value is missing.
            times: `(row,)`, datetime64 or seconds; any integers if there are no times.
        """
        drifts = []
        for first, block, time in self.rows.add(rows, times):
            statistics = self.chart.statistics(block)
            sides = self.chart.sides(statistics)
            if not sides.any():  # as most are, and this is as quick as a row should be
                self.blocks_inside = self.blocks_inside + 1
                self.sides, self.previous_time = sides, time
                continue
            lasts = (sides != 0) & (sides == self.sides)
            is_new = lasts & ((self.blocks_inside >= REARM_BLOCKS) | (sides != self.reported_sides))
            for statistic, channel in np.argwhere(is_new).tolist():
                drifts.append(self._drift(statistic, channel, first - len(block), self.previous_time, statistics))
            self.reported_sides = np.where(is_new, sides, self.reported_sides)
            self.blocks_inside = np.where(lasts, 0, self.blocks_inside + (sides == 0))
            self.sides, self.previous_time = sides, time
        return drifts

    def observe_alarms(self, alarms: np.ndarray | tuple[bool], times: np.ndarray) -> list[Drift]:
        """Take which of the next rows raise alarms, and report if alarms have become too frequent.

        Args:
            alarms: `(row,)` bool; an array for one row would cost more than all else here.
            times: `(row,)`, as for `observe_rows`.
        """
        drifts, longest = [], self.chart.max_alarm_run_
        for first, block, time in self.alarms.add(alarms, times):
            self.alarm_run = self.alarm_run + 1 if block.any() else 0
            if self.alarm_run == 1:
                self.alarm_run_time = time
            if self.alarm_run == longest + 1:
                row, start = first - longest * len(block), _time_or_none(self.alarm_run_time)
                drifts.append(Drift("alarms", "", row, start, float(self.alarm_run), 0.0, float(longest)))
        return drifts

    def _drift(self, statistic: int, channel: int, row: int, time: np.ndarray, statistics: np.ndarray) -> Drift:
        chart = self.chart
        with np.errstate(over="ignore"):  # an interval from few known blocks may end beyond the largest float
            value, low, high = (
                float(chart.to_data_units(each, self.scaler)[statistic, channel])
                for each in (statistics, chart.center_ - chart.half_width_, chart.center_ + chart.half_width_)
            )
        return Drift(STATISTICS[statistic], self.channels[channel], row, _time_or_none(time), value, low, high)


def find_drift(recording: Recording, alarms: np.ndarray, scorer: Scorer) -> list[Drift]:
    """Return the drift in a recording, in the order of time.

    Args:
        recording: A recording with the scorer's channels.
        alarms: Whether each row raises an alarm, `(row,)` bool.
        scorer: A calibrated scorer.
    """
    online, values = OnlineDrift(scorer), recording.values
    times = np.zeros(len(values), dtype=np.int64) if recording.times is None else recording.times
    drifts = []
    for start, rows in blocks_of_rows(values):
        part = slice(start, start + len(rows))
        drifts += online.observe_rows(scorer.scaled(rows, times_of(recording, part)), times[part])
    drifts += online.observe_alarms(alarms, times)
    return sorted(drifts, key=lambda drift: drift.row)


def _time_or_none(time: np.ndarray) -> np.generic | None:
    return None if time.dtype.kind == "i" else time[0]
