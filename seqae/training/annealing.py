"""Schedules for the weight of a penalty, from the fraction of training that is done to a weight.

For `ELBO(model, loss, weight=LinearAnnealing(until=0.5))`: a code that costs nothing at first is in use before it has
its full price, against posterior collapse, where the decoder of a variational autoencoder learns to ignore the code
(Bowman et al. 2016, https://arxiv.org/abs/1511.06349).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearAnnealing:
    """A weight that rises in a straight line from `first` to 1, where it stays.

    Args:
        until: The fraction of training at which it is 1.
        first: The weight at the beginning.

    Raises:
        ValueError: `until` is not above 0 and at most 1.
    """

    until: float
    first: float = 0.0

    def __post_init__(self) -> None:
        _check_fraction("until", self.until)

    def __call__(self, done: float) -> float:
        """Return the weight, given the fraction of training that is done."""
        return self.first + (1 - self.first) * min(1.0, done / self.until)


@dataclass(frozen=True)
class CyclicalAnnealing:
    """A weight that rises from 0 to 1 again and again (Fu et al. 2019, https://arxiv.org/abs/1903.10145).

    Args:
        cycles: The number of cycles in a training.
        rising: The fraction of a cycle in which it rises; in the rest it is 1.

    Raises:
        ValueError: `rising` is not above 0 and at most 1, or there are no cycles.
    """

    cycles: int = 4
    rising: float = 0.5

    def __post_init__(self) -> None:
        _check_fraction("rising", self.rising)
        if self.cycles < 1:
            raise ValueError(f"{self.cycles} cycles. Ask for at least 1")

    def __call__(self, done: float) -> float:
        """Return the weight, given the fraction of training that is done."""
        if done >= 1:  # the end of the last cycle, not the beginning of another one
            return 1.0
        return min(1.0, done * self.cycles % 1 / self.rising)


def _check_fraction(name: str, fraction: float) -> None:
    if not 0 < fraction <= 1:
        raise ValueError(f"{name}={fraction}. Expected a fraction above 0, up to 1")
