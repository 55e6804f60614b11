"""How much a penalty weighs, given the share of training that is done.

A code that costs nothing at first is used before it has its price: against variational autoencoders whose decoder
learns to do without the code (Bowman et al. 2016, https://arxiv.org/abs/1511.06349).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LinearAnnealing:
    """From a first weight in a straight line to 1, where it stays.

    Attributes:
        until: The share of training at which it is 1.
        first: The weight at the beginning.
    """

    until: float
    first: float = 0.0

    def __post_init__(self) -> None:
        _check_share("until", self.until)

    def __call__(self, done: float) -> float:
        return self.first + (1 - self.first) * min(1.0, done / self.until)


@dataclass(frozen=True)
class CyclicalAnnealing:
    """Rises from 0 to 1 again and again (Fu et al. 2019, https://arxiv.org/abs/1903.10145).

    Attributes:
        cycles: How often.
        rising: The share of a cycle in which it rises; in the rest it is 1.
    """

    cycles: int = 4
    rising: float = 0.5

    def __post_init__(self) -> None:
        _check_share("rising", self.rising)
        if self.cycles < 1:
            raise ValueError(f"{self.cycles} cycles. Ask for at least 1")

    def __call__(self, done: float) -> float:
        if done >= 1:  # the end of the last cycle, not the beginning of another one
            return 1.0
        return min(1.0, done * self.cycles % 1 / self.rising)


def _check_share(name: str, share: float) -> None:
    if not 0 < share <= 1:
        raise ValueError(f"{name}={share}. Expected a share above 0, up to 1")
