"""`seqae recalibrate`: new thresholds for a saved detector, without training."""

from __future__ import annotations

from pathlib import Path

from seqae.cli.messages import existing
from seqae.cli.session import detector_in, saved_in


def recalibrate(
    model: Path,
    normal: Path,
    out: Path,
    *,
    time_column: str | None = None,
    ignore: tuple[str, ...] = (),
    overwrite: bool = False,
) -> None:
    """Fit a detector's thresholds to new normal rows without training it again.

    For a machine that was serviced or runs at another point: its models stay, and all statistics are re-estimated.

    Example:
        seqae recalibrate runs/pump/latest since_service.csv pump_serviced

    Args:
        model: folder of a saved detector, or of a run that holds one
        normal: file of normal rows, or a folder of files; they should show every normal operating condition
        out: folder for the new detector
        time_column: the column of times, if it is not found by itself
        ignore: columns to leave out, such as labels
        overwrite: replace a detector that is there already
    """
    from seqae.artifact import save
    from seqae.data.signals.loading import as_recordings

    detector = detector_in(saved_in(model))
    if (out / "seqae.json").exists() and not overwrite:
        raise FileExistsError(f"{out} holds a model already. Add --overwrite, or give another folder")
    recordings = as_recordings(existing(normal), time_column=time_column, ignore=ignore, channels=detector.channels_)
    new = detector.recalibrate(recordings)
    rates = [
        sum(each.predict(recording).sum() for recording in recordings) / sum(map(len, recordings))
        for each in (detector, new)
    ]
    save(new, out)
    for recording in recordings:
        for warning in recording.warnings:
            print(f"note   {recording.name}: {warning}")
    print(f"{sum(map(len, recordings))} rows: {rates[0]:.2%} raised an alarm before, {rates[1]:.2%} do now.")
    print(f"On held-out normal rows: {new.empirical_false_alarm_rate_:.2%}.")
    print(f"wrote  {out}")
