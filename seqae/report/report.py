"""The report: one HTML file with everything about a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae._files import write_atomically
from seqae.report.environment import describe_environment

if TYPE_CHECKING:
    from seqae.anomaly.events import Event
    from seqae.data.signals.recordings import Recording


@dataclass(frozen=True, eq=False)
class Report:
    """What a report tells.

    Attributes:
        title: What was run.
        headline: The result in one sentence, for example from `seqae.report.headline`.
        summary: More sentences, one a line.
        recording: What was searched.
        reconstruction: (row, channel), in the units of the recording.
        channel_scores: (row, channel), the error of each channel.
        evidence: (row,), for an alarm; 1 is the limit. NaN where there is none.
        events: The alarms.
        results: The lines of the table that compares methods. The first column is the method, the second is the
            measure that decides: the line with the largest number is marked as the winner.
        labels: (row,) bool, True in known faults; None if unknown.
        history: The losses of each epoch, by name.
        settings: What was chosen.
        environment: What it was computed with.
    """

    title: str
    headline: str
    summary: Sequence[str]
    recording: Recording
    reconstruction: np.ndarray
    channel_scores: np.ndarray
    evidence: np.ndarray
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
        expected = {"reconstruction": (rows, channels), "channel_scores": (rows, channels), "evidence": (rows,)}
        expected |= {"labels": (rows,)} if self.labels is not None else {}
        for name, shape in expected.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} has the shape {np.shape(getattr(self, name))}. Expected {shape}: "
                    f"the recording has {rows} rows and {channels} channels. Pass what was computed from it"
                )


def write_report(report: Report, path: Path | str) -> Path:
    """Write the report as one HTML file that works without a network; needs the extra `report`.

    Returns:
        The path of the file.

    Raises:
        MissingExtra: Bokeh or Jinja2 is not installed.
    """
    from seqae.report.html.page import render

    return write_atomically(path, render(report).encode())
