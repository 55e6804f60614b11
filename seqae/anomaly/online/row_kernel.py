"""Scores one row of a stream in C++: calls into torch and numpy take longer than the sums that a row needs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch

from seqae._processes import one_thread
from seqae.anomaly.calibration import Calibration
from seqae.anomaly.evidence import Surprise, WindowEvidence, reconstructions
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_kernel import is_linear, usual_of
from seqae.anomaly.windows import windows_of
from seqae.modules.native.build import load_kernel

SOURCE = Path(__file__).with_name("row_kernel.cpp")


class RowKernel:
    """Scores rows one at a time as `SegmentScorer` does many: equal but for the rounding of float64.

    The weights stay where the scorer has them; only what the models of other kinds reconstruct is computed by torch.

    Args:
        scorer: A fitted scorer.
        library: `row_kernel.cpp`, built.
    """

    def __init__(self, scorer: Scorer, library: ctypes.PyDLL):
        self.scorer, self.library = scorer, library
        channels, resolutions = len(scorer.channels), scorer.resolutions
        self.max_rows = 2 * scorer.localization.reach + 1  # that are kept, the new one included
        self._arrays: list[np.ndarray] = []  # what the structures point to
        self.values, self.scaled = np.empty(channels), np.empty((1, channels), np.float32)
        self.provisional, self.final = np.empty(1 + channels, np.float32), np.empty(1 + channels, np.float32)
        self.reconstructions = [np.empty((each.window, channels)) for each in resolutions]
        self.resolutions = (_Resolution * len(resolutions))(*map(self._resolution, resolutions, self.reconstructions))
        steps = max(each.window for each in resolutions)
        scaler = scorer.scaler
        scratch = 3 * max(steps * channels, self.max_rows + channels)
        self.row = _Row(
            channels=channels,
            resolution_count=len(resolutions),
            resolutions=ctypes.addressof(self.resolutions),
            calibration=self._calibration(scorer.calibration),
            latest=self._calibration(scorer.latest_calibration),
            mean=self._address(scaler.mean_, np.float64),
            scale=self._address(scaler.scale_, np.float64),
            is_constant=self._address(scaler.is_constant_, np.bool_),
            fill_weights=self._address(resolutions[0].residuals.last_step_weights, np.float64),
            scratch=self._address(np.empty(scratch), np.float64),
            values=self._address(self.values, np.float64),
            scaled=self._address(self.scaled, np.float32),
            provisional=self._address(self.provisional, np.float32),
            result=self._address(self.final, np.float32),
            most=self.max_rows,
        )
        self.reference = ctypes.byref(self.row)
        self.may_fill = int(is_linear(resolutions[0].model))
        self.has_other_models = not all(is_linear(each.model) for each in resolutions)

    @classmethod
    def of(cls, scorer: Scorer) -> RowKernel | None:
        """Return the kernel for a scorer; None where it can't be built."""
        library = load_kernel(SOURCE)
        # Calls are so short that to let go of Python's lock would cost more, and another thread might keep it.
        return None if library is None else cls(scorer, ctypes.PyDLL(library._name))

    def __reduce__(self) -> tuple[Callable[[Scorer], RowKernel | None], tuple[Scorer]]:
        """Make a copy that points to its own scorer."""
        return RowKernel.of, (self.scorer,)

    def new_found(self) -> RowBuffer:
        """Return what `push` keeps of a segment in addition to its table; nothing yet."""
        return RowBuffer(np.zeros((1 + self.max_rows, 2 + len(self.scorer.channels))))

    def push(self, table: RowBuffer, found: RowBuffer, first: int, final: int, is_near_end: bool) -> None:
        """Score a row: `values`, in the units of the data.

        It is written to `scaled`, its scores to `provisional`, and those of a row that becomes final to `final`,
        `(1 + channel,)` float32 each: the score, and what each channel contributes.

        Args:
            table: See `SegmentScorer.table`; the last row is yet to be written.
            found: What `new_found` returned for this segment.
            first: The number of the first row in the table.
            final: Which of the rows becomes final; -1 if none does.
            is_near_end: Whether that is near the start of its segment, see `Scorer.near_ends`.
        """
        assert len(table) <= self.max_rows  # the kernel does not check its arguments
        row = self.row
        row.table, row.kept, row.found, row.first = table.address, len(table), found.address, first
        row.final, row.is_near_end = final, is_near_end
        if self.library.begin_row(self.reference, self.may_fill):
            rows, window = table.rows, self.scorer.resolutions[0].window
            rows[-1, 0] = self.scorer.fill(self.scaled, latest_rows(rows[:-1, 0], window))[0]
        if self.has_other_models:
            self._reconstruct(table.rows[:, 0])
        if self.library.judge_row(self.reference):
            self._compare(table.rows)
        self.library.score_row(self.reference)

    def _compare(self, table: np.ndarray) -> None:
        """Write the evidence in the latest windows anew where there are accepted deviations, which few are near."""
        with one_thread(), torch.inference_mode():
            for number, each in enumerate(self.scorer.resolutions):
                if each.accepted is not None and len(table) >= each.length:
                    latest, came = torch.from_numpy(table[-each.length :, :2].copy()).unbind(dim=1)
                    table[-each.length, 2 + number] = each.of_rows(latest, came.isnan())[0].numpy()

    def _reconstruct(self, rows: np.ndarray) -> None:
        """Reconstruct the latest windows of rows `(row, channel)` where the model is not linear."""
        with one_thread(), torch.inference_mode():
            for each, found in zip(self.scorer.resolutions, self.reconstructions):
                if len(rows) >= each.length and not is_linear(each.model):
                    window = windows_of(torch.from_numpy(rows[-each.length :]), each.window, each.rows_per_step)
                    found[:] = reconstructions(each.model, window)[0].numpy()

    def _resolution(self, evidence: WindowEvidence, reconstruction: np.ndarray) -> _Resolution:
        model, surprise = evidence.model, cast(Surprise, evidence.surprise)
        arrays = {
            "reconstruction": reconstruction,
            "value_center": evidence.values.center,
            "value_factor": evidence.values.factor,
            "residual_center": evidence.residuals.center,
            "residual_factor": evidence.residuals.factor,
            "usual": usual_of(surprise),
        }
        if is_linear(model):
            arrays |= {"model_center": model.center.numpy(), "model_weight": model.weight.numpy()}
            if model.has_squares:
                arrays |= {"square_center": model.square_center.numpy(), "square_weight": model.square_weight.numpy()}
        addresses = {name: self._address(array, np.float64) for name, array in arrays.items()}
        compared = np.inf if evidence.accepted is None else evidence.accepted.least
        return _Resolution(evidence.window, evidence.rows_per_step, **addresses, compared=compared)

    def _calibration(self, calibration: Calibration) -> _Calibration:
        grid, rarity = (self._address(each, np.float64) for each in (calibration.grid, calibration.rarity))
        lowered = float(np.log10(calibration.inflation))
        return _Calibration(len(calibration.grid), grid, rarity, calibration.shape, calibration.scale, lowered)

    def _address(self, array: np.ndarray, dtype: type) -> int:
        """Return where an array is in memory, which is kept; that of a copy if it is not contiguous or of a type."""
        self._arrays.append(np.ascontiguousarray(array, dtype))
        return int(self._arrays[-1].ctypes.data)


