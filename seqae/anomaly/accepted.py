"""Deviations that operators have accepted as normal, and what remains of others beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

MAX_PATTERNS = 256
MAX_SIZE = 1.25  # of a deviation, as a multiple of the accepted one


@dataclass(frozen=True, eq=False)
class AcceptedDeviations:
    """Deviations of windows that count as normal: of these channels together, of this course, up to this size.

    A new deviation is the multiple `a` of an accepted one that is nearest to it, and noise. Both have noise of their
    own, so what remains is divided by 1 + a**2.

    Attributes:
        patterns: Whitened deviations, `(pattern, kind, channel, time)` float64; zeros where a channel was as usual.
        least: The squared distance down to which quiet windows count as normal, `(kind, channel)`.
    """

    patterns: np.ndarray
    least: np.ndarray

    def distances(self, deviations: Tensor, quiet: np.ndarray) -> Tensor:
        """Return the squared distances of windows from the nearest of what is normal or accepted.

        The nearest is that with the least sum over kinds and channels.

        Args:
            deviations: Whitened deviations of windows from what is usual, `(kind, channel, window, time)` float64.
            quiet: The squared distance below which a window is quieter than usual, `(kind, channel)`; none that is
                accepted is below it.

        Returns:
            `(kind, window, channel)`.
        """
        own, remaining = deviations.square().sum(dim=3).permute(2, 0, 1), self._remaining(deviations)
        is_accepted = (remaining < own) | (own >= torch.from_numpy(self.least))
        return torch.where(is_accepted, remaining.maximum(torch.from_numpy(quiet)), own).transpose(0, 1)

    def _remaining(self, deviations: Tensor) -> Tensor:
        """Return the squared distances from the nearest of what is normal or a pattern, `(window, kind, channel)`."""
        windows = deviations.permute(2, 0, 1, 3)  # (window, kind, channel, time)
        own = windows.square().sum(dim=3)
        if not len(self.patterns):
            return own
        patterns = torch.from_numpy(self.patterns)
        sizes = patterns.square().sum(dim=3)  # (pattern, kind, channel)
        totals = sizes.sum(dim=(1, 2))
        products = windows.flatten(1) @ patterns.flatten(1).T  # (window, pattern)
        multiples = (products / totals).clamp(0, MAX_SIZE)
        nearest = (multiples.square() * totals - 2 * multiples * products).argmin(dim=1)
        multiple = multiples.gather(1, nearest[:, None])[..., None]
        remaining = (windows - multiple[..., None] * patterns[nearest]).square().sum(dim=3)
        remaining = remaining / (1 + multiple.square() * (sizes[nearest] > 0))
        is_nearer = remaining.sum(dim=(1, 2)) < own.sum(dim=(1, 2))
        return torch.where(is_nearer[:, None, None], remaining, own)


class _Surprise(Protocol):
    """What `seqae.anomaly.evidence.Surprise` has of this."""

    @property
    def usual(self) -> np.ndarray: ...

    @property
    def quiet(self) -> np.ndarray: ...

    def surprise(self, distances: Tensor) -> Tensor: ...

    def evidence(self, distances: Tensor) -> Tensor: ...


def fit_accepted(
    deviations: Tensor, surprise: _Surprise, usual: float, before: AcceptedDeviations | None
) -> AcceptedDeviations:
    """Return the fewest deviations found by which all windows of a span become as usual, with those of before.

    One after the other, the window that is farthest from what is normal or accepted so far becomes a pattern
    (Gonzalez 1985, https://doi.org/10.1016/0304-3975(85)90224-5), in the channels in which it is not as usual. Windows
    as quiet as the quietest one of an unusual span are accepted as they are.

    Args:
        deviations: Whitened deviations of the windows, `(kind, channel, window, time)` float64.
        surprise: Turns distances into evidence.
        usual: The evidence up to which a window is as usual.
        before: Deviations that were accepted before.
    """
    kinds, channels, _, time = deviations.shape
    accepted = before or AcceptedDeviations(np.zeros((0, kinds, channels, time)), np.full((kinds, channels), np.inf))
    distances = deviations.square().sum(dim=3).transpose(1, 2)  # (kind, window, channel)
    if float(surprise.evidence(accepted.distances(deviations, surprise.quiet)).sum(dim=(0, 2)).max()) > usual:
        accepted = replace(accepted, least=np.minimum(accepted.least, distances.amin(dim=1).numpy()))
    own = surprise.surprise(distances) - torch.from_numpy(surprise.usual)[:, None]
    for _ in range(MAX_PATTERNS):
        evidence = surprise.evidence(accepted.distances(deviations, surprise.quiet)).sum(dim=(0, 2))  # (window,)
        farthest = int(evidence.argmax())
        is_unusual = own[:, farthest] > 0  # (kind, channel)
        if evidence[farthest] <= usual or not is_unusual.any():
            break
        pattern = torch.where(is_unusual[..., None], deviations[:, :, farthest], 0.0)
        accepted = replace(accepted, patterns=np.concatenate([accepted.patterns, pattern[None].numpy()]))
    return accepted
