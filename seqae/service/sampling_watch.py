"""Whether the rows of a watch come at the rate that its detector learnt from, and without gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqae.anomaly.online.intake import WARMUP_ROWS
from seqae.data.signals.sampling import MAX_GAP, MAX_RATE_CHANGE, Sampling

_SECOND = np.timedelta64(1, "s")
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
        self.recent: list[float] = []  # the latest steps
        self.last: np.generic | None = None  # the time of the last row

    def observe(self, times: np.ndarray, period: float) -> tuple[list[str], list[Gap]]:
        """Take the times of the next rows, and return remarks about their rate, and the gaps before them.

        Args:
            times: `(row,)`, datetime64 or seconds.
            period: The sampling period by which gaps are found; 0 while it is unknown.
        """
        steps = self._steps(times)
        self.last = times[-1] if len(times) else self.last
        most = MAX_GAP * (period or np.inf) * (1 + 1e-6)  # as in `Sampling.gaps`
        gaps = [Gap(time, step, period) for time, step in zip(times[-len(steps) :], steps) if step > most]
        remarks: list[str] = []
        self.recent += [step for step in steps if step > 0]
        while len(self.recent) >= WARMUP_ROWS - 1:
            remarks += self._remarks(np.array(self.recent[: WARMUP_ROWS - 1]), times[-1])
            self.recent = self.recent[WARMUP_ROWS - 1 :]
        return remarks, gaps

    def _steps(self, times: np.ndarray) -> list[float]:
        """Return the seconds to each of some times from the one before."""
        if len(times) == 1 and self.last is not None:
            step = times[0] - self.last
            return [float(step / _SECOND if isinstance(step, np.timedelta64) else step)]
        return Sampling.of(times if self.last is None else np.append(self.last, times)).steps.tolist()

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
