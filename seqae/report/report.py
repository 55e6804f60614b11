"""The content of a report about a run; `seqae.report.html.page` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from seqae.report.environment import describe_environment

if TYPE_CHECKING:
    from seqae.anomaly.events import Event
    from seqae.data.signals.recordings import Recording


@dataclass(frozen=True, eq=False)
class Report:
    """The content of a report.

    Attributes:
        title: The heading of the page.
        headline: The result in one sentence, for example from `seqae.report.headline`.
        summary: Further sentences, one on each line.
        recording: The recording that was scored.
        reconstruction: (row, channel), in the units of the recording.
        channel_scores: (row, channel), what each channel contributes to the score.
        scores: (row,), higher = more anomalous, NaN where there is none.
        threshold: Scores above it raise an alarm.
        events: The alarms.
        results: The rows of the table that compares methods. The first column is the method, the second is the
            measure that decides: the row with the largest number is marked as the best.
        labels: (row,) bool, True in known faults; None if unknown.
        history: The losses of each epoch by name, (epoch,).
        settings: The settings of the run by name.
        environment: The versions and the machine, see `describe_environment`.
    """

    title: str
    headline: str
    summary: Sequence[str]
    recording: Recording
    reconstruction: np.ndarray
    channel_scores: np.ndarray
    scores: np.ndarray
    threshold: float
    events: Sequence[Event]
    results: Sequence[Mapping[str, object]] = ()
    labels: np.ndarray | None = None
    history: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=describe_environment)

    def __post_init__(self) -> None:
        rows, channels = self.recording.values.shape
        if not rows:
            raise ValueError("the recording has no rows. A report needs at least one")
        expected = {"reconstruction": (rows, channels), "channel_scores": (rows, channels), "scores": (rows,)}
        expected |= {"labels": (rows,)} if self.labels is not None else {}
        for name, shape in expected.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} has the shape {np.shape(getattr(self, name))}. Expected {shape}: "
                    f"the recording has {rows} rows and {channels} channels. Pass what was computed from it"
                )
