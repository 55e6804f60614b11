"""`seqae recalibrate`: a new calibration of a saved detector, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from seqae.cli.file_names import result_name
from seqae.cli.messages import existing
from seqae.cli.session import detector_in, refuse_other_channels, saved_in
from seqae.cli.summary import threshold_in_words
from seqae.data.signals.options import ReadingKeywords, ReadingOptions


def recalibrate(
    model: Path,
    normal: Path,
    out: Path,
    *,
    overwrite: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Calibrate a detector on new normal rows without training it again.

    For a machine that was serviced or runs at another point: its models stay; means that shifted, what is
    usual for residuals, scores and the threshold are estimated again.

    Example:
        seqae recalibrate runs/pump/latest since_service.csv pump_serviced

    Args:
        model: folder of a saved detector, or of a run that holds one
        normal: file of normal rows, or a folder of files; they should show every normal operating condition
        out: folder for the new detector
        overwrite: replace a detector that is there already
    """
    from seqae.artifact import save
    from seqae.data.signals.loading import read_recordings

    detector = detector_in(saved_in(model))
    if (out / "seqae.json").exists() and not overwrite:
        raise FileExistsError(f"{out} holds a model already. Add --overwrite, or give another folder")
    options = ReadingOptions.of(**reading)
    refuse_other_channels(options, detector.channels_)
    recordings = read_recordings(existing(normal), options, detector.reading_, detector.channels_)
    new = detector.recalibrate(recordings)
    rates = [
        sum(each.predict(recording).sum() for recording in recordings) / sum(map(len, recordings))
        for each in (detector, new)
    ]
    save(new, out)
    for recording in recordings:
        for warning in recording.warnings:
            print(f"note   {result_name(recording)}: {warning}")
    print(f"{sum(map(len, recordings))} rows: {rates[0]:.2%} raised an alarm before, {rates[1]:.2%} do now.")
    print(threshold_in_words(new.threshold_, new.empirical_false_alarm_rate_))
    if new.scorer_.warning:
        print(f"note   {new.scorer_.warning}")
    print(f"wrote  {out}")
