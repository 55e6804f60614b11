"""The scores of rows, and what each channel contributes to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of rows.

    Attributes:
        scores: `(row,)` float32, higher = more anomalous; NaN where all values are missing. Rows between gaps in time
            that are fewer than a window has cannot be judged, and score 0.
        channel_scores: `(row, channel)` float32, what each channel contributes: they add up to the score. NaN where a
            value is missing.
    """

    scores: np.ndarray
    channel_scores: np.ndarray


def divided(scores: Tensor, evidence: Tensor, missing: np.ndarray) -> Scores:
    """Return scores `(row,)` divided among the channels as their evidence is, `(row, channel)`."""
    totals = evidence.sum(dim=1).clamp(min=torch.finfo(torch.float64).tiny)
    parts = evidence * (scores / totals)[:, None]
    unknown = missing.all(axis=1) if missing.any() else np.zeros(len(missing), dtype=bool)
    if (strange := np.isnan(scores.numpy()) & ~unknown).any():  # it would never raise an alarm
        raise ValueError(
            f"the model makes of {strange.sum()} rows with values what is not a number (NaN): it diverged, or its "
            "weights were changed. Fit it again"
        )
    found = Scores(scores.numpy().astype(np.float32), parts.numpy().astype(np.float32))
    if missing.any():
        found.scores[unknown] = np.nan
        found.channel_scores[missing] = np.nan
    return found
