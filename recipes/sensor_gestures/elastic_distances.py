"""Dynamic time warping, and what else recordings are compared by that needs no training."""

from collections.abc import Sequence

import numpy as np


def time_warping_distances(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """Return the distance of every recording to every other one, `(first, second)`, whatever their speed.

    Dynamic time warping (Sakoe & Chiba 1978, https://doi.org/10.1109/TASSP.1978.1163055) without a band: the root of
    the least sum of squared differences along a way through both.

    Args:
        first: `(time, channel)` each.
        second: `(time, channel)` each.
    """
    found = np.empty((len(first), len(second)), dtype=np.float32)
    others, ends = _padded(second), np.array([len(rows) for rows in second]) - 1
    for number, rows in enumerate(np.float32(each) for each in first):
        best = _cost(others, rows[0]).cumsum(axis=0)
        for step in rows[1:]:
            best = _advanced(best, _cost(others, step))
        found[number] = np.sqrt(best[ends, np.arange(len(second))])
    return found


def _cost(others: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the squared difference of a step `(channel,)` to each one of the others, `(time, sequence)`."""
    return sum(np.square(channel - value) for channel, value in zip(others, step))


def _advanced(best: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Return the least sums up to each step of the others, `(time, sequence)`, one step of the recording further."""
    sums = cost.cumsum(axis=0)
    came = best.copy()
    np.minimum(best[1:], best[:-1], out=came[1:])
    # Entering at step j and staying with this step of the recording until k costs came[j] + sums[k] - sums[j - 1].
    return sums + np.minimum.accumulate(came - sums + cost, axis=0)


def _padded(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Return sequences `(time, channel)` in one array `(channel, time, sequence)`, zero after the end."""
    padded = np.zeros((sequences[0].shape[1], max(map(len, sequences)), len(sequences)), dtype=np.float32)
    for number, sequence in enumerate(sequences):
        padded[:, : len(sequence), number] = sequence.T
    return padded


def resampled(sequences: Sequence[np.ndarray], steps: int) -> np.ndarray:
    """Return each sequence at as many steps, linearly interpolated, `(sequence, steps * channel)`."""
    places = np.linspace(0, 1, steps)
    return np.stack(
        [
            np.stack([np.interp(places, np.linspace(0, 1, len(rows)), axis) for axis in rows.T], axis=1).ravel()
            for rows in sequences
        ]
    )


def means_and_deviations(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean and the deviation of each channel, `(sequence, 2 * channel)`."""
    return np.stack([np.concatenate([rows.mean(axis=0), rows.std(axis=0)]) for rows in sequences])
