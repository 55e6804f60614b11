"""`seqae stream`: rows arrive on standard input, results leave on standard output, for as long as a machine runs."""

from __future__ import annotations

import csv
import json as json_text
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from seqae.cli.session import detector_in, saved_in, with_channels
from seqae.cli.terminal import to_json
from seqae.cli.watch_report import WatchReport, line_start, tell
from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.service.records import Shown, records_of, row_table, time_text

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.service.watch import Watch
    from seqae.service.watch_update import WatchUpdate

_HOPELESS = 100  # rejections before the first row that is taken


def stream(
    model: Path,
    *,
    format: Literal["jsonl", "csv"] = "jsonl",
    scores: Shown = "final",
    json: bool = False,
    state: Path | None = None,
    period: float | None = None,
    reorder: int = 0,
    rejected: Path | None = None,
    strict: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Detect anomalies while rows arrive.

    Reads CSV or JSON lines from standard input, as seqae score reads files. Writes a line for each row, alerts (the
    first rows above the threshold), and events when they have ended, each as soon as it is known. As JSON lines, all of
    them are on standard output; as CSV, the rows are on standard output, alerts and events on standard error. When
    rows are no longer like those that the model was calibrated on, a line on standard error reports it; see seqae
    recalibrate.

    A line that cannot be read is reported on standard error and skipped. So is a row with the time of another one, and
    a row that is late: later ones were judged already. Where time goes back for 32 rows, another run begins.

    With --state, the state is saved every 10 seconds and at the end. After a stop or a crash, rows up to the last one
    that was judged are skipped by their times: give the input from anywhere before. No row is lost; after a crash,
    results since the last saving come again, the same ones. A last line without a line end is left out, for it may be
    half of one. Rows without times are all judged: give only new ones.

    Example:
        seqae stream runs/pump/latest --scores provisional --format csv < today.csv
        tail -n +1 -f pump.csv | seqae stream runs/pump/latest --state kept --rejected bad.jsonl

    Args:
        model: folder of a saved detector, or of a run that holds one
        format: format of the output
        scores: final: the scores of seqae score, which wait for later rows; provisional: preliminary ones at
            once
        json: as JSON lines also notes, rejected rows, gaps, drifts and, at the end, counters; nothing but an error is
            on standard error
        state: folder to keep the state in, to go on from after a stop; without it, the end of the input is the end of
            the recording
        period: seconds from row to row; by default estimated from the first 32 rows
        reorder: so many rows of a machine wait for late ones, to be put in order; by default none waits
        rejected: file to append lines and rows to that were not judged, as JSON lines with number, reason and text; 16
            MiB at most
        strict: end with an error at the first line or row that cannot be judged
    """
    from seqae.service.chunk_source import ChunkSource
    from seqae.service.kept_reading import KeptReading
    from seqae.service.line_reader import LineReader
    from seqae.service.rejections import RejectionFile
    from seqae.service.watch import Watch, WatchOptions

    if json and format != "jsonl":
        raise ValueError(f"json=True, and format={format!r}. Expected JSON lines: leave format={format!r} out")
    folder = saved_in(model)
    detector = detector_in(folder)
    options = with_channels(ReadingOptions.of(**reading), detector.channels_)
    with ExitStack() as opened:
        watch = opened.enter_context(Watch(detector, WatchOptions(period, reorder, state, strict, model=folder)))
        file = None if rejected is None else opened.enter_context(RejectionFile(rejected))
        write = _json_lines(scores, detector, json) if format == "jsonl" else _csv_lines(scores, detector)
        report = WatchReport(file, is_told=not json)
        show = _shows(report, watch, write)
        kept = KeptReading(state)
        reader = LineReader(kept.completed(options), detector.reading_, is_strict=strict)
        with ChunkSource(_standard_input()) as source:
            for chunk in source.chunks():
                for item in reader.feed(chunk) if chunk else ():
                    show(watch.take(item))
                show(watch.save_if_due())
                kept.keep(reader.day_first)
            may_be_cut = source.is_asked_to_end or state is not None
        for item in reader.end(may_be_cut):
            show(watch.take(item))
        for update in watch.finish() if state is None else watch.pause():
            show(update)
        _end(report, watch)


def _standard_input() -> int:
    """Return the descriptor of standard input."""
    if sys.stdin is None:
        raise ValueError("standard input is closed. Expected rows from it, such as: tail -n +1 -f pump.csv | ...")
    return sys.stdin.fileno()


def _shows(report: WatchReport, watch: Watch, write: Callable[[WatchUpdate], None]) -> Callable[[WatchUpdate], None]:
    """Return what tells and writes all that an update says."""

    def show(update: WatchUpdate) -> None:
        report(update)
        if report.count.total() >= _HOPELESS and update.rejections:
            _refuse_unreadable(report, watch)
        for drift in update.update.drifts if update.update is not None else ():
            report.tell("drift", update.entity, str(drift))
        write(update)

    return show


def _end(report: WatchReport, watch: Watch) -> None:
    """Tell what was counted.

    Raises:
        ValueError: There were lines, and none of them could be read.
    """
    _refuse_unreadable(report, watch)
    counters = watch.counters
    if not report.is_told:
        _out(f"{json_text.dumps({'counters': counters.record()})}\n")
    elif counters.dropped:
        kinds = Counter({"late": counters.late, "repeated": counters.repeated}) + counters.rejected
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
        report.tell("note", "", f"{counters.dropped:,} lines or rows were not judged ({told})")


def _refuse_unreadable(report: WatchReport, watch: Watch) -> None:
    """Raise the first error if no row could be read: then it is not the lines that are wrong."""
    if report.first is not None and not watch.counters.rows:
        raise ValueError(report.first.message)


def _json_lines(shown: Shown, detector: AnomalyDetector, is_full: bool) -> Callable[[WatchUpdate], None]:
    def write(update: WatchUpdate) -> None:
        records = records_of(update, shown, detector.channels_, is_full)
        _out("".join(f"{to_json(record)}\n" for record in records))

    return write


def _csv_lines(shown: Shown, detector: AnomalyDetector) -> Callable[[WatchUpdate], None]:
    is_begun = False

    def write(update: WatchUpdate) -> None:
        nonlocal is_begun
        if (new := update.update) is None:
            return
        for alert in new.alerts:
            when = f"row {alert.row}" if alert.time is None else time_text(alert.time)
            tell(f"alert  {line_start(update.entity)}{when}: {alert.channel}, score {alert.score:.2f}")
        for event in new.events:
            start, end = event.start_time or f"row {event.start}", event.end_time or f"row {event.stop - 1}"
            top = ", ".join(f"{each.channel} {each.fraction:.0%}" for each in event.top_channels(3))
            like = f", {event.likeness}" if event.likeness else ""
            tell(f"event  {line_start(update.entity)}{start} to {end}: {event.severity:.2f}, {top}{like}")
        if shown == "none":
            return
        names, table = row_table(new, shown, detector.channels_, update.threshold)
        if update.entity:
            names, table = ["entity", *names], [[update.entity, *cells] for cells in table]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if table and not is_begun:
            writer.writerow(names)
            is_begun = True
        writer.writerows(table)
        sys.stdout.flush()

    return write


def _out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
