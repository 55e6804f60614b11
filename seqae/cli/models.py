"""`seqae score`, `reconstruct` and `encode`: a saved detector applied to the recordings in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqae.cli.outputs import Format, write_table
from seqae.cli.session import Session, prepare
from seqae.cli.summary import show_detections

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from seqae.anomaly.detector import AnomalyDetector
    from seqae.data.signals.recordings import Recording

_EVENTS = ("_events.csv", "_events.json")
_OPTIONS = """Args:
    model: folder of a saved detector, or of a run that holds one
    files: CSV, Parquet or JSON lines, or folders of these
    out: folder for the results, or the table's file
    format: format of the tables; by default as --out ends, else csv
    time_column: the column of times, if it is not found by itself
    ignore: columns to leave out, such as labels
    overwrite: replace results that are there already"""


def _command(*endings: str) -> Callable[[Callable[[Session], None]], Callable[..., None]]:
    """Turn a function of a session into a command; all of these commands take the same options.

    Args:
        endings: The ends of the names of the results, see `prepare`.
    """

    def of(do: Callable[[Session], None]) -> Callable[..., None]:
        def command(
            model: Path,
            files: list[Path],
            *,
            out: Path = Path(),
            format: Format | None = None,
            time_column: str | None = None,
            ignore: tuple[str, ...] = (),
            overwrite: bool = False,
        ) -> None:
            do(prepare(model, files, out, format, time_column, ignore, overwrite, endings))

        command.__name__, command.__doc__ = do.__name__, f"{inspect.getdoc(do)}\n\n{_OPTIONS}"
        return command

    return of


@_command("scores", *_EVENTS)
def score_recordings(session: Session) -> None:
    """Detect anomalies in recordings.

    Writes NAME_scores.csv (for each row its score, threshold ratio, alarm and channel scores),
    NAME_events.csv and NAME_events.json (for each event its time, severity and channel contributions).

    Example:
        seqae score runs/pump/latest today.csv
        seqae score runs/pump/latest week/ --out scores --format parquet
    """
    from seqae.anomaly.events import write_events_csv, write_events_json

    detections = session.detector.detect(session.recordings)
    for detection, paths in zip(detections, session.output_paths):
        write_table(detection.frame(), paths.table)
        write_events_csv(detection.events, paths.beside(_EVENTS[0]))
        write_events_json(detection.events, paths.beside(_EVENTS[1]))
    show_detections(detections)
    detector = session.detector
    print(
        f"\nThreshold ratio above 1 = alarm. Target false-alarm rate {detector.false_alarm_rate:.2%}; "
        f"on held-out normal rows {detector.empirical_false_alarm_rate_:.2%}."
    )
    for warning in sorted({threshold.warning for threshold in detector.thresholds_ if threshold.warning}):
        print(f"note   {warning}")
    session.show_written()


@_command("reconstruction")
def reconstruct_recordings(session: Session) -> None:
    """Write the reconstruction of recordings, in the units of the data.

    Example:
        seqae reconstruct runs/pump/latest today.csv --out expected.csv
    """
    for recording, paths in zip(session.recordings, session.output_paths):
        rows = range(len(recording))
        write_table(_frame(recording, rows, recording.channels, session.detector.reconstruct(recording)), paths.table)
    session.show_written()


@_command("codes")
def encode_recordings(session: Session) -> None:
    """Write the codes of windows, each with its first row and time.

    Example:
        seqae encode runs/pump/latest today.csv --out codes.parquet
    """
    for recording, paths in zip(session.recordings, session.output_paths):
        codes = session.detector.encode(recording)
        names = [f"code_{number}" for number in range(codes.shape[1])]
        write_table(_frame(recording, _first_rows(session.detector, recording), names, codes), paths.table)
    session.show_written()


def _first_rows(detector: AnomalyDetector, recording: Recording) -> np.ndarray:
    """Return where the windows that the detector encodes begin, `(window,)`."""
    import numpy as np

    from seqae.data.windows import window_starts

    finest = detector.scorer_.resolution_models[0]
    rows, window = finest.rows_per_step, finest.window  # rows in a step, steps in a window
    return np.concatenate(
        [
            part.start + rows * window_starts(-(-(part.stop - part.start) // rows), window, stride=window)
            for part in recording.segments()
        ]
    )


def _frame(
    recording: Recording, rows: Sequence[int] | np.ndarray, names: Iterable[str], columns: np.ndarray
) -> pandas.DataFrame:
    """A table of columns, `(row, column)`, with the indices and times of their rows."""
    import pandas

    index = {"row": rows} if recording.times is None else {"row": rows, "time": recording.times[rows]}
    return pandas.concat([pandas.DataFrame(index), pandas.DataFrame(columns, columns=list(names))], axis=1)
