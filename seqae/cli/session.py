"""The first steps of every command for saved models: load the model, read the recordings, find paths for results."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqae.cli.messages import existing
from seqae.cli.outputs import Format, OutputPaths, output_paths, refuse_to_overwrite

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.data.signals.recordings import Recording


@dataclass(frozen=True)
class Session:
    """A detector, the recordings to give it, and the files to write.

    Attributes:
        detector: The saved detector that the command uses.
        recordings: The content of the files.
        output_paths: The paths for the results of each recording.
        targets: The files to write.
    """

    detector: AnomalyDetector
    recordings: list[Recording]
    output_paths: list[OutputPaths]
    targets: list[Path]

    def show_written(self) -> None:
        """Print the warnings about the data, and the files that were written."""
        for recording in self.recordings:
            for warning in recording.warnings:
                print(f"note   {recording.name}: {warning}")
        for target in self.targets:
            print(f"wrote  {target}")


def prepare(
    model: Path,
    files: Sequence[Path],
    out: Path,
    format: Format | None,
    time_column: str | None,
    ignore: Sequence[str],
    overwrite: bool,
    endings: Sequence[str],
) -> Session:
    """Return the session of a command: all is loaded, read and checked before anything is computed.

    Args:
        model: The folder of a saved detector, or of a run that holds one.
        files: The files of recordings, or folders of these.
        out: A folder, or the file of the only table.
        format: The format of the tables; by default as `out` ends, else csv.
        time_column: The column of times.
        ignore: Columns to leave out.
        overwrite: Whether results may replace others.
        endings: The ends of the names of a recording's results; the first is the table's, without its format.
    """
    folder = saved_in(model)
    for file in files:
        existing(file)
    with _no_garbage_collection():
        detector = detector_in(folder)
        recordings = _read(detector, files, time_column, ignore)
    paths = output_paths([recording.name for recording in recordings], endings[0], out, format)
    targets = [path for each in paths for path in (each.table, *map(each.beside, endings[1:]))]
    refuse_to_overwrite(targets, files, overwrite)
    return Session(detector, recordings, paths, targets)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Exclude objects of imports and loading from garbage collection, which takes a quarter of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def saved_in(folder: Path) -> Path:
    """Return the folder of the model itself: this one, or `model` in the folder of a run."""
    existing(folder)
    inner = folder / "model"
    return inner if (inner / "seqae.json").exists() and not (folder / "seqae.json").exists() else folder


def detector_in(folder: Path) -> AnomalyDetector:
    """Return the detector in a folder.

    Raises:
        ValueError: The folder holds another model.
    """
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.artifact import load

    model = load(folder)
    if not isinstance(model, AnomalyDetector):
        kind = type(model).__name__
        raise ValueError(f"{folder} holds a {kind}. Recordings are read by an AnomalyDetector: save that instead")
    return model


def _read(
    detector: AnomalyDetector, files: Sequence[Path], time_column: str | None, ignore: Sequence[str]
) -> list[Recording]:
    from seqae.data.signals.loading import as_recordings

    return as_recordings(list(files), time_column=time_column, ignore=ignore, channels=detector.channels_)
