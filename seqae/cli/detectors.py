"""Results of a saved `AnomalyDetector`, in files of each recording: scores and events, reconstructions, codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqae.cli.outputs import write_table
from seqae.cli.session import EVENTS, Session
from seqae.cli.summary import detection_summary, show_detections, threshold_in_words
from seqae.cli.timed_tables import timed_table

if TYPE_CHECKING:
    import numpy as np

    from seqae.anomaly.detector import AnomalyDetector
    from seqae.data.signals.recordings import Recording


def write_detections(session: Session) -> None:
    """Write scores and events of each recording, and print the most severe ones."""
    from seqae.anomaly.events import write_events_csv, write_events_json

    detections = session.model.detect(session.inputs.items)
    for detection, paths in zip(detections, session.output_paths):
        write_table(detection.frame(), paths.table)
        write_events_csv(detection.events, paths.beside(EVENTS[0]))
        write_events_json(detection.events, paths.beside(EVENTS[1]))
    show_detections(detections)
    detector = session.model
    print(f"\n{threshold_in_words(detector.threshold_, detector.empirical_false_alarm_rate_)}")
    warnings = [detector.scorer_.warning] if detector.scorer_.warning else []
    for warning in warnings:
        print(f"note   {warning}")
    session.report.update(
        {
            "threshold": detector.threshold_,
            "target_false_alarm_rate": None if detector.false_alarms_per_day else detector.false_alarm_rate,
            "target_false_alarms_per_day": detector.false_alarms_per_day,
            "false_alarm_rate": detector.empirical_false_alarm_rate_,
            "recordings": [detection_summary(detection) for detection in detections],
            "warnings": warnings,
        }
    )


def write_recording_reconstructions(session: Session) -> None:
    """Write the reconstruction of each recording, in the units of the data."""
    for recording, paths in zip(session.inputs.items, session.output_paths):
        table = timed_table(recording, range(len(recording)), recording.channels, session.model.reconstruct(recording))
        write_table(table, paths.table)
    session.report["sequences"] = len(session.inputs.items)


def write_window_codes(session: Session) -> None:
    """Write the codes of the windows of each recording, each with its first row and time."""
    for recording, paths in zip(session.inputs.items, session.output_paths):
        codes = session.model.encode(recording)
        names = [f"code_{number}" for number in range(codes.shape[1])]
        regular = session.model.on_grid(recording).recording
        write_table(timed_table(regular, _first_rows(session.model, regular), names, codes), paths.table)
        session.report["code_size"] = codes.shape[1]
        session.report["sequences"] = session.report.get("sequences", 0) + len(codes)


def _first_rows(detector: AnomalyDetector, recording: Recording) -> np.ndarray:
    """Return where the windows that the detector encodes begin, `(window,)`."""
    import numpy as np

    from seqae.data.windows import window_starts

    length = detector.scorer_.resolutions[0].length
    resampled = detector.on_grid(recording)
    parts = resampled.recording.segments()
    starts = [part.start + window_starts(part.stop - part.start, length, stride=length) for part in parts]
    return np.array([resampled.rows_of(start, start + 1)[0] for start in np.concatenate(starts).tolist()])
