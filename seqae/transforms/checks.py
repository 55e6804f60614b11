"""What the settings of every transform must be."""

from __future__ import annotations

import math


class FiniteSettings:
    """A transform whose numbers are finite: one that is not leaves data as they are, or spoils them, without a word.

    Only `value`, by which others are replaced, may be NaN, a missing one. A dataclass inherits the check.

    Raises:
        ValueError: A setting is infinite or NaN, or `p` is no probability.
    """

    def __post_init__(self) -> None:
        for name, setting in vars(self).items():
            if name == "p" and not 0 <= setting <= 1:
                raise ValueError(f"p is {setting} in {type(self).__name__}. Expected a probability, from 0 to 1")
            if isinstance(setting, float) and name != "value" and not math.isfinite(setting):
                raise ValueError(f"{name} is {setting} in {type(self).__name__}. Expected a finite number")
