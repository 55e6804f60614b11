"""The page of a report: its sentences, tables and plots, put into the template."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae._files import write_atomically
from seqae.report import colours
from seqae.report.axis import Axis
from seqae.report.downsampling import around
from seqae.report.formatting import SCORE_MEANING, number, percent, with_unit
from seqae.report.html.plots import loss_plot
from seqae.report.html.templates import load_template
from seqae.report.html.timeline import timeline
from seqae.report.summary import (
    alarm_rows,
    best_methods,
    comparison_sentence,
    faults_of,
    largest_departure,
    most_severe,
)

if TYPE_CHECKING:
    from seqae.anomaly.events import Event
    from seqae.report.report import Report


def write_report(report: Report, path: Path | str) -> Path:
    """Write the report as one HTML file that works without a network; return its path. Needs the extra `report`.

    Raises:
        MissingExtra: Bokeh or Jinja2 is not installed.
    """
    return write_atomically(path, render(report).encode())


def render(report: Report) -> str:
    """Return the whole page."""
    require("bokeh", extra="report", purpose="the HTML report")
    from bokeh.resources import Resources

    axis = Axis.of(report.recording)
    listed = most_severe(report.events)
    return load_template("report.html").render(
        report=report,
        facts=_facts(report, axis),
        comparison=comparison_sentence(report.results),
        best=best_methods(report.results),
        events=[_event_row(report, axis, event) for event in listed],
        missed=_missed(report, axis),
        score_meaning=SCORE_MEANING,
        channels=_channels(report),
        data=_data(report, axis, listed),
        bokeh=Resources(mode="inline", components=["bokeh"]).render_js(),
        colours=colours,
    )


def _data(report: Report, axis: Axis, events: list[Event]) -> dict[str, object]:
    """Return the data that the script of the page works with."""
    from bokeh.embed import json_item

    indices = {name: index for index, name in enumerate(report.recording.channels)}
    contributions = [[(indices[each.channel], each.fraction) for each in event.channels] for event in events]
    return {
        "timeline": json_item(timeline(report, axis)),
        "losses": json_item(loss_plot(report.history)) if report.history else None,
        "channels": _channels(report),
        "events": [
            _window(report, axis, event.start, event.stop) | {"contributions": _with_percentages(channels)}
            for event, channels in zip(events, contributions)
        ],
        "contributions": _with_percentages(_mean_contributions(contributions)),
        "first": _first_view(report, events),
    }


def _first_view(report: Report, events: list[Event]) -> dict[str, int]:
    """Return which of the events, -1 if there is none, and which channel the page shows at first."""
    found = largest_departure(report.recording, report.reconstruction, events)
    return {"event": -1, "channel": 0} if found is None else {"event": events.index(found[0]), "channel": found[1]}


def _mean_contributions(events: list[list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Return the channels with their mean contribution to the events, the largest first."""
    totals: dict[int, float] = {}
    for channel, fraction in (pair for channels in events for pair in channels):
        totals[channel] = totals.get(channel, 0.0) + fraction / len(events)
    return sorted(totals.items(), key=lambda pair: -pair[1])


def _with_percentages(contributions: Iterable[tuple[int, float]]) -> list[tuple[int, float, str]]:
    return [(channel, fraction, percent(fraction)) for channel, fraction in contributions]


def _channels(report: Report) -> list[dict[str, str]]:
    recording = report.recording
    return [{"name": name, "label": with_unit(name, recording.units)} for name in recording.channels]


def _facts(report: Report, axis: Axis) -> list[tuple[str, str]]:
    rows, channels = report.recording.values.shape
    facts = [(report.recording.name, ""), (number(rows), "rows"), (number(channels), "channels")]
    if axis.kind != "row":
        facts += [(axis.length(1), "from row to row"), (axis.elapsed(0, rows), f"from {axis.moment(0)}")]
    alarmed = alarm_rows(report.events, rows).mean()
    return [*(fact for fact in facts if fact[0]), (percent(alarmed), "of the rows in alarm")]


def _event_row(report: Report, axis: Axis, event: Event) -> dict[str, object]:
    return {
        "start": axis.clock(event.start),
        "end": axis.clock(event.stop - 1),
        "lasts": axis.elapsed(event.start, event.stop),
        "severity": f"{number(event.severity)} ×",  # noqa: RUF001
        "is_fault": report.labels is not None and bool(np.any(report.labels[event.start : event.stop])),
        "likeness": event.likeness,
        "top_channels": [(each.channel, percent(each.fraction)) for each in event.top_channels(3)],
    }


def _missed(report: Report, axis: Axis) -> list[dict[str, object]]:
    """Return the known faults without any alarm."""
    alarms = alarm_rows(report.events, len(report.recording))
    missed = [fault for fault in faults_of(report.labels) if not np.any(alarms[fault])]
    return [
        {
            "start": axis.clock(fault.start),
            "lasts": axis.elapsed(fault.start, fault.stop),
            **_window(report, axis, fault.start, fault.stop),
        }
        for fault in missed[:20]
    ]


def _window(report: Report, axis: Axis, start: int, stop: int) -> dict[str, float]:
    """Return the left and right edge of the view around some rows."""
    window = around(start, stop, len(report.recording))
    return dict(zip(("left", "right"), axis.span(window.start, window.stop)))
