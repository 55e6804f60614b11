"""Scores one row of a stream in C++: calls into torch and numpy take longer than the sums that a row needs."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch

from seqae.anomaly.calibration import Calibration
from seqae.anomaly.evidence import Surprise, WindowEvidence, reconstructions
from seqae.anomaly.online.row_buffer import RowBuffer
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_models import LinearWindowModel, WindowModel
from seqae.anomaly.windows import one_thread, windows_of
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
        channels = len(scorer.channels)
        self.max_rows = 2 * scorer.localization.reach + 1  # that are kept, the new one included
        self._arrays: list[np.ndarray] = []  # what the structures point to
        self.reconstructions = [np.empty((each.window, channels)) for each in scorer.resolutions]
        self.provisional, self.final = np.empty(1 + channels, np.float32), np.empty(1 + channels, np.float32)
        self.resolutions = (_Resolution * len(scorer.resolutions))(*map(self._resolution, range(len(scorer.resolutions))))
        steps = max(each.window for each in scorer.resolutions)
        self.row = _Row(
            channels=channels,
            resolution_count=len(self.resolutions),
            resolutions=ctypes.addressof(self.resolutions),
            calibration=self._calibration(scorer.calibration),
            latest=self._calibration(scorer.latest_calibration),
            fill_weights=self._address(scorer.resolutions[0].residuals.last_step_weights),
            scratch=self._address(np.empty(3 * max(steps * channels, self.max_rows + channels))),
            provisional=self._address(self.provisional),
            result=self._address(self.final),
        )
        self.reference = ctypes.byref(self.row)
        self.fills_rows = _is_linear(scorer.resolutions[0].model)
        self.has_other_models = not all(_is_linear(each.model) for each in scorer.resolutions)

    @classmethod
    def of(cls, scorer: Scorer) -> RowKernel | None:
        """Return the kernel for a scorer; None where it can't be built, see `seqae.modules.native`."""
        library = load_kernel(SOURCE)
        # Calls are so short that to let go of Python's lock would cost more, and another thread might keep it.
        return None if library is None else cls(scorer, ctypes.PyDLL(library._name))

    def __reduce__(self) -> tuple[Callable[[Scorer], RowKernel | None], tuple[Scorer]]:
        """Make a copy that points to its own scorer."""
        return RowKernel.of, (self.scorer,)

    def push(
        self,
        filled: RowBuffer,
        missing: RowBuffer,
        windows: Sequence[RowBuffer],
        is_filled: bool,
        final: int,
        is_near_end: bool,
    ) -> None:
        """Score the latest row into `provisional`, and one that becomes final into `final`: `(1 + channel,)` float32.

        Args:
            filled: The rows that are kept, `(row, channel)` float64.
            missing: Where their values are missing, `(row, channel)` bool.
            windows: The evidence in their windows, `(window, channel)` float64 for each resolution, with room for that
                of the window that ends with the latest row.
            is_filled: Whether nothing is missing in the latest row, or it has been filled; else it is filled here.
            final: Which of the rows becomes final; -1 if none does.
            is_near_end: Whether that is near the start of its segment, see `Scorer.near_ends`.
        """
        row = self.row
        row.kept, row.final, row.is_near_end = len(filled), final, is_near_end
        row.filled, row.missing = filled.address, missing.address
        for resolution, own in zip(self.resolutions, windows):
            resolution.evidence = own.address
        if not is_filled:
            self.library.fill_row(self.reference)
        if self.has_other_models:
            self._reconstruct(filled.rows)
        self.library.score_row(self.reference)

    def _reconstruct(self, rows: np.ndarray) -> None:
        """Reconstruct the latest windows of rows `(row, channel)` where the model is not linear."""
        with one_thread(), torch.inference_mode():
            for each, found in zip(self.scorer.resolutions, self.reconstructions):
                if len(rows) >= each.length and not _is_linear(each.model):
                    window = windows_of(torch.from_numpy(rows[-each.length :]), each.window, each.rows_per_step)
                    found[:] = reconstructions(each.model, window)[0].numpy()

    def _resolution(self, number: int) -> _Resolution:
        evidence = self.scorer.resolutions[number]
        model, surprise = evidence.model, cast(Surprise, evidence.surprise)
        linear = model if isinstance(model, LinearWindowModel) and _is_linear(model) else None
        return _Resolution(
            window=evidence.window,
            rows_per_step=evidence.rows_per_step,
            model_center=None if linear is None else self._address(linear.center.numpy()),
            model_weight=None if linear is None else self._address(linear.weight.numpy()),
            reconstruction=self._address(self.reconstructions[number]),
            value_center=self._address(evidence.values.center),
            value_factor=self._address(evidence.values.factor),
            residual_center=self._address(evidence.residuals.center),
            residual_factor=self._address(evidence.residuals.factor),
            **{name: self._address(getattr(surprise, name)) for name in ("degrees", "scale", "dimensions", "usual", "least")},
        )

    def _calibration(self, calibration: Calibration) -> _Calibration:
        grid, rarity = self._address(calibration.grid), self._address(calibration.rarity)
        lowered = float(np.log10(calibration.inflation))
        return _Calibration(len(calibration.grid), grid, rarity, calibration.shape, calibration.scale, lowered)

    def _address(self, array: np.ndarray) -> int:
        """Return where an array is in memory, which is kept; another one if it is not contiguous."""
        self._arrays.append(np.ascontiguousarray(array, None if array.dtype == np.float32 else np.float64))
        return int(self._arrays[-1].ctypes.data)


def _is_linear(model: WindowModel) -> bool:
    """Return whether the kernel computes a model."""
    return isinstance(model, LinearWindowModel) and model.weight.dtype == torch.float64 and model.weight.is_cpu


_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64


class _Resolution(ctypes.Structure):
    """`Resolution` of row_kernel.cpp."""

    _fields_ = (
        *[(name, _SIZE) for name in ("window", "rows_per_step")],
        *[(name, _POINTER) for name in ("model_center", "model_weight", "reconstruction")],
        *[(name, _POINTER) for name in ("value_center", "value_factor", "residual_center", "residual_factor")],
        *[(name, _POINTER) for name in ("degrees", "scale", "dimensions", "usual", "least", "evidence")],
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
        *[(name, _POINTER) for name in ("fill_weights", "scratch")],
        *[(name, _SIZE) for name in ("kept", "final", "is_near_end")],
        *[(name, _POINTER) for name in ("filled", "missing", "provisional", "result")],
    )
