"""`seqae stream`: rows arrive on standard input, results leave on standard output, for as long as a machine runs."""

from __future__ import annotations

import csv
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from seqae.cli.session import detector_in, saved_in, with_channels
from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.service.records import Shown, records_of, row_table, time_text

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.anomaly.online.detector import StreamUpdate

_CHUNK = 2**16  # maximum bytes read at once: rows that wait in the pipe are computed together
_SAVED = 10.0  # seconds from one saving of the state to the next


def stream(
    model: Path,
    *,
    format: Literal["jsonl", "csv"] = "jsonl",
    scores: Shown = "final",
    state: Path | None = None,
    period: float | None = None,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Detect anomalies while rows arrive.

    Reads CSV or JSON lines from standard input, as seqae score reads files. Writes a line for each row, alerts (the
    first rows above the threshold), and events when they have ended, each as soon as it is known. As JSON lines, all of
    them are on standard output; as CSV, the rows are on standard output, alerts and events on standard error. When
    rows are no longer like those that the model was calibrated on, a line on standard error reports it; see seqae
    recalibrate.

    Example:
        seqae stream runs/pump/latest --scores provisional --format csv < today.csv
        tail -n +1 -f pump.csv | seqae stream runs/pump/latest --state kept

    Args:
        model: folder of a saved detector, or of a run that holds one
        format: format of the output
        scores: final: the scores of seqae score, which wait for later rows; provisional: preliminary ones at
            once
        state: folder to keep the state in, to go on from after a stop; without it, the end of the input is the end of
            the recording
        period: seconds from row to row; by default estimated from the first 32 rows
    """
    from seqae.service.line_reader import LineReader
    from seqae.service.machine_streams import MachineStreams

    detector = detector_in(saved_in(model))
    online = MachineStreams(detector, period, state)
    write = {"jsonl": _json_lines, "csv": _csv_lines}[format](scores, detector)

    def report(entity: str, update: StreamUpdate) -> None:
        for drift in update.drifts:
            print(f"drift  {_of(entity)}{drift}", file=sys.stderr, flush=True)
        write(entity, update)

    reader = LineReader(with_channels(ReadingOptions.of(**reading), detector.channels_), detector.reading_)
    saved = time.monotonic()
    try:
        with _end_asked() as asked:
            for block in reader.blocks(_chunks(sys.stdin.fileno(), asked)):
                report(block.entity, online.push(block))
                if time.monotonic() > saved + _SAVED:
                    online.save()
                    saved = time.monotonic()
        if state is None:
            for entity, update in online.finish():
                report(entity, update)
    except BrokenPipeError:
        raise  # results that were not delivered are not in the state
    except ValueError:
        online.save()
        raise
    online.save()


def _chunks(source: int, asked: int) -> Iterator[bytes]:
    """Yield bytes from a descriptor as they arrive, until it ends or the other descriptor is readable."""
    while True:
        ready, _, _ = select.select([source, asked], [], [])
        if asked in ready or not (chunk := os.read(source, _CHUNK)):
            return
        yield chunk


@contextmanager
def _end_asked() -> Iterator[int]:
    """Yield a descriptor that can be read once somebody asks the process to end, which does not end it at once."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    wakened = signal.set_wakeup_fd(writer)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(wakened)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _json_lines(shown: Shown, detector: AnomalyDetector) -> Callable[[str, StreamUpdate], None]:
    def write(entity: str, update: StreamUpdate) -> None:
        records = records_of(update, shown, detector.channels_, detector.threshold_, entity)
        _out("".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records))

    return write


def _csv_lines(shown: Shown, detector: AnomalyDetector) -> Callable[[str, StreamUpdate], None]:
    is_begun = False

    def write(entity: str, update: StreamUpdate) -> None:
        nonlocal is_begun
        for alert in update.alerts:
            when = f"row {alert.row}" if alert.time is None else time_text(alert.time)
            print(f"alert  {_of(entity)}{when}: {alert.channel}, score {alert.score:.2f}", file=sys.stderr, flush=True)
        for event in update.events:
            start, end = event.start_time or f"row {event.start}", event.end_time or f"row {event.stop - 1}"
            top = ", ".join(f"{each.channel} {each.fraction:.0%}" for each in event.top_channels(3))
            print(f"event  {_of(entity)}{start} to {end}: {event.severity:.2f}, {top}", file=sys.stderr, flush=True)
        if shown == "none":
            return
        names, table = row_table(update, shown, detector.channels_, detector.threshold_)
        if entity:
            names, table = ["entity", *names], [[entity, *cells] for cells in table]
        writer = csv.writer(sys.stdout, lineterminator="\n")
        if table and not is_begun:
            writer.writerow(names)
            is_begun = True
        writer.writerows(table)
        sys.stdout.flush()

    return write


def _of(entity: str) -> str:
    """Return the beginning of a line about a machine, "" if it has no name."""
    return f"{entity}: " if entity else ""


def _out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
