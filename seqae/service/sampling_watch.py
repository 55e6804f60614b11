"""Whether the rows of a watch come at the rate that its detector learnt from, and without gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqae.anomaly.online.intake import WARMUP_ROWS
from seqae.data.signals.sampling import MAX_RATE_CHANGE, Sampling

_MOST = 0.75  # of the latest steps must be alike before they count as another rate


@dataclass(frozen=True)
class Gap:
    """A gap in time.

    Attributes:
        time: The time of the row after it, datetime64 or seconds.
        seconds: The step to this row.
        period: The usual step, in seconds.
    """

    time: np.generic
    seconds: float
    period: float


class SamplingWatch:
    """Looks at the steps between the rows that go on.

    Args:
        learnt: Seconds from row to row in the rows that the detector learnt from; None if they had no times.
    """

    def __init__(self, learnt: float | None):
        self.learnt = learnt
        self.usual = learnt or 0.0  # the rate that was last reported; 0 while it is unknown
        self.recent = np.zeros(0)  # the latest steps
        self.last: np.ndarray | None = None  # the time of the last row, `(1,)`

    def observe(self, times: np.ndarray, period: float) -> tuple[list[str], list[Gap]]:
        """Take the times of the next rows, and return remarks about their rate, and the gaps before them.

        Args:
            times: `(row,)`, datetime64 or seconds.
            period: The sampling period by which gaps are found; 0 while it is unknown.
        """
        if not len(times):
            return [], []
        known = times if self.last is None else np.concatenate([self.last, times])
        self.last = times[-1:]
        steps = Sampling.of(known, period or np.inf)
        gaps = [Gap(known[row + 1], float(steps.steps[row]), period) for row in np.flatnonzero(steps.gaps).tolist()]
        remarks = []
        self.recent = np.concatenate([self.recent, steps.steps[steps.steps > 0]])
        while len(self.recent) >= WARMUP_ROWS - 1:
            remarks += self._remarks(self.recent[: WARMUP_ROWS - 1], known[-1])
            self.recent = self.recent[WARMUP_ROWS - 1 :]
        return remarks, gaps

    def _remarks(self, steps: np.ndarray, time: np.generic) -> list[str]:
        """Return what is to say about steps that follow each other, up to a time."""
        period = float(np.median(steps))
        before, self.usual = self.usual, period if self._is_steady(steps, period) else self.usual
        if not before or abs(self.usual / before - 1) <= MAX_RATE_CHANGE:
            self.usual = before or self.usual
            return []
        if self.learnt and abs(self.usual / self.learnt - 1) > MAX_RATE_CHANGE:
            return [
                f"a row every {self.usual:g} s up to {time}, and the detector learnt from rows every {self.learnt:g} "
                "s: what is usual at one rate is not at another. Give rows at the same rate"
            ]
        return [f"a row every {self.usual:g} s up to {time}, and every {before:g} s before"]

    def _is_steady(self, steps: np.ndarray, period: float) -> bool:
        return float(np.mean(abs(steps - period) <= MAX_RATE_CHANGE * period)) >= _MOST
