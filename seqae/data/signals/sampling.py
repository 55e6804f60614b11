"""The time steps between rows: sampling period and gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MAX_GAP = 3  # a step of more sampling periods than this is a gap
DISORDER = 0.1  # If time goes back in a greater fraction of the steps, rows are not in its order.
MAX_RATE_CHANGE = 0.1  # the fraction by which sampling periods may differ
RATE_STEPS = 16  # forwards, in which a rate is looked for; two such blocks in succession have one
MAX_BLOCKS = 200_000  # of a long recording
MAX_JITTER = 0.1  # of the period: steps that are further off belong to no rate
MIN_STEADY = 0.9  # of the steps of a block at a rate
MAX_REPEATS = 1 / 3  # if a greater fraction of the stamps repeats, the clock is coarser than the sampling


@dataclass(frozen=True)
class RateChange:
    """A change of the sampling rate within a recording.

    Attributes:
        row: The last row before it: the steps from it on are others.
        before: Seconds from row to row up to it.
        after: Seconds from row to row from it on.
    """

    row: int
    before: float
    after: float

    def __str__(self) -> str:
        return (
            f"the sampling rate changes: a row every {self.before:g} s up to row {self.row}, and every {self.after:g} "
            "s from there"
        )


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

    def rate_change(self) -> RateChange | None:
        """Return where the rate changes for the first time; None if it does not, or if the rows have no rate.

        Jitter, gaps and lost rows are no change, and neither are moments that are irregular throughout.
        """
        forwards = np.flatnonzero(self.steps > 0)
        if len(forwards) < 2 * RATE_STEPS:
            return None
        stride = max(RATE_STEPS // 2, len(forwards) // MAX_BLOCKS)
        blocks = np.lib.stride_tricks.sliding_window_view(self.steps[forwards], RATE_STEPS)[::stride]
        rates = np.median(blocks, axis=1)
        near = np.abs(blocks - rates[:, None]) <= MAX_JITTER * rates[:, None]
        rates[near.mean(axis=1) < MIN_STEADY] = np.nan
        after_next = rates[2:]  # of the next block that shares no step
        lasts = np.flatnonzero(np.abs(after_next / rates[:-2] - 1) <= MAX_RATE_CHANGE)
        is_other = np.abs(after_next[lasts] / after_next[lasts[:1]] - 1) > MAX_RATE_CHANGE
        if not is_other.any():
            return None
        at = int(lasts[np.argmax(is_other)])
        before, after = float(after_next[lasts[0]]), float(after_next[at])
        until = forwards[: at * stride + RATE_STEPS]
        is_old = np.abs(np.log(self.steps[until] / before)) <= np.abs(np.log(self.steps[until] / after))
        last_old = until[np.flatnonzero(is_old)[-1]] if is_old.any() else -1
        return RateChange(int(last_old) + 1, before, after)

    def cuts(self) -> np.ndarray:
        """Return the rows at which a segment begins, `(cut,)` int64: where time goes back, repeats or leaves a gap."""
        cut = self.backwards | self.gaps
        return np.flatnonzero(cut if self.is_coarse else cut | self.repeats) + 1


def refuse_disorder(times: np.ndarray, name: str, locate: Callable[[int], str]) -> None:
    """Raise if rows are not in the order of time; a few steps back are where runs begin, or where a clock was set.

    Args:
        times: `(time,)`, datetime64 or float seconds.
        name: The name of the column.
        locate: Returns the position of a row.
    """
    back = np.flatnonzero(times[1:] < times[:-1])
    if len(back) > max(1, DISORDER * (len(times) - 1)):
        is_reversed = not (times[1:] > times[:-1]).any()
        raise ValueError(
            f"time column {name!r} goes back {len(back):,} times in {len(times):,} rows ({locate(back[0] + 1)} first)"
            f"{': the newest row comes first' if is_reversed else ''}. Expected rows in the order of time. Sort them: "
            "sort=True"
        )
