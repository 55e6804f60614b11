"""Errors of reconstructed and predicted videos; the confidence of a method is calibrated on held-out videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from seqae.evaluation.images import image_cross_entropy, squared_distance

_MARGINS = (1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03)


def calibrated_cross_entropy(
    valid: np.ndarray,
    valid_truth: np.ndarray,
    test: np.ndarray,
    test_truth: np.ndarray,
    margins: Sequence[float] = _MARGINS,
) -> float:
    """Return the mean cross-entropy of test images, in nats per image, at the margin that suits held-out images best.

    A margin is the smallest distance of a predicted value to 0 and 1: it bounds the price of a wrong pixel, also for
    methods whose predictions are no probabilities.

    Args:
        valid: Predictions of held-out images, `(image, ...)` float from 0 to 1.
        valid_truth: The held-out images, of the same shape, from 0 to 1.
        test: Predictions of test images, `(image, ...)` float.
        test_truth: The test images, of the same shape.
        margins: The margins to choose from.
    """
    margin = min(margins, key=lambda each: float(image_cross_entropy(valid, valid_truth, each).mean()))
    return float(image_cross_entropy(test, test_truth, margin).mean()) * test_truth[0].size


def video_prediction_errors(
    method: Callable[[Tensor], tuple[Tensor, Tensor]], valid: Tensor, test: Tensor, context_length: int
) -> dict[str, float]:
    """Return squared errors and cross-entropies in nats of past and future of test videos, each the sum over a frame.

    Args:
        method: Maps frames that are read, `(video, context_length, channel, height, width)`, to their reconstruction
            and the frames that follow, of the same layout, from 0 to 1.
        valid: Held-out videos, `(video, time, channel, height, width)` from 0 to 1: they choose the margin of the
            cross-entropy, see `calibrated_cross_entropy`.
        test: Test videos `(video, time, channel, height, width)`.
        context_length: The number of frames that are read.

    Returns:
        Means over frames by name: "squared error of the past", "nats of the past", and so on.
    """
    errors = {}
    written = [_predict(method, videos, context_length) for videos in (valid, test)]
    for index, part in enumerate(("past", "future")):
        frames = slice(context_length) if part == "past" else slice(context_length, None)
        valid_truth, test_truth = (videos[:, frames].flatten(0, 1).numpy() for videos in (valid, test))
        valid_written, test_written = (parts[index] for parts in written)
        errors[f"squared error of the {part}"] = float(squared_distance(test_written, test_truth).mean())
        errors[f"nats of the {part}"] = calibrated_cross_entropy(valid_written, valid_truth, test_written, test_truth)
    return errors


def _predict(
    method: Callable[[Tensor], tuple[Tensor, Tensor]], videos: Tensor, context_length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames of past and future of all videos, `(frame, channel, height, width)` each."""
    past, future = zip(*(method(part[:, :context_length]) for part in videos.split(50)))
    return torch.cat(past).flatten(0, 1).numpy(), torch.cat(future).flatten(0, 1).numpy()
