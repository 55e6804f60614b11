"""Normal rows as the models read them: each machine on its own scale, without what repeats itself each day or week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqae.anomaly.fleet import grouped
from seqae.anomaly.fleet_fitting import fit_scalers
from seqae.anomaly.normal_rows import minimum_effect, times_of_parts
from seqae.anomaly.rhythm import Rhythm, split_rhythm
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler


@dataclass(frozen=True, eq=False)
class ScaledRows:
    """The parts of normal recordings without gaps in time.

    Attributes:
        scaled: Their scaled rows, `(row, channel)` float32 each.
        entities: The machine of each part, "" if none is named.
        scalers: The scaler of each machine.
        effects: The smallest deviation of each channel that can be abnormal, `(channel,)` for each machine.
        rhythm: What was removed from them; None if nothing was.
    """

    scaled: list[np.ndarray]
    entities: list[str]
    scalers: Mapping[str, Scaler]
    effects: Mapping[str, np.ndarray]
    rhythm: Rhythm | None

    @property
    def effect(self) -> np.ndarray:
        """The smallest deviation of each channel that can be abnormal in the fleet, `(channel,)`."""
        return np.sqrt(np.mean(np.square(list(self.effects.values())), axis=0))


def scale_rows(
    parts: Sequence[np.ndarray],
    recordings: Sequence[Recording],
    longest_window: int,
    period: float | None,
    time_zone: str | None,
) -> ScaledRows:
    """Return scaled rows.

    Args:
        parts: The parts of the recordings without gaps in time, `(row, channel)` each.
        recordings: Normal recordings.
        longest_window: The number of rows in the longest window.
        period: Seconds from row to row.
        time_zone: The clock of a rhythm; None to look for none.
    """
    entities = [recording.entity for recording in recordings for _ in recording.segments()]
    scalers, rhythm = fit_scalers(parts, entities, longest_window), None
    if time_zone is not None:
        rhythm, parts, scalers = split_rhythm(parts, entities, times_of_parts(recordings), scalers, period, time_zone)
    scaled = [scalers[entity].transform(part) for part, entity in zip(parts, entities)]
    effects = {entity: minimum_effect(own, scalers[entity]) for entity, own in grouped(parts, entities).items()}
    return ScaledRows(scaled, entities, scalers, effects, rhythm)
