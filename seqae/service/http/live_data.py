"""What the live page draws of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._warnings import warnings_here
from seqae.anomaly.events import runs
from seqae.data.signals.recordings import Recording
from seqae.service.http.history import ROWS, MachineHistory, RowRing, numbers

if TYPE_CHECKING:
    from seqae.service.http.machines import WatchedMachine

_RECENT = 60  # rows whose contributions are shown


def live_data(machine: WatchedMachine, channel: str | None) -> dict[str, Any]:
    """Return the latest rows of a machine and what was found in them, as JSON values.

    Args:
        machine: The machine.
        channel: The channel to draw; by default the one that contributes most to the latest scores.
    """
    facts = machine.facts()
    with machine.reading() as history:
        channels, final = history.channels, history.final.values
        contributions = _contributions(final[-_RECENT:, 1:])
        number = channels.index(_first_channel(history, contributions) if channel is None else channel)
        readings = history.readings
        kind = "row" if readings.times is None else "date" if readings.times.dtype.kind == "M" else "seconds"
        drawn: dict[str, dict[str, Any]] = {
            "signal": _lines(readings, signal=number),
            "score": _lines(history.final, score=0, channel=1 + number),
            "provisional": _lines(history.provisional, score=0),
            "alarms": _alarms(history),
        }
        times = None if readings.times is None else readings.times[-ROWS:]
        recording = Recording(readings.values[-ROWS:], channels, times, name="live", entity=machine.entity)
    drawn["signal"]["reconstruction"] = numbers(_reconstruction(machine, recording)[:, number])
    pairs = sorted(zip(channels, contributions.tolist()), key=lambda pair: -pair[1])
    return facts | {
        "kind": kind,
        "channel": channels[number],
        "unit": machine.model.detector.units_.get(channels[number], ""),
        "channels": list(channels),
        "threshold": history.threshold,
        "contributions": pairs,
        "drawn": drawn,
    }


def _lines(ring: RowRing, **columns: int) -> dict[str, Any]:
    """Return the places of rows, and their numbers in some columns, by name."""
    lines = {name: numbers(ring.values[-ROWS:, column]) for name, column in columns.items()}
    return {"x": ring.positions()[-ROWS:].tolist()} | lines


def _contributions(channel_scores: np.ndarray) -> np.ndarray:
    """Return the fraction that each channel has of scores `(row, channel)`, `(channel,)`."""
    totals = np.nan_to_num(np.maximum(channel_scores, 0), posinf=1e30).sum(axis=0, dtype=float)
    return totals / totals.sum() if totals.sum() > 0 else totals


def _first_channel(history: MachineHistory, contributions: np.ndarray) -> str:
    """Return the channel to look at first: that of an alarm that goes on, else the one that contributes most."""
    if history.alerts and (history.latest_score or 0) > history.threshold:
        return history.alerts[-1]["channel"]
    return history.channels[int(np.argmax(contributions))]


def _alarms(history: MachineHistory) -> dict[str, list[float]]:
    """Return where alarms begin and end, by provisional scores where there are no final ones yet."""
    final, provisional = history.final, history.provisional
    new = max(provisional.stop - final.stop, 0)
    places = np.concatenate([final.positions(), provisional.positions()[len(provisional.values) - new :]])
    scores = np.concatenate([final.values[:, 0], provisional.values[len(provisional.values) - new :, 0]])
    step = float(np.median(np.diff(places))) if len(places) > 1 else 1.0
    spans = runs(scores > history.threshold)
    return {
        "left": (places[spans[:, 0]] - step / 2).tolist(),
        "right": (places[spans[:, 1] - 1] + step / 2).tolist(),
    }


def _reconstruction(machine: WatchedMachine, recording: Recording) -> np.ndarray:
    """Return what the model expects, `(row, channel)`; NaN where there are too few rows to tell."""
    with warnings_here("ignore"):
        try:
            return machine.model.detector.reconstruct(recording)
        except ValueError:
            return np.full_like(recording.values, np.nan)
