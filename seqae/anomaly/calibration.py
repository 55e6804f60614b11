"""Calibration: from evidence to a score that says how rare it is in normal rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.events import runs
from seqae.anomaly.thresholds import MIN_EXCESSES, fit_pareto

TAIL_ROWS = 50  # normal rows above which the tail is extrapolated
MAX_TAIL = 0.1  # the largest fraction of the rows that is a tail
MIN_SHAPE = 0.1  # of the tail: that it is no longer than an exponential one cannot be known
MIN_BLOCKS = 3  # to compare each with the others
MAX_SHAPE = 1.0  # a tail without a mean is no tail that few rows can show
ROUNDING = 1e9  # evidence is a multiple of one part of it
GRID_SIZE = 49  # quantiles below the tail


@dataclass(frozen=True, eq=False)
class Calibration:
    """How rare evidence is in normal rows, as minus the decimal logarithm of the fraction that has as much.

    Attributes:
        grid: Quantiles of the evidence of normal rows, `(quantile,)`, ascending; the last one starts the tail.
        rarity: The score at each of them, `(quantile,)`.
        shape: The shape of the generalised Pareto distribution of the tail, more than 0.
        scale: Its scale.
        inflation: The factor by which blocks of normal rows exceeded the rate that was set by the other blocks, or the
            later rows that of the earlier ones; 1 or more, unless a machine of a fleet exceeds it more rarely. Scores
            are lowered by its logarithm.
        clusters_per_row: How many separate runs of rows above the tail's start there are for each row.
    """

    grid: np.ndarray
    rarity: np.ndarray
    shape: float
    scale: float
    inflation: float
    clusters_per_row: float

    def scores(self, evidence: Tensor) -> Tensor:
        """Return the scores of rows with this evidence, both `(row,)` float64."""
        grid, rarity = torch.from_numpy(self.grid), torch.from_numpy(self.rarity)
        evidence = (evidence * ROUNDING).round() / ROUNDING
        above = (torch.searchsorted(grid, evidence.contiguous(), right=True) - 1).clamp(0, len(grid) - 2)
        steps = grid, grid.diff().clamp(min=1e-12), rarity, rarity.diff()
        low, width, least, rise = (each.index_select(0, above) for each in steps)
        within = least + ((evidence - low) / width).clamp(0, 1) * rise
        excess = (evidence - grid[-1]).clamp(min=0) / self.scale
        tail = torch.log1p(self.shape * excess) / self.shape
        return (within + tail / np.log(10) - np.log10(self.inflation)).clamp(min=0)

    def inflated(self, factor: float) -> Calibration:
        """Return the calibration of rows that exceed a score `factor` times as often."""
        return replace(self, inflation=self.inflation * factor)

    def evidence_of(self, score: float) -> float:
        """Return the least evidence among the quantiles that has a score; the largest if none has."""
        found = int(np.searchsorted(self.rarity - np.log10(self.inflation), score))
        return float(self.grid[min(found, len(self.grid) - 1)])

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the score that a fraction of normal rows exceeds."""
        return float(-np.log10(false_alarm_rate))

    def threshold_for_events(self, events_per_row: float) -> float:
        """Return the score that separate runs of normal rows exceed with a frequency, see `clusters_per_row`."""
        start = float(self.rarity[-1] - np.log10(self.inflation))
        return start + float(np.log10(max(self.clusters_per_row, 1e-300) / events_per_row))


def fit_calibration(
    blocks: Sequence[np.ndarray], false_alarm_rate: float, merge_gap: int, later: Sequence[np.ndarray] = ()
) -> Calibration:
    """Fit to the evidence of normal rows that no model was fitted to.

    Each block is also compared with what the others set, and the later rows with all: how much more often they exceed
    the rate becomes the inflation, so that what changes from one part of the normal rows to the next counts as normal.

    Args:
        blocks: Evidence, `(row,)` float64 each, in the order of time.
        false_alarm_rate: The rate at which they are compared.
        merge_gap: Runs of rows with at most this many rows between them are one.
        later: Evidence of the later half of the rows, `(row,)` float64 each, by models that were fitted to the earlier
            half; none where there is none.
    """
    calibration = _fit(np.concatenate(blocks), merge_gap)

    def rate(fitted: Calibration, evidence: np.ndarray) -> float:
        return float((fitted.scores(torch.from_numpy(evidence)) > fitted.threshold(false_alarm_rate)).double().mean())

    rates = [false_alarm_rate]
    if len(blocks) >= MIN_BLOCKS:
        others = [np.concatenate([*blocks[:number], *blocks[number + 1 :]]) for number in range(len(blocks))]
        exceeded = [rate(_fit(other, merge_gap), block) for other, block in zip(others, blocks)]
        rates.append(float(np.average(exceeded, weights=list(map(len, blocks)))))
    if later:
        rates.append(rate(calibration, np.concatenate(later)))
    return replace(calibration, inflation=max(rates) / false_alarm_rate)


def _fit(evidence: np.ndarray, merge_gap: int) -> Calibration:
    # Rows covered by the same least window have the same evidence: rounding must not tell them apart, and a quantile
    # between two rows would split them.
    rows, evidence = len(evidence), np.round(evidence * ROUNDING) / ROUNDING
    tail = min(MAX_TAIL, TAIL_ROWS / rows)
    grid = np.quantile(evidence, 1 - np.geomspace(1, tail, GRID_SIZE), method="lower")
    start = float(grid[-1])
    excesses = evidence[evidence > start] - start
    # Of rows with the same evidence, as with none, all are as rare.
    fractions = 1 - np.searchsorted(np.sort(evidence), grid, side="left") / rows
    rarity = np.maximum.accumulate(-np.log10(np.maximum(fractions, tail)))
    rarity[-1] = -np.log10(max(len(excesses), 1) / rows)
    shape, scale = _fit_tail(excesses, start)
    return Calibration(grid, rarity, shape, scale, 1.0, len(runs(evidence > start, merge_gap)) / rows)


def _fit_tail(excesses: np.ndarray, start: float) -> tuple[float, float]:
    """Return shape and scale of the tail of positive excesses over a start, `(excess,)`; they may be few or none."""
    shape, smallest = MIN_SHAPE, 1e-6 + 1e-3 * abs(start)
    if len(excesses) >= MIN_EXCESSES:
        shape, scale = fit_pareto(excesses)
        if MIN_SHAPE <= shape <= MAX_SHAPE:
            return shape, max(scale, smallest)
        shape = float(np.clip(shape, MIN_SHAPE, MAX_SHAPE))
    # The shape and the median of a Pareto distribution give its scale.
    median = float(np.median(excesses)) if len(excesses) else 0.0
    return shape, max(median * shape / (2**shape - 1), smallest)
