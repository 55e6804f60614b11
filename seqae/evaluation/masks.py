"""How well masks agree with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

_STEPS = 1000  # of probabilities that are tried as thresholds


@dataclass(frozen=True)
class Confusion:
    """Counted over the pixels of all images together, for one class.

    Attributes:
        both: Pixels of the class that were found.
        found: Pixels that were said to be of the class.
        true: Pixels of the class.
    """

    both: int
    found: int
    true: int

    @property
    def iou(self) -> float:
        """Intersection over union; 1 if there is nothing and nothing was found."""
        union = self.found + self.true - self.both
        return self.both / union if union else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, which is the Dice coefficient; 1 if there is nothing on both sides."""
        total = self.found + self.true
        return 2 * self.both / total if total else 1.0


def confusion(predicted: Sequence[Tensor], truth: Sequence[Tensor], number: int = 1) -> Confusion:
    """Count pixels of one class in masks `(height, width)`; those of unknown class (-1) do not count."""
    both = found = true = 0
    for guess, mask in zip(predicted, truth, strict=True):
        said, is_true = (guess == number) & (mask >= 0), mask == number
        both += int((said & is_true).sum())
        found += int(said.sum())
        true += int(is_true.sum())
    return Confusion(both, found, true)


def best_threshold(probabilities: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """Return the probability of class 1 from which on to say so, for the best F1 over all pixels.

    Choose it on images that were not trained on, and not on those that tell how good it is.

    Args:
        probabilities: `(height, width)` of each image.
        truth: Masks `(height, width)` of classes 0 and 1, -1 where unknown.
    """
    inside = [(chance[mask >= 0], mask[mask >= 0]) for chance, mask in zip(probabilities, truth, strict=True)]
    bins = np.concatenate([(chance.double().numpy() * _STEPS).astype(int).clip(0, _STEPS - 1) for chance, _ in inside])
    is_true = np.concatenate([mask.numpy() == 1 for _, mask in inside])
    found, both = (np.bincount(chosen, minlength=_STEPS)[::-1].cumsum()[::-1] for chosen in (bins, bins[is_true]))
    return float(np.argmax(2 * both / np.maximum(found + is_true.sum(), 1)) / _STEPS)
