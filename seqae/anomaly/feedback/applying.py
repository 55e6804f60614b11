"""A detector that knows what operators have said."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from seqae.anomaly.accepted import fit_accepted
from seqae.anomaly.evidence import Surprise, WindowEvidence
from seqae.anomaly.fault_codes import KnownFault, fault_code
from seqae.anomaly.feedback.entry import Feedback, in_effect
from seqae.anomaly.localization import COARSE_WEIGHT
from seqae.anomaly.scorer import Scorer, times_of

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector


def apply_feedback(detector: AnomalyDetector, entries: Sequence[Feedback]) -> AnomalyDetector:
    """Return a copy that takes accepted rows for normal and compares events with named faults; nothing is trained.

    Args:
        detector: A fitted detector; what it had of feedback before is forgotten.
        entries: What was said, in its order; what was taken back has no effect.

    Raises:
        ValueError: Rows lack a channel of the detector, or are of a machine that it does not know.
    """
    applied = copy.copy(detector)
    applied.scorer_ = _without_feedback(detector.scorer_)
    for entry in in_effect(entries):
        resampled = detector.on_grid(entry.recording.select(detector.channels_))
        start, stop = int(resampled.steps[entry.start]), int(resampled.steps[entry.stop - 1]) + 1
        regular = replace(entry, recording=resampled.recording, start=start, stop=stop)
        add = _with_accepted if entry.kind == "normal" else _with_fault
        applied.scorer_ = add(applied.scorer_, regular)
    return applied


def as_fitted(detector: AnomalyDetector) -> AnomalyDetector:
    """Return a detector without feedback: a copy, if it has some."""
    scorer = detector.scorer_
    if not scorer.faults and all(each.accepted is None for each in scorer.resolutions):
        return detector
    fitted = copy.copy(detector)
    fitted.scorer_ = _without_feedback(scorer)
    return fitted


def _without_feedback(scorer: Scorer) -> Scorer:
    resolutions = tuple(replace(each, accepted=None) for each in scorer.resolutions)
    return replace(scorer, resolutions=resolutions, faults=())


def margin_of(scorer: Scorer) -> int:
    """Return how many rows on either side of a span are read with it."""
    return max(each.length for each in scorer.resolutions) - 1


def _with_accepted(scorer: Scorer, entry: Feedback) -> Scorer:
    """Return a scorer that takes the windows of a span for normal."""
    filled, start, stop = _filled(scorer, entry)
    usual = scorer.for_machine(entry.entity).calibration.evidence_of(scorer.threshold)
    least = usual / (1 + COARSE_WEIGHT * (len(scorer.resolutions) - 1))  # as much at all resolutions raises no alarm
    resolutions = [_accepting(each, filled, start, stop, usual, least) for each in scorer.resolutions]
    return replace(scorer, resolutions=tuple(resolutions))


def _accepting(
    own: WindowEvidence, rows: np.ndarray, start: int, stop: int, usual: float, least: float
) -> WindowEvidence:
    """Return evidence that takes the windows that cover a row from `start` to before `stop` for normal.

    What has no more evidence than `usual` already is.
    """
    assert isinstance(own.surprise, Surprise)
    if len(rows) < own.length:
        return own
    with torch.inference_mode():
        windows = own.windows_of(torch.from_numpy(rows))[max(start - own.length + 1, 0) : stop]
        deviations = own.deviations_of(windows)
        return replace(own, accepted=fit_accepted(deviations, own.surprise, usual, least, own.accepted))


def _with_fault(scorer: Scorer, entry: Feedback) -> Scorer:
    """Return a scorer that knows a fault by the row of its span that scores highest."""
    own = scorer.for_machine(entry.entity)
    scores = own.score(entry.recording).scores[entry.start : entry.stop]
    peak = entry.start + (int(np.nanargmax(scores)) if np.isfinite(scores).any() else 0)
    code = fault_code(scorer.resolutions[0], own.rows_around(entry.recording, peak))
    return replace(scorer, faults=(*scorer.faults, KnownFault(entry.fault, code)))


def _filled(scorer: Scorer, entry: Feedback) -> tuple[np.ndarray, int, int]:
    """Return the scaled rows of the segment that holds most of a span, and where that starts and stops in it."""
    segments = entry.recording.segments()
    inside = [min(entry.stop, each.stop) - max(entry.start, each.start) for each in segments]
    rows = segments[int(np.argmax(inside))]
    own = scorer.for_machine(entry.entity)
    filled = own.fill(own.scaled(entry.recording.values[rows], times_of(entry.recording, rows)))
    return filled, max(entry.start - rows.start, 0), min(entry.stop, rows.stop) - rows.start
