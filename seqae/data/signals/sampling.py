"""The time steps between rows: sampling period and gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_GAP = 3  # a step of more sampling periods than this is a gap
MAX_REPEATS = 1 / 3  # if a greater fraction of the stamps repeats, the clock is coarser than the sampling


@dataclass(frozen=True, eq=False)
class Sampling:
    """The steps in time between the rows of a recording.

    Attributes:
        steps: `(time - 1,)`, seconds from each row to the next.
        period: The median step forwards, in seconds; infinite if time never goes on.
    """

    steps: np.ndarray
    period: float

    @classmethod
    def of(cls, times: np.ndarray, period: float | None = None) -> Sampling:
        """Return the sampling of time stamps, `(time,)` datetime64 or float seconds, with a period if it is known."""
        steps = np.diff(times)
        if steps.dtype.kind == "m":
            steps = steps / np.timedelta64(1, "s")
        if period is not None:
            return cls(steps, period)
        forwards = steps[steps > 0]
        return cls(steps, float(np.median(forwards)) if len(forwards) else np.inf)

    @property
    def backwards(self) -> np.ndarray:
        """`(time - 1,)` bool, True where time goes back."""
        return self.steps < 0

    @property
    def repeats(self) -> np.ndarray:
        """`(time - 1,)` bool, True where a stamp is repeated."""
        return self.steps == 0

    @property
    def gaps(self) -> np.ndarray:
        """`(time - 1,)` bool, True where rows seem to be missing."""
        return self.steps > MAX_GAP * self.period * (1 + 1e-6)  # 0.3 s are three times 0.1 s, whatever floats say

    @property
    def is_coarse(self) -> bool:
        """Whether stamps repeat because the clock ticks more slowly than rows come, so that no row is there twice."""
        return bool(self.repeats.sum() > MAX_REPEATS * len(self.steps))

    @property
    def irregular(self) -> float:
        """The fraction of the steps forwards, without gaps, that are more than a tenth off the period."""
        usual = self.steps[(self.steps > 0) & ~self.gaps]
        return float(np.mean(abs(usual - self.period) > 0.1 * self.period)) if len(usual) else 0.0

    def cuts(self) -> np.ndarray:
        """Return the rows at which a segment begins, `(cut,)` int64: where time goes back, repeats or leaves a gap."""
        cut = self.backwards | self.gaps
        return np.flatnonzero(cut if self.is_coarse else cut | self.repeats) + 1
