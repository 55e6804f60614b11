"""Errors of a recording at one time resolution: fine for what is sudden, coarse for what is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.data.windows import over_windows, window_starts

BATCH = 1024  # windows computed together


@dataclass(frozen=True, eq=False)
class Scale:
    """An autoencoder of windows of steps that are means of some consecutive rows.

    Attributes:
        model: Reads and writes windows `(batch, window, channel)`.
        window: Steps in a window.
        rows: Rows in a step.
    """

    model: Autoencoder
    window: int
    rows: int

    @property
    def reach(self) -> int:
        """Rows that a window covers."""
        return self.window * self.rows

    def errors(self, rows: np.ndarray, stride: int = 1) -> np.ndarray:
        """Return the mean squared error of each channel in the windows around each row, `(row, channel)`.

        A value that is missing (NaN) is read as the channel's mean and its error counts nothing.

        Args:
            rows: Scaled rows `(row, channel)`.
            stride: Steps from the start of one window to the start of the next.
        """
        return self._over_windows(rows, stride, _window_errors)

    def window_errors(self, windows: np.ndarray) -> np.ndarray:
        """Return the mean squared error of each channel in each window, `(window, channel)`; NaN if nothing is known.

        Args:
            windows: Steps `(window, time, channel)`, float32.
        """
        with one_thread(), torch.inference_mode():
            written = self.model.reconstruct(self._batch(windows)).values
        return _window_errors(written.cpu().numpy(), windows)[:, 0]

    def reconstruct(self, rows: np.ndarray, stride: int = 1) -> np.ndarray:
        """Return the mean of what the windows around each row make of it, `(row, channel)`."""
        return self._over_windows(rows, stride, lambda written, windows: written)

    def encode(self, rows: np.ndarray, stride: int) -> np.ndarray:
        """Return the codes of windows, `(window, code_size)`; a step counts `rows` rows."""
        steps = self._steps(rows)
        starts = window_starts(len(steps), self.window, stride)
        with torch.inference_mode():
            codes = [
                self.model.encode(self._batch(np.stack([steps[start : start + self.window] for start in some])))
                for some in np.array_split(starts, -(-len(starts) // BATCH))
            ]
        return torch.cat(codes).cpu().numpy()

    def _over_windows(self, rows: np.ndarray, stride: int, function: Callable) -> np.ndarray:
        steps = self._steps(rows)

        def of_windows(windows: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                written = self.model.reconstruct(self._batch(windows)).values
            return function(written.cpu().numpy(), windows)

        with one_thread():
            found = [values for _, values in over_windows(steps, self.window, stride, of_windows, BATCH)]
        return np.repeat(np.concatenate(found), self.rows, axis=0)[: len(rows)]

    def _batch(self, windows: np.ndarray) -> Batch:
        device = next((parameter.device for parameter in self.model.parameters()), "cpu")
        return Batch.full(torch.from_numpy(np.array(windows, dtype=np.float32)).to(device))

    def _steps(self, rows: np.ndarray) -> np.ndarray:
        """Return the means of consecutive rows, `(step, channel)`, at least one window of them."""
        steps = mean_of_rows(rows, self.rows)
        lacking = self.window - len(steps)
        return np.pad(steps, ((0, lacking), (0, 0)), mode="edge") if lacking > 0 else steps


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread: nets this small lose more by waiting for a second one than they gain."""
    before = torch.get_num_threads()
    if before == 1:  # setting them takes longer than a small net
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def mean_of_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """Return the means of each `count` consecutive rows, of the last ones what there is; NaN counts nothing."""
    if count == 1:
        return rows
    lacking = -len(rows) % count
    blocks = np.pad(rows, ((0, lacking), (0, 0)), constant_values=np.nan) if lacking else rows
    blocks = blocks.reshape(-1, count, rows.shape[1])
    known = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):
        return np.where(known, blocks, 0).sum(axis=1, dtype=np.float32) / known.sum(axis=1, dtype=np.float32)


def _window_errors(written: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the mean error of each window and channel, at all of its steps."""
    squares = np.square(written - windows)
    known = ~np.isnan(squares)
    with np.errstate(invalid="ignore"):
        means = np.where(known, squares, 0).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
    return np.broadcast_to(means.astype(np.float32), windows.shape)
