"""Codes of faults: what a named fault looked like, to be compared with later events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from seqae.anomaly.evidence import WindowEvidence


@dataclass(frozen=True, eq=False)
class KnownFault:
    """A fault that an operator has named.

    Attributes:
        name: Its name.
        code: What it looked like, `(code_size,)` float64, see `fault_code`.
    """

    name: str
    code: np.ndarray


def fault_code(own: WindowEvidence, rows: np.ndarray) -> np.ndarray:
    """Return the code of an event, `(code_size,)` float64.

    For each channel and kind of distance it holds the mean of the whitened deviations and their mean square over the
    windows around the event's peak, both compressed, so that the size of a fault matters less than its channels,
    direction and course.

    Args:
        own: The evidence at the finest resolution.
        rows: Filled, scaled rows around the peak, `(row, channel)` float64: see `Scorer.rows_around`.
    """
    padded = np.pad(rows, ((0, max(own.length - len(rows), 0)), (0, 0)), mode="edge")
    with torch.inference_mode():
        deviations = own.deviations_of(own.windows_of(torch.from_numpy(padded)))  # (kind, channel, window, time)
        means = deviations.mean(dim=(2, 3)).asinh()
        squares = (deviations.square().mean(dim=(2, 3)).log1p() - math.log(2)).clamp(min=0)  # 1 is as usual
    return torch.cat([means.flatten(), squares.flatten()]).numpy()


def nearest_fault(faults: Sequence[KnownFault], code: np.ndarray) -> tuple[str, float]:
    """Return the name of the most similar fault, and its distance: one less the cosine of the codes `(code_size,)`.

    Args:
        faults: One or more.
        code: The code of an event.
    """
    codes = np.stack([fault.code for fault in faults])
    sizes = np.linalg.norm(codes, axis=1) * np.linalg.norm(code)
    distances = 1 - codes @ code / np.maximum(sizes, np.finfo(float).tiny)
    nearest = int(distances.argmin())
    return faults[nearest].name, float(max(distances[nearest], 0.0))
