"""The first steps of every command for saved models: load the model, read the files, find paths for results."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqae.artifact.places import local_folder
from seqae.cli.messages import existing
from seqae.cli.outputs import ARRAYS, TABLES, TEXTS, Format, OutputPaths, output_path, output_paths, refuse_to_overwrite
from seqae.data.signals.names import format_names
from seqae.data.signals.options import ReadingOptions

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.cli.abilities import Abilities
    from seqae.cli.inputs import Inputs

ENDINGS = {"texts": (TEXTS, *TABLES), "readings": (ARRAYS, *TABLES), "tokens": (ARRAYS, *TABLES), "frames": (ARRAYS,)}
EVENTS = ("_events.csv", "_events.json")  # beside the scores of a detector


@dataclass(frozen=True)
class Session:
    """A model, the sequences to give it, and the files to write.

    Attributes:
        model: The saved model that the command uses.
        abilities: What it can do.
        inputs: The content of the files.
        output_paths: The paths for the results: of each table, or one for all sequences.
        targets: The files to write.
        report: The results by name, for --json.
    """

    model: Any
    abilities: Abilities
    inputs: Inputs
    output_paths: list[OutputPaths]
    targets: list[Path]
    report: dict[str, Any] = field(default_factory=dict)

    def show_written(self) -> None:
        """Print the warnings about the data, and the files that were written."""
        for warning in self.inputs.warnings:
            print(f"note   {warning}")
        for target in self.targets:
            print(f"wrote  {target}")
        self.report["notes"], self.report["written"] = self.inputs.warnings, self.targets


@dataclass(frozen=True)
class Request:
    """What a command was asked for.

    Attributes:
        model: The folder of a saved model, or of a run that holds one.
        files: The files of sequences, or folders of these.
        out: A folder, or the file of the only result.
        format: The format of tables; by default as `out` ends, else csv.
        reading: How tables are read.
        overwrite: Whether results may replace others.
    """

    model: Path
    files: Sequence[Path]
    out: Path
    format: Format | None
    reading: ReadingOptions
    overwrite: bool


def prepare(request: Request, ability: str, what: str) -> Session:
    """Return the session of a command: all is loaded, read and checked before anything is computed.

    Args:
        request: What was asked for.
        ability: What the model has to be able to do, see `Abilities`.
        what: The content of the results, such as "codes": part of their names.
    """
    from seqae.cli.abilities import abilities_of
    from seqae.cli.inputs import FileOptions, read_inputs, refuse_options_of_others

    folder = saved_in(request.model)
    for file in request.files:
        existing(file)
    with _no_garbage_collection():
        model = model_in(folder)
        abilities = abilities_of(model, folder, ability)
        frame = abilities.frame_size
        reading = request.reading
        refuse_other_channels(reading, abilities.channels)
        if abilities.is_detector:  # it resamples itself, and undoes it in its results
            reading = replace(reading, resample=reading.resample or "none")
        options = FileOptions(reading, frame[1:], frame[:1] == (1,), abilities.remembered, abilities.channels or None)
        inputs = read_inputs(request.files, options, abilities.reads)
    refuse_options_of_others(inputs.kind, FileOptions(request.reading))
    if abilities.is_detector or (ability == "reconstruct" and inputs.kind == "tables"):
        paths = output_paths(inputs.names, what, request.out, request.format)
    else:
        endings = ENDINGS[abilities.writes] if ability == "reconstruct" else TABLES
        paths = [output_path(request.files, what, request.out, request.format, endings)]
    beside = EVENTS if abilities.is_detector and ability == "score" else ()
    targets = [path for each in paths for path in (each.table, *map(each.beside, beside))]
    refuse_to_overwrite(targets, inputs.paths, request.overwrite)
    return Session(model, abilities, inputs, paths, targets, {"model": folder, "kind": type(model).__name__})


def refuse_other_channels(reading: ReadingOptions, channels: Sequence[str]) -> None:
    """Raise if options ask for other channels than those that a model reads, if these have names.

    Raises:
        ValueError: They do.
    """
    if channels and reading.channels not in (None, tuple(channels)):
        raise ValueError(
            f"the model reads the channels {format_names(channels)}, and finds them by name. Leave channels=... out"
        )


def with_channels(reading: ReadingOptions, channels: Sequence[str]) -> ReadingOptions:
    """Return options for tables of the channels that a model reads; with those of the options if it has no names.

    Raises:
        ValueError: The options ask for other channels.
    """
    refuse_other_channels(reading, channels)
    return replace(reading, channels=tuple(channels)) if channels else reading


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
    """Return the folder of the model itself: this one, `model` in that of a run, or where an address leads."""
    folder = local_folder(folder)
    existing(folder)
    inner = folder / "model"
    return inner if (inner / "seqae.json").exists() and not (folder / "seqae.json").exists() else folder


def model_in(folder: Path) -> Any:
    """Return the model in a folder; a detector knows the feedback that is kept beside it."""
    from seqae.artifact import load

    model = load(folder)
    if (folder / "feedback").exists():  # else nothing of it is imported
        from seqae.anomaly.detector import AnomalyDetector
        from seqae.anomaly.feedback.log import FeedbackLog

        if isinstance(model, AnomalyDetector):
            return FeedbackLog(folder).apply(model)
    return model


def detector_in(folder: Path) -> AnomalyDetector:
    """Return the detector in a folder.

    Raises:
        ValueError: The folder holds another model.
    """
    from seqae.anomaly.detector import AnomalyDetector

    model = model_in(folder)
    if not isinstance(model, AnomalyDetector):
        kind = type(model).__name__
        raise ValueError(f"{folder} holds a {kind}. Recordings are read by an AnomalyDetector: save that instead")
    return model
