"""Saved models at work: score, reconstruct and encode the recordings in files."""

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
    format: of the tables; by default as --out ends, else csv
    time_column: the column that tells the time, if it is not found by itself
    ignore: columns to leave out, such as labels
    overwrite: replace results that are there already"""


def _command(*endings: str) -> Callable[[Callable[[Session], None]], Callable[..., None]]:
    """Make a command of what is to be done with a model and recordings; all of them take the same options.

    Args:
        endings: Of the names of the results of a recording, see `prepare`.
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
def score(work: Session) -> None:
    """Find what is abnormal in recordings.

    Writes NAME_scores.csv (for each row its score, alarm and channels' scores),
    NAME_events.csv and NAME_events.json (when, how badly, which channels).

    Example:
        seqae score runs/pump/latest today.csv
        seqae score runs/pump/latest week/ --out scores --format parquet
    """
    from seqae.anomaly.events import write_events_csv, write_events_json

    detections = work.detector.detect(work.recordings)
    for detection, place in zip(detections, work.output_paths):
        write_table(detection.frame(), place.table)
        write_events_csv(detection.events, place.beside(_EVENTS[0]))
        write_events_json(detection.events, place.beside(_EVENTS[1]))
    show_detections(detections)
    detector = work.detector
    print(
        f"\nEvidence up to 1 raises no alarm; the limits are for {detector.false_alarm_rate:.2%} of normal rows, and "
        f"{detector.realised_rate_:.2%} of those that the models had not seen raised one."
    )
    for remark in sorted({limit.remark for limit in detector.thresholds_ if limit.remark}):
        print(f"note   {remark}")
    work.show_written()


@_command("reconstruction")
def reconstruct(work: Session) -> None:
    """Write recordings as the model sees them, in the units of the data.

    Example:
        seqae reconstruct runs/pump/latest today.csv --out expected.csv
    """
    for recording, place in zip(work.recordings, work.output_paths):
        rows = range(len(recording))
        write_table(_frame(recording, rows, recording.channels, work.detector.reconstruct(recording)), place.table)
    work.show_written()


@_command("codes")
def encode(work: Session) -> None:
    """Write the codes of windows, each with its first row and time.

    Example:
        seqae encode runs/pump/latest today.csv --out codes.parquet
    """
    for recording, place in zip(work.recordings, work.output_paths):
        codes = work.detector.encode(recording)
        names = [f"code_{number}" for number in range(codes.shape[1])]
        write_table(_frame(recording, _first_rows(work.detector, recording), names, codes), place.table)
    work.show_written()


def _first_rows(detector: AnomalyDetector, recording: Recording) -> np.ndarray:
    """Return where the windows that the detector encodes begin, `(window,)`."""
    import numpy as np

    from seqae.data.windows import window_starts

    rows, window = detector.scales_[0].rows, detector.window  # rows in a step, steps in a window
    return np.concatenate(
        [
            part.start + rows * window_starts(-(-(part.stop - part.start) // rows), window, stride=window)
            for part in recording.segments()
        ]
    )


def _frame(recording: Recording, rows: Sequence[int], names: Iterable[str], columns: np.ndarray) -> pandas.DataFrame:
    """A table of columns, `(row, column)`, with the numbers and times of the rows they are about."""
    import pandas

    places = {"row": rows} if recording.times is None else {"row": rows, "time": recording.times[rows]}
    return pandas.concat([pandas.DataFrame(places), pandas.DataFrame(columns, columns=list(names))], axis=1)
