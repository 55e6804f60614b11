"""Detectors as ONNX files, run without torch."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqae._files import reason
from seqae.export.onnx_model import open_session

_MAX_ROWS = 2**24  # that a window may cover


class OnnxScores(NamedTuple):
    """The scores of rows by an `OnnxDetector`; the same numbers as those of the `AnomalyDetector` that it was.

    Attributes:
        scores: `(row,)` float32, higher = more anomalous; NaN where all values are missing.
        channel_scores: `(row, channel)` float32, which add up to the score; NaN where a value is missing.
        alarms: Which rows raise an alarm, `(row,)` bool.
    """

    scores: np.ndarray
    channel_scores: np.ndarray
    alarms: np.ndarray


class OnnxDetector:
    """A file that `AnomalyDetector.to_onnx` wrote, run by onnxruntime on the CPU; it needs numpy, and no torch.

    The inputs of the graph are `rows`, `(row, channel)` float64 in the units of the data, NaN where a value is missing,
    which follow each other without a gap in time; and two that may be left out: `threshold`, a float32, and `before`,
    the `filled` rows just before, `(window, channel)` float64, by default normal ones. Its outputs are `scores`,
    `(row,)` float32, `channel_scores`, `(row, channel)` float32, `alarms`, `(row,)` bool, and `filled`,
    `(row, channel)` float64, the scaled rows with missing values replaced. It needs `least_rows` rows, as many as the
    longest window covers. The metadata holds, as JSON: channels, units, period, threshold, reach, least_rows, window.

    Args:
        path: The file.
        rows_per_run: The number of rows that are computed together, to bound the memory; the results do not depend on
            it.
        changed: Accept a file that another tool has changed since it was written, for example to smaller numbers.

    Attributes:
        channels: The names of the channels.
        units: The unit of each channel that has one.
        period: Seconds from row to row; None if it is not known.
        threshold: The score above which a row raises an alarm.
        reach: How many rows on either side the score of a row depends on.
        least_rows: How many rows it needs at least.
        window: How many filled rows before a missing value its filling depends on.
        inputs: The shape of each input by its name, with "row" for the size that is free.
        outputs: The same of each output.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no detector.
        MissingExtra: onnxruntime is not installed.
    """

    channels: tuple[str, ...]
    units: dict[str, str]
    period: float | None
    threshold: float
    reach: int
    least_rows: int
    window: int

    def __init__(self, path: str | os.PathLike[str], rows_per_run: int = 4096, changed: bool = False):
        self._session = open_session(path, changed)
        self.path = Path(path)
        about = self._session.get_modelmeta().custom_metadata_map
        if about.get("model") != "AnomalyDetector":
            raise ValueError(f"{path} holds no detector. Write one with AnomalyDetector.to_onnx, or use OnnxModel")
        try:
            for name in ("units", "period", "threshold", "reach", "least_rows", "window"):
                setattr(self, name, json.loads(about[name]))
            self.channels = tuple(json.loads(about["channels"]))
            "".join(self.channels).encode()  # half a character, which JSON can write, is a ValueError
            sizes = self.reach, self.least_rows, self.window
            is_right = all(isinstance(size, int) and 0 <= size <= _MAX_ROWS for size in sizes)
            is_right = is_right and math.isfinite(self.threshold)
        except (KeyError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise ValueError(f"{path} is damaged (its metadata: {reason(error)}). Write it again") from error
        if not is_right:
            raise ValueError(f"{path} is damaged (sizes {sizes!s:.80}, threshold {self.threshold}). Write it again")
        self.rows_per_run = max(rows_per_run, self.least_rows, self.reach + self.window)
        given = [*self._session.get_inputs(), *self._session.get_overridable_initializers()]
        self.inputs = {each.name: tuple(each.shape) for each in given}
        self.outputs = {each.name: tuple(each.shape) for each in self._session.get_outputs()}
        if self.inputs.get("rows", ())[1:] != (len(self.channels),) or self.outputs.keys() != {
            *OnnxScores._fields,
            "filled",
        }:
            raise ValueError(f"{path} is damaged (reads {self.inputs} and gives {self.outputs}). Write it again")

    def score(self, rows: np.ndarray, threshold: float | None = None) -> OnnxScores:
        """Return the scores and alarms of rows that follow each other without a gap in time.

        Args:
            rows: `(row, channel)` in the units of the data, in the order of `channels`; NaN where a value is missing.
            threshold: The score above which a row raises an alarm; by default the fitted one.

        Raises:
            ValueError: There are fewer rows than the detector needs, or other channels, or a value is infinite.
        """
        rows = self._checked(np.asarray(rows, np.float64))
        limit = np.array(self.threshold if threshold is None else threshold, np.float32)
        filled, parts = np.zeros_like(rows), []
        for start in range(0, len(rows), self.rows_per_run):
            first, stop = max(start - self.reach, 0), start + self.rows_per_run
            given = {"rows": rows[first : stop + self.reach], "threshold": limit}
            if start:
                given["before"] = filled[first - self.window : first]
            *found, filled[first : stop + self.reach] = self._run(given)
            parts.append([each[start - first : stop - first] for each in found])
        return OnnxScores(*(np.concatenate(each) for each in zip(*parts)))

    def _run(self, given: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return what the graph gives for rows: scores, channel scores, alarms and filled rows."""
        try:
            found = self._session.run([*OnnxScores._fields, "filled"], given)
        except Exception as error:  # onnxruntime has a class for each kind of damage
            raise ValueError(f"{self.path} can't read these rows: {reason(error)}") from error
        shape = given["rows"].shape
        if [np.shape(each) for each in found] != [shape[:1], shape, shape[:1], shape]:
            raise ValueError(f"{self.path} is damaged (other scores than one a row). Write it again")
        return found

    def _checked(self, rows: np.ndarray) -> np.ndarray:
        if rows.ndim != 2 or rows.shape[1] != len(self.channels):
            raise ValueError(f"rows of shape {rows.shape}. Give (row, channel) of {', '.join(self.channels)}")
        if len(rows) < self.least_rows:
            raise ValueError(f"{len(rows)} rows; this detector needs {self.least_rows} or more. Wait for more rows")
        if (infinite := np.argwhere(np.isinf(rows))).size:
            row, channel = infinite[0]
            raise ValueError(
                f"channel {self.channels[channel]!r} is infinite (row {row}). Readings are finite; give NaN for a "
                "value that is missing"
            )
        return rows
