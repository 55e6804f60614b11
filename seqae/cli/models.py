"""`seqae score`, `reconstruct` and `encode`: a saved model applied to the sequences in files."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

from seqae.cli import detectors, sequences
from seqae.cli.json_report import json_report
from seqae.cli.messages import rewording
from seqae.cli.outputs import Format
from seqae.cli.session import Request, Session, prepare
from seqae.data.signals.options import ReadingKeywords, ReadingOptions

_OPTIONS = """Args:
    model: folder of a saved model, or of a run that holds one
    files: files of one kind (see seqae fit), or folders of these; tables for a detector
    out: folder for the results, or the only result's file
    format: format of the tables; by default as --out ends, else csv
    overwrite: replace results that are there already
    json: print one JSON object on standard output, and all else on standard error"""


def _command(
    ability: str, what: str, of_detector: Callable[[Session], None]
) -> Callable[[Callable[[Session], None]], Callable[..., None]]:
    """Turn a function of a session into a command; all of these commands take the same options.

    Args:
        ability: What the model has to be able to do, see `Abilities`.
        what: The content of the results: part of the names of their files.
        of_detector: What is done with a detector.
    """

    def of(of_sequences: Callable[[Session], None]) -> Callable[..., None]:
        def command(
            model: Path,
            files: list[Path],
            *,
            out: Path = Path(),
            format: Format | None = None,
            overwrite: bool = False,
            json: bool = False,
            **reading: Unpack[ReadingKeywords],
        ) -> None:
            with json_report(json) as report:
                request = Request(model, files, out, format, ReadingOptions.of(**reading), overwrite)
                session = prepare(request, ability, what)
                with rewording(str if session.abilities.window else session.inputs.in_words):
                    (of_detector if session.abilities.is_detector else of_sequences)(session)
                session.show_written()
                report |= session.report

        command.__name__, command.__doc__ = of_sequences.__name__, f"{inspect.getdoc(of_sequences)}\n\n{_OPTIONS}"
        return command

    return of


@_command("score", "scores", detectors.write_detections)
def score_recordings(session: Session) -> None:
    """Score sequences, or detect anomalies in recordings.

    A detector writes for each recording NAME_scores.csv (for each row its score, alarm and channel scores, which add up
    to the score), NAME_events.csv and NAME_events.json (for each event its time, severity and channel contributions).
    Other models write one table with a row for each sequence: an autoencoder its score, minus the mean loss of its
    reconstruction (the higher, the more like the training sequences); a classifier its prediction and the probability
    of each class.

    With --json: model, kind, notes, written; of an autoencoder sequences, score (mean, least, row_of_least), r2 or
    accuracy; of a classifier sequences, predictions (a count by class), accuracy if the files tell the classes; of a
    detector recordings (name, rows, alarms, events), threshold, target_false_alarm_rate or
    target_false_alarms_per_day, false_alarm_rate (of held-out normal rows), warnings.

    Example:
        seqae score runs/pump/latest today.csv
        seqae score runs/pump/latest week/ --out scores --format parquet
    """
    sequences.write_scores(session)


@_command("reconstruct", "reconstruction", detectors.write_recording_reconstructions)
def reconstruct_recordings(session: Session) -> None:
    """Write the reconstruction of sequences, in the units of the data.

    Of tables a table each; of other readings and of frames one .npz file, each by its name; of texts one a line.
    Those of audio are log-mel frames.

    With --json: model, kind, sequences, notes, written.

    Example:
        seqae reconstruct runs/pump/latest today.csv --out expected.csv
    """
    sequences.write_reconstructions(session)


@_command("encode", "codes", detectors.write_window_codes)
def encode_recordings(session: Session) -> None:
    """Write the codes of sequences, or of windows, each with its first row and time.

    One table with a row for each sequence: its name, length and code_0, code_1, ...; of a detector a table for each
    recording with a row for each window.

    With --json: model, kind, sequences, code_size, notes, written.

    Example:
        seqae encode runs/pump/latest today.csv --out codes.parquet
    """
    sequences.write_codes(session)
