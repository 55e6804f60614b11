"""Window models at several time resolutions: fine ones for sudden faults, coarse ones for slow faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from seqae.anomaly.window_models import WindowModel
from seqae.batch import Batch
from seqae.data.windows import over_windows, window_starts

WINDOWS_PER_BATCH = 1024


@dataclass(frozen=True, eq=False)
class ResolutionModel:
    """A window model at one time resolution: its steps are means of consecutive rows.

    Attributes:
        model: Reconstructs windows `(batch, window, channel)`.
        window: The number of steps in a window.
        rows_per_step: Rows that are averaged to one step.
    """

    model: WindowModel
    window: int
    rows_per_step: int

    @property
    def receptive_rows(self) -> int:
        """Rows that a window covers."""
        return self.window * self.rows_per_step

    def errors(self, rows: np.ndarray, stride: int = 1) -> np.ndarray:
        """Return the mean squared error of each channel in the windows around each row, `(row, channel)` float32.

        A value that is missing (NaN) is read as the channel's mean, and has no error.

        Args:
            rows: Scaled rows, `(row, channel)` float32.
            stride: Steps from the start of one window to the start of the next.
        """
        return self._over_windows(rows, stride, _window_errors)

    def window_errors(self, windows: np.ndarray) -> np.ndarray:
        """Return the mean squared error of each channel in each window, `(window, channel)`; NaN if all values miss.

        Args:
            windows: Steps, `(window, time, channel)` float32.
        """
        with one_thread(), torch.inference_mode():
            reconstructions = self.model.reconstruct(self._batch(windows)).values
        return _window_errors(reconstructions.cpu().numpy(), windows)[:, 0]

    def reconstruct(self, rows: np.ndarray, stride: int = 1) -> np.ndarray:
        """Return the mean of the reconstructions by all windows that cover a row, `(row, channel)` float32.

        Args:
            rows: Scaled rows, `(row, channel)` float32.
            stride: Steps from the start of one window to the start of the next.
        """
        return self._over_windows(rows, stride, lambda reconstructions, windows: reconstructions)

    def encode(self, rows: np.ndarray, stride: int) -> np.ndarray:
        """Return the codes of windows, `(window, code_size)` float32.

        Args:
            rows: Scaled rows, `(row, channel)` float32.
            stride: Steps from the start of one window to the start of the next; the last window ends at the last step.
        """
        steps = self._steps(rows)
        starts = window_starts(len(steps), self.window, stride)
        with torch.inference_mode():
            codes = [
                self.model.encode(self._batch(np.stack([steps[start : start + self.window] for start in batch])))
                for batch in np.array_split(starts, -(-len(starts) // WINDOWS_PER_BATCH))
            ]
        return torch.cat(codes).cpu().numpy()

    def _over_windows(self, rows: np.ndarray, stride: int, function: Callable) -> np.ndarray:
        """Return the mean over the windows around each row of a function of reconstructions and windows."""
        steps = self._steps(rows)

        def of_windows(windows: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                reconstructions = self.model.reconstruct(self._batch(windows)).values
            return function(reconstructions.cpu().numpy(), windows)

        with one_thread():
            means = [values for _, values in over_windows(steps, self.window, stride, of_windows, WINDOWS_PER_BATCH)]
        return np.repeat(np.concatenate(means), self.rows_per_step, axis=0)[: len(rows)]

    def _batch(self, windows: np.ndarray) -> Batch:
        device = next((parameter.device for parameter in self.model.parameters()), "cpu")
        return Batch.full(torch.from_numpy(np.array(windows, dtype=np.float32)).to(device))

    def _steps(self, rows: np.ndarray) -> np.ndarray:
        """Return the means of consecutive rows, `(step, channel)`, padded to at least one window of them."""
        steps = mean_of_rows(rows, self.rows_per_step)
        missing = self.window - len(steps)
        return np.pad(steps, ((0, missing), (0, 0)), mode="edge") if missing > 0 else steps


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: networks this small lose more by waiting for a second thread than they gain."""
    before = torch.get_num_threads()
    if before == 1:  # setting it takes longer than a small network
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def mean_of_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Return the means of each `count` consecutive rows, `(step, channel)` float32; of the last rows if fewer remain.

    Args:
        rows: `(row, channel)` float32; NaN is left out of the means.
        count: The number of rows in a step.
    """
    if count == 1:
        return rows
    missing = -len(rows) % count
    blocks = np.pad(rows, ((0, missing), (0, 0)), constant_values=np.nan) if missing else rows
    blocks = blocks.reshape(-1, count, rows.shape[1])
    known = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):
        return np.where(known, blocks, 0).sum(axis=1, dtype=np.float32) / known.sum(axis=1, dtype=np.float32)


def _window_errors(reconstructions: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each window and channel, repeated for its steps, `(window, time, channel)`."""
    squares = np.square(reconstructions - windows)
    known = ~np.isnan(squares)
    with np.errstate(invalid="ignore"):
        means = np.where(known, squares, 0).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
    return np.broadcast_to(means.astype(np.float32), windows.shape)