def latest_rows(filled: np.ndarray, window: int) -> np.ndarray:
    """Return the latest `window` of filled rows, `(row, channel)`, as `Scorer.fill` reads them; normal before them."""
    normal = np.zeros((max(window - len(filled), 0), filled.shape[1]))
    return np.concatenate([normal, filled[-window:]])


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64


class _Resolution(ctypes.Structure):
    """`Resolution` of row_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("window", "rows_per_step")],
        *[(name, _POINTER) for name in ("model_center", "model_weight", "square_center", "square_weight")],
        ("reconstruction", _POINTER),
        *[(name, _POINTER) for name in ("value_center", "value_factor", "residual_center", "residual_factor")],
        ("usual", _POINTER),
        ("compared", ctypes.c_double),
    )


class _Calibration(ctypes.Structure):
    """`Calibration` of row_kernel.cpp."""

    _fields_ = (
        ("count", _SIZE),
        *[(name, _POINTER) for name in ("grid", "rarity")],
        *[(name, ctypes.c_double) for name in ("shape", "scale", "lowered")],
    )


class _Row(ctypes.Structure):
    """`Row` of row_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("channels", "resolution_count")],
        ("resolutions", _POINTER),
        *[(name, _Calibration) for name in ("calibration", "latest")],
        *[(name, _POINTER) for name in ("mean", "scale", "is_constant", "fill_weights", "scratch", "values", "scaled")],
        *[(name, _POINTER) for name in ("provisional", "result")],
        ("most", _SIZE),
        *[(name, _POINTER) for name in ("found", "table")],
        *[(name, _SIZE) for name in ("first", "kept", "final", "is_near_end")],
    )
