"""Whether the parts of a detector fit together and give numbers: asked of each one that is saved or loaded.

A detector that says nothing because it computes with what is not a number looks like one that finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from seqae.anomaly.calibration import Calibration
from seqae.anomaly.drift import STATISTICS, DriftChart
from seqae.anomaly.evidence import KINDS, WindowEvidence
from seqae.anomaly.rhythm import Rhythm
from seqae.transforms.scaler import Scaler

MAX_LENGTH = 10**6  # rows that a window covers: more would fill the memory of whoever scores few rows
MAX_BLOCK_ROWS = 10**6


def require_numbers(name: str, value: object, shape: tuple[int, ...] = (), above: float | None = None) -> None:
    """Raise a ValueError if something is no finite number, or no array of them of a shape, above a bound.

    Args:
        name: What it is, for the message.
        value: A number or an array.
        shape: Its shape; a number has none.
        above: The bound, if there is one.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.shape != shape:
        raise ValueError(f"{name} is {_shown(value)}. Expected {f'an array of shape {shape}' if shape else 'a number'}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} is not finite ({_shown(value)})")
    if above is not None and not (array > above).all():
        raise ValueError(f"{name} is {_shown(value)}. Expected more than {above:g}")


def require_count(name: str, value: object, low: int, high: int) -> None:
    """Raise a ValueError if something is no whole number from `low` to `high`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} is {_shown(value)}. Expected a whole number from {low} to {high}")


def check_scaler(scaler: Scaler, channels: int) -> None:
    """Raise a ValueError if a scaler is not one of so many channels."""
    require_numbers("mean_", scaler.mean_, (channels,))
    require_numbers("scale_", scaler.scale_, (channels,), above=0)
    require_numbers("is_constant_", scaler.is_constant_, (channels,))


def check_evidence(evidence: WindowEvidence, channels: int) -> None:
    """Raise a ValueError if windows of so many channels would have no evidence, or none that is a number."""
    require_numbers("center", evidence.values.center, np.shape(evidence.values.center))
    require_count("window", evidence.window, 1, len(evidence.values.center))
    require_count("rows_per_step", evidence.rows_per_step, 1, MAX_LENGTH // evidence.window)
    for whitening in (evidence.values, evidence.residuals):
        require_numbers("center", whitening.center, (evidence.window, channels))
        require_numbers("factor", whitening.factor, (channels, evidence.window, evidence.window))
    surprise = evidence.surprise
    if surprise is None:
        raise ValueError("surprise is None. Expected what is usual for the distances")
    require_numbers("degrees", surprise.degrees, (KINDS, channels), above=0)
    require_numbers("scale", surprise.scale, (KINDS, channels), above=0)
    require_numbers("dimensions", surprise.dimensions, (channels,), above=0)
    require_numbers("usual", surprise.usual, (KINDS, channels))
    require_numbers("quiet", surprise.quiet, (KINDS, channels), above=0)
    require_numbers("quiet_power", surprise.quiet_power, (KINDS, channels))
    if (accepted := evidence.accepted) is not None:
        require_numbers("patterns", accepted.patterns, (len(accepted.patterns), KINDS, channels, evidence.window))
        require_numbers("least", accepted.least)
        require_numbers("quietest", accepted.quietest, (KINDS, channels))


def evidence_of_usual(evidence: WindowEvidence, channels: int) -> torch.Tensor:
    """Return the evidence in two windows of scaled rows, all mean and all a deviation above it, `(window, channel)`.

    Raises:
        ValueError: The model cannot read them, or the evidence is no number.
    """
    windows = torch.stack([torch.full((evidence.window, channels), level, dtype=torch.float64) for level in (0.0, 1.0)])
    try:
        with torch.inference_mode():
            found = evidence.of_distances(evidence.distances_of(windows))
    except (RuntimeError, TypeError, IndexError, ValueError, AttributeError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(
            f"its model cannot read windows of {evidence.window} steps, {channels} channels ({why})"
        ) from error
    if found.shape != (2, channels) or not found.isfinite().all():
        raise ValueError(f"its model makes of usual windows what is no finite number ({found.flatten()[:4].tolist()})")
    return found


def check_calibration(calibration: Calibration, evidence: Sequence[float]) -> None:
    """Raise a ValueError if evidence gets no score that is a number of 0 or more."""
    for name in ("shape", "scale", "inflation"):
        require_numbers(name, getattr(calibration, name), above=0)
    require_numbers("clusters_per_row", calibration.clusters_per_row)
    size = len(calibration.grid) if np.ndim(calibration.grid) == 1 else 0
    require_count("the number of quantiles", size, 2, 10**6)
    for name in ("grid", "rarity"):
        require_numbers(name, getattr(calibration, name), (size,))
        if (np.diff(getattr(calibration, name)) < 0).any():
            raise ValueError(f"{name} is not in ascending order")
    scores = calibration.scores(torch.tensor([0.0, *evidence], dtype=torch.float64))
    require_numbers("the score of usual rows", scores.numpy(), (len(evidence) + 1,))


def check_chart(chart: DriftChart, channels: int) -> None:
    """Raise a ValueError if a chart is not one of blocks of so many channels; one that is not fitted is none."""
    if not hasattr(chart, "block_rows_"):
        return
    require_count("block_rows_", chart.block_rows_, 1, MAX_BLOCK_ROWS)
    require_count("max_alarm_run_", chart.max_alarm_run_, 0, 10**9)
    require_numbers("minimum_effect_", chart.minimum_effect_, (channels,))
    require_numbers("center_", chart.center_, (len(STATISTICS), channels))
    if np.shape(chart.half_width_) != (len(STATISTICS), channels) or np.isnan(chart.half_width_).any():
        raise ValueError(f"half_width_ is {_shown(chart.half_width_)}")  # infinite for a channel that is not judged


def check_rhythm(rhythm: Rhythm, channels: int) -> None:
    """Raise a ValueError if a rhythm is not one of so many channels."""
    require_numbers("expected", rhythm.expected, (len(rhythm.expected), channels))
    require_count("the number of nodes", len(rhythm.expected), 1, 10**6)


def _shown(value: object) -> str:
    return repr(value)[:60].replace("\n", " ")
