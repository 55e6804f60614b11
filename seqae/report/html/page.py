"""The page of a report: its words, tables and plots, put into the template."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from seqae._extras import require
from seqae.report import colours
from seqae.report.axis import Axis
from seqae.report.downsampling import around
from seqae.report.formatting import number, percent, with_unit
from seqae.report.html.plots import loss_plot
from seqae.report.html.timeline import timeline
from seqae.report.summary import alarm_rows, best_methods, comparison_sentence, faults_of, most_severe

if TYPE_CHECKING:
    from jinja2 import Template

    from seqae.anomaly.events import Event
    from seqae.report.report import Report


def render(report: Report) -> str:
    """Return the whole page."""
    require("bokeh", extra="report", purpose="the HTML report")
    jinja2 = require("jinja2", extra="report", purpose="the HTML report")
    from bokeh.resources import Resources

    axis = Axis.of(report.recording)
    listed = most_severe(report.events)
    return _template(jinja2).render(
        report=report,
        facts=_facts(report, axis),
        verdict=comparison_sentence(report.results),
        winners=best_methods(report.results),
        events=[_event_words(report, axis, event) for event in listed],
        missed=_missed(report, axis),
        channels=_channels(report),
        data=_data(report, axis, listed),
        bokeh=Resources(mode="inline", components=["bokeh"]).render_js(),
        colours=colours,
    )


def _template(jinja2: ModuleType) -> Template:
    folder = jinja2.FileSystemLoader(Path(__file__).with_name("template"))
    templates = jinja2.Environment(loader=folder, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    templates.filters["number"] = number
    # Bokeh names an object where it first comes and refers to it afterwards: the order must stay.
    templates.policies["json.dumps_kwargs"] = {"sort_keys": False, "allow_nan": False}
    return templates.get_template("report.html")


def _data(report: Report, axis: Axis, events: list[Event]) -> dict[str, object]:
    """Return what the script of the page works with."""
    from bokeh.embed import json_item

    numbers = {name: number for number, name in enumerate(report.recording.channels)}
    blames = [[(numbers[each.channel], each.fraction) for each in event.channels] for event in events]
    return {
        "timeline": json_item(timeline(report, axis)),
        "losses": json_item(loss_plot(report.history)) if report.history else None,
        "channels": _channels(report),
        "events": [
            _window(report, axis, event.start, event.stop) | {"blame": _shares(blame)}
            for event, blame in zip(events, blames)
        ],
        "blame": _shares(_mean_blame(blames)),
        "worst": numbers[most_severe(events, 1)[0].channels[0].channel] if events else 0,
    }


def _mean_blame(blames: list[list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Return the channels with their mean share of all events, the largest first."""
    totals: dict[int, float] = {}
    for channel, share in (pair for blame in blames for pair in blame):
        totals[channel] = totals.get(channel, 0.0) + share / len(blames)
    return sorted(totals.items(), key=lambda pair: -pair[1])


def _shares(blame: Iterable[tuple[int, float]]) -> list[tuple[int, float, str]]:
    return [(channel, share, percent(share)) for channel, share in blame]


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


def _event_words(report: Report, axis: Axis, event: Event) -> dict[str, object]:
    return {
        "start": axis.clock(event.start),
        "end": axis.clock(event.stop - 1),
        "lasts": axis.elapsed(event.start, event.stop),
        "severity": f"{number(event.severity)} ×",  # noqa: RUF001
        "true": report.labels is not None and bool(np.any(report.labels[event.start : event.stop])),
        "blame": [(each.channel, percent(each.fraction)) for each in event.top_channels(3)],
    }


def _missed(report: Report, axis: Axis) -> list[dict[str, object]]:
    """Return the known faults without any alarm."""
    alarms = alarm_rows(report.events, len(report.recording))
    missed = [fault for fault in faults_of(report.labels) if not np.any(alarms[fault])]
    return [
        {"start": axis.clock(fault.start), "lasts": axis.elapsed(fault.start, fault.stop)}
        | _window(report, axis, fault.start, fault.stop)
        for fault in missed[:20]
    ]


def _window(report: Report, axis: Axis, start: int, stop: int) -> dict[str, float]:
    """Return the left and right edge of what the page shows around some rows."""
    window = around(start, stop, len(report.recording))
    return dict(zip(("left", "right"), axis.span(window.start, window.stop)))
