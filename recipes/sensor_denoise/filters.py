"""Filters without training that the denoiser is measured against; recordings apart from the test tune them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np
from scipy.ndimage import median_filter
from scipy.signal import savgol_filter

Filter = Callable[[np.ndarray], np.ndarray]  # from a recording (time, channel) to the filtered one
# Daubechies 1988, https://doi.org/10.1002/cpa.3160410705: the orthogonal wavelet with four vanishing moments.
DB4 = np.array(
    [0.2303778133, 0.7148465706, 0.6308807679, -0.0279837694, -0.1870348117, 0.0308413818, 0.0328830117, -0.0105974018]
)


def wavelet_shrinkage(recording: np.ndarray, threshold: float, levels: int, soft: bool) -> np.ndarray:
    """Return a recording `(time, channel)` whose small wavelet coefficients are set to zero.

    Donoho & Johnstone 1994 (https://doi.org/10.1093/biomet/81.3.425), averaged over all shifts in time (Coifman &
    Donoho 1995, https://doi.org/10.1007/978-1-4612-2544-7_9), which is better than one of them. The ends are reflected.

    Args:
        recording: `(time, channel)`.
        threshold: Coefficients of a smaller size become zero, in units of the recording.
        levels: The number of times that the signal is split in details and the rest.
        soft: Whether the others shrink by the threshold.
    """
    margin = min(len(recording) - 1, 4 * 2**levels)
    padded = np.pad(recording, ((margin, margin), (0, 0)), mode="reflect")
    frequencies = 2 * np.pi * np.fft.fftfreq(len(padded))
    rest, detail_parts = np.fft.fft(padded, axis=0), []
    splits = [_responses(2**level * frequencies) for level in range(levels)]
    for low, high in splits:
        details = np.fft.ifft(high * rest, axis=0).real
        kept = np.where(np.abs(details) > threshold, details - soft * threshold * np.sign(details), 0)
        detail_parts.append(np.fft.fft(kept, axis=0))
        rest = low * rest
    for (low, high), details in zip(reversed(splits), reversed(detail_parts)):
        rest = (low.conj() * rest + high.conj() * details) / 2
    return np.fft.ifft(rest, axis=0).real[margin : margin + len(recording)]


def _responses(frequencies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the responses of the low and the high pass of the wavelet, `(frequency, 1)` complex each."""
    waves = np.exp(-1j * np.outer(frequencies, np.arange(len(DB4))))
    signs = (-1.0) ** np.arange(len(DB4))
    return (waves @ DB4)[:, None], (waves @ (signs * DB4[::-1]))[:, None]


def candidates(noise: float, shortest: int) -> dict[str, list[Filter]]:
    """Return filters of each kind with many settings.

    Args:
        noise: Deviation of the noise, which the thresholds are multiples of.
        shortest: The number of steps of the shortest recording, which no window exceeds.
    """
    windows = [width for width in range(3, 52, 2) if width <= shortest]
    factors, levels = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0), range(1, 7)
    return {
        "median filter": [partial(median_filter, size=(width, 1), mode="nearest") for width in (1, *windows)],
        "Savitzky-Golay": [
            partial(savgol_filter, window_length=width, polyorder=order, axis=0)
            for width, order in product(windows, (1, 2, 3, 4, 5, 6))
            if order < width
        ],
        "wavelet threshold": [
            partial(wavelet_shrinkage, threshold=factor * noise, levels=level, soft=soft)
            for factor, level, soft in product(factors, levels, (True, False))
        ],
    }


def tuned(clean: Sequence[np.ndarray], noisy: Sequence[np.ndarray], noise: float) -> Iterator[tuple[str, Filter]]:
    """Yield the best filter of each kind by the squared error on recordings, `(time, channel)` each."""
    truth = np.concatenate(clean)
    for name, filters in candidates(noise, min(map(len, clean))).items():
        errors = [np.square(np.concatenate([each(rows) for rows in noisy]) - truth).mean() for each in filters]
        yield name, filters[int(np.argmin(errors))]
