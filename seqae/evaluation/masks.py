"""Metrics between predicted masks and their targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

_STEPS = 1000  # the number of thresholds that are tried


@dataclass(frozen=True)
class Confusion:
    """Pixels of one class, counted over all images together.

    Attributes:
        true_positive: The number of pixels of the class that were predicted to be of it.
        predicted: The number of pixels that were predicted to be of the class.
        actual: The number of pixels of the class.
    """

    true_positive: int
    predicted: int
    actual: int

    @property
    def iou(self) -> float:
        """Intersection over union; 1 if there are no pixels of the class, neither predicted nor actual."""
        union = self.predicted + self.actual - self.true_positive
        return self.true_positive / union if union else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, which is the Dice coefficient; 1 if there is nothing."""
        total = self.predicted + self.actual
        return 2 * self.true_positive / total if total else 1.0


def confusion(predicted: Sequence[Tensor], target: Sequence[Tensor], class_index: int = 1) -> Confusion:
    """Count the pixels of one class; those whose class is unknown (-1 in the target) do not count.

    Args:
        predicted: Masks `(height, width)` of class indices.
        target: True masks of the same shapes.
        class_index: The index of the class.
    """
    true_positive = total = actual = 0
    for guess, mask in zip(predicted, target, strict=True):
        is_predicted, is_actual = (guess == class_index) & (mask >= 0), mask == class_index
        true_positive += int((is_predicted & is_actual).sum())
        total += int(is_predicted.sum())
        actual += int(is_actual.sum())
    return Confusion(true_positive, total, actual)


def best_threshold(probabilities: Sequence[Tensor], target: Sequence[Tensor]) -> float:
    """Return the probability from which on to predict class 1, for the best F1 over all pixels.

    Choose it on images that were not trained on and that are not those of the test.

    Args:
        probabilities: The probability of class 1, `(height, width)` for each image.
        target: Masks `(height, width)` of classes 0 and 1, -1 where unknown.
    """
    known = [(image[mask >= 0], mask[mask >= 0]) for image, mask in zip(probabilities, target, strict=True)]
    bins = np.concatenate([(image.double().numpy() * _STEPS).astype(int).clip(0, _STEPS - 1) for image, _ in known])
    is_actual = np.concatenate([mask.numpy() == 1 for _, mask in known])
    predicted, true_positive = (
        np.bincount(chosen, minlength=_STEPS)[::-1].cumsum()[::-1] for chosen in (bins, bins[is_actual])
    )
    return float(np.argmax(2 * true_positive / np.maximum(predicted + is_actual.sum(), 1)) / _STEPS)
