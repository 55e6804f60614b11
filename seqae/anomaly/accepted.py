"""Deviations that operators have accepted as normal, and what remains of others beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

MAX_PATTERNS = 256
_NONE = float(np.finfo(np.float64).max)  # a distance that no window reaches
MAX_SIZE = 1.25  # of a deviation, as a multiple of the accepted one


@dataclass(frozen=True, eq=False)
class AcceptedDeviations:
    """Deviations of windows that count as normal: of these channels together, of this course, up to this size.

    A new deviation is the multiple `a` of an accepted one that is nearest to it, and noise. Both have noise of their
    own, so what remains is divided by 1 + a**2.

    Attributes:
        patterns: Whitened deviations, `(pattern, kind, channel, time)` float64; zeros where a channel was as usual.
        least: The evidence up to which a window is not compared: too little for an alarm.
        quietest: The squared distance down to which quiet windows count as normal, `(kind, channel)`.
    """

    patterns: np.ndarray
    least: float
    quietest: np.ndarray

    def distances(self, deviations: Tensor, quiet: Tensor) -> Tensor:
        """Return the squared distances of windows from the nearest of what is normal or accepted.

        The nearest is that with the least sum over kinds and channels.

        Args:
            deviations: Whitened deviations of windows from what is usual, `(kind, channel, window, time)` float64.
            quiet: The squared distance below which a window is quieter than usual, `(kind, channel)`; none that is
                accepted is below it.

        Returns:
            `(kind, window, channel)`.
        """
        return _Comparison(deviations, torch.from_numpy(self.patterns)).distances(self.quietest, quiet)


class _Comparison:
    """Windows beside accepted deviations, of which more may come.

    Args:
        deviations: As for `AcceptedDeviations.distances`.
        patterns: `(pattern, kind, channel, time)`.
    """

    def __init__(self, deviations: Tensor, patterns: Tensor):
        self.windows = deviations.permute(2, 0, 1, 3)  # (window, kind, channel, time)
        self.own = self.windows.square().sum(dim=3)
        self.remaining = self.own.clone()
        self.gain = torch.zeros(len(self.own), dtype=torch.float64)  # by which the nearest pattern is nearer, negative
        if len(patterns):
            self.add(patterns)

    def add(self, patterns: Tensor) -> None:
        """Compare with more patterns `(pattern, kind, channel, time)`."""
        sizes = patterns.square().sum(dim=3)  # (pattern, kind, channel)
        totals = sizes.sum(dim=(1, 2))
        products = self.windows.flatten(1) @ patterns.flatten(1).T  # (window, pattern)
        multiples = (products / totals).clamp(0, MAX_SIZE)
        gain, nearest = (multiples.square() * totals - 2 * multiples * products).min(dim=1)
        multiple = multiples.gather(1, nearest[:, None])[..., None]
        remaining = (self.windows - multiple[..., None] * patterns[nearest]).square().sum(dim=3)
        remaining = remaining / (1 + multiple.square() * (sizes[nearest] > 0))
        is_nearer = gain < self.gain
        self.gain = torch.where(is_nearer, gain, self.gain)
        self.remaining = torch.where(is_nearer[:, None, None], remaining, self.remaining)

    def distances(self, quietest: np.ndarray, quiet: Tensor) -> Tensor:
        """Return `(kind, window, channel)`, as `AcceptedDeviations.distances`."""
        # A quiet window stays quiet: a part of it may be a small multiple of a pattern, which explains nothing.
        is_quiet = self.own.maximum(self.remaining) < quiet.minimum(torch.from_numpy(quietest))
        return torch.where(is_quiet, self.own, self.remaining.maximum(quiet)).transpose(0, 1)


class _Surprise(Protocol):
    """What `seqae.anomaly.evidence.Surprise` has of this."""

    @property
    def usual(self) -> np.ndarray: ...

    @property
    def quiet(self) -> np.ndarray: ...

    def surprise(self, distances: Tensor) -> Tensor: ...

    def evidence(self, distances: Tensor) -> Tensor: ...


def fit_accepted(
    deviations: Tensor, surprise: _Surprise, usual: float, least: float, before: AcceptedDeviations | None
) -> AcceptedDeviations:
    """Return the fewest deviations found by which all windows of a span become as usual, with those of before.

    One after the other, the window that is farthest from what is normal or accepted so far becomes a pattern
    (Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5), in the channels in which it is not as usual. Windows
    as quiet as the quietest one of an unusual span are accepted as they are.

    Args:
        deviations: Whitened deviations of the windows, `(kind, channel, window, time)` float64.
        surprise: Turns distances into evidence.
        usual: The evidence up to which a window is as usual.
        least: As in `AcceptedDeviations`.
        before: Deviations that were accepted before.
    """
    kinds, channels, _, time = deviations.shape
    none = AcceptedDeviations(np.zeros((0, kinds, channels, time)), least, np.full((kinds, channels), _NONE))
    before = before or none
    compared = _Comparison(deviations, torch.from_numpy(before.patterns))
    own = surprise.surprise(compared.own.transpose(0, 1)) - torch.from_numpy(surprise.usual)[:, None]

    def evidence_beside(quietest: np.ndarray) -> Tensor:  # (window,)
        return surprise.evidence(compared.distances(quietest, torch.from_numpy(surprise.quiet))).sum(dim=(0, 2))

    quietest = before.quietest
    if evidence_beside(quietest).max() > usual:
        quietest = np.minimum(quietest, compared.own.amin(dim=0).numpy())
    patterns = [before.patterns]
    for _ in range(MAX_PATTERNS):
        evidence = evidence_beside(quietest)
        farthest = int(evidence.argmax())
        is_unusual = own[:, farthest] > 0  # (kind, channel)
        if evidence[farthest] <= usual or not is_unusual.any():
            break
        pattern = torch.where(is_unusual[..., None], deviations[:, :, farthest], 0.0)[None]
        compared.add(pattern)
        patterns.append(pattern.numpy())
    return AcceptedDeviations(np.concatenate(patterns), min(least, before.least), quietest)
