"""`seqae fit --detector`: an `AnomalyDetector` trained on normal rows."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from seqae.cli.fit import refuse_target
from seqae.cli.json_report import json_report
from seqae.cli.summary import threshold_in_words
from seqae.data.signals.options import ReadingKeywords, ReadingOptions

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.cli.inputs import Inputs


def fit_detector(
    data: list[Path],
    *,
    out: Path,
    model: Literal["linear", "lstm", "gru", "conv", "attention", "auto"] = "linear",
    false_alarm_rate: float = 0.01,
    false_alarms_per_day: float | None = None,
    epochs: int = 15,
    sample_rows: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    json: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Train an anomaly detector on tables of normal rows.

    The detector keeps how the tables were read, and seqae score reads others in the same way.

    With --json: data (recordings, rows, channels, machines, text), threshold, target_false_alarm_rate or
    target_false_alarms_per_day, false_alarm_rate (of held-out normal rows), model_scores (of auto), warnings, notes,
    written.

    Example:
        seqae fit --detector good_week.csv -o pump
        seqae fit --detector year/ --by machine --sample-rows 200000 -o fleet_model
        seqae fit --detector fleet/ --by machine --missing -999 "Bad Input" --false-alarms-per-day 1 -o fleet_model

    Args:
        data: tables of normal rows, or folders of these; they should show every normal operating condition
        out: folder for the detector
        model: autoencoder of windows; auto chooses one by injected faults
        false_alarm_rate: fraction of normal rows that may raise an alarm
        false_alarms_per_day: separate false alarms that may be raised in a day, in place of a rate; rows need times
        epochs: passes over the windows at most
        sample_rows: rows to learn from, in stretches spread over the time of each machine; so Parquet files may be
            larger than memory
        seed: seed of all random numbers
        overwrite: replace a model that is there already
        json: print one JSON object on standard output, and all else on standard error
    """
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.artifact import save

    with json_report(json) as report:
        refuse_target(out, overwrite)
        detector = AnomalyDetector(
            model,
            false_alarm_rate=false_alarm_rate,
            false_alarms_per_day=false_alarms_per_day,
            epochs=epochs,
            random_state=seed,
        )
        options = ReadingOptions.of(**reading)
        inputs = _read(data, replace(options, resample="none"), sample_rows)
        for line in _data_lines(inputs):
            print(line)
        with redirect_stdout(io.StringIO()):  # progress is on standard error
            detector.fit(
                inputs.items,
                progress=True,
                resample=options.resample,
                fill=options.fill,
                horizon=options.horizon,
            )
        detector.reading_ = options.completed(detector.reading_, ()).remembered()
        save(detector, out)
        report |= _summary(detector, inputs, out)
        _show(detector, inputs, out)


def _read(data: list[Path], options: ReadingOptions, sample_rows: int | None) -> Inputs:
    from seqae.cli.inputs import FileOptions, Inputs, read_inputs

    if sample_rows is None:
        return read_inputs(data, FileOptions(options), ["tables"])
    from seqae.anomaly.bulk.sample import sample_recordings

    stretches = sample_recordings(data, rows=sample_rows, **vars(options))
    return Inputs("tables", stretches, [each.name for each in stretches])


def _data_lines(inputs: Inputs) -> list[str]:
    machines = _machines(inputs)
    return [f"data   {inputs}", *([f"by     {len(machines)} machines: {', '.join(machines)}"] if machines else [])]


def _machines(inputs: Inputs) -> list[str]:
    return sorted({recording.entity for recording in inputs.items if recording.entity})


def _show(detector: AnomalyDetector, inputs: Inputs, out: Path) -> None:
    """Print what was learnt, what is remarkable, what was written, and what to do next."""
    for name, score in detector.model_scores_.items():
        print(f"tried  {name}: finds {score:.0%} of injected faults, less its false alarms")
    print(f"learnt {threshold_in_words(detector.threshold_, detector.empirical_false_alarm_rate_)}")
    for warning in [*_warnings(detector), *inputs.warnings]:
        print(f"note   {warning}")
    print(f"wrote  {out}")
    print(f"next   seqae score {out} FILES; tail -f FILE | seqae stream {out}; seqae inspect {out}")


def _warnings(detector: AnomalyDetector) -> list[str]:
    return [detector.scorer_.warning] if detector.scorer_.warning else []


def _summary(detector: AnomalyDetector, inputs: Inputs, out: Path) -> dict[str, Any]:
    return {
        "data": {
            "recordings": len(inputs.items),
            "rows": sum(map(len, inputs.items)),
            "channels": detector.channels_,
            "machines": _machines(inputs),
            "text": str(inputs),
        },
        "threshold": detector.threshold_,
        "target_false_alarm_rate": None if detector.false_alarms_per_day else detector.false_alarm_rate,
        "target_false_alarms_per_day": detector.false_alarms_per_day,
        "false_alarm_rate": detector.empirical_false_alarm_rate_,
        "model_scores": detector.model_scores_,
        "warnings": _warnings(detector),
        "notes": inputs.warnings,
        "written": [out],
    }
