"""Whether parts that were restored fit together, as those of a stream do after any rows.

A state may have been changed by who knows its format. The kernel reads and writes where it says, so that all of it is
checked before any of it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np

from seqae.anomaly.online.alerts import AlertTracker
from seqae.anomaly.online.drift import BlockBuffer, OnlineDrift
from seqae.anomaly.online.events import OnlineEvents
from seqae.anomaly.online.intake import RowIntake
from seqae.anomaly.online.resampling import NOTHING_YET, OnlineResampler
from seqae.anomaly.online.segment import SegmentScorer
from seqae.transforms.scaler import LARGEST

MOST = 2**53  # rows that a stream may count
MOST_EVIDENCE = 1e100  # in a window: sums of it are finite
Rules = Iterator[tuple[str, bool]]  # what would be wrong, and whether it is as it should be; each holds for the next


def refuse_unsound(
    intake: RowIntake,
    segment: SegmentScorer,
    alerts: AlertTracker,
    events: OnlineEvents,
    drift: OnlineDrift,
    resampler: OnlineResampler | None,
) -> None:
    """Raise a ValueError if parts, each with arrays of its own shapes and types, are in no state that rows lead to."""
    rules = chain(
        _of_segment(segment),
        _of_intake(intake, segment),
        _of_alerts(alerts, segment),
        _of_events(events, segment),
        _of_drift(drift, segment),
        () if resampler is None else _of_resampler(resampler, segment.times.rows.dtype),
    )
    for what, is_sound in rules:
        if not is_sound:
            raise ValueError(f"a state with {what} is none of this detector. Delete it to start again")


def _of_segment(segment: SegmentScorer) -> Rules:
    table, times, stop, reach = segment.table.rows, segment.times.rows, segment.stop, segment.reach
    is_placed = segment.final == max(stop - reach, segment.start) and segment.first == max(
        segment.final - reach, segment.start
    )
    yield (
        f"{len(table)} rows from row {segment.first} on, final up to {segment.final}, of a segment from "
        f"{segment.start} on",
        segment.start >= 0 and stop < MOST and is_placed,
    )
    yield f"rows from {segment.start} to {stop} whose times are not in order", _are_times(times, len(table), times)
    filled, rows = table[:, 0], table[:, 1]
    is_filled = np.isfinite(filled).all() and (np.isnan(rows) | (filled == rows)).all()
    yield "rows that no scaler returns", bool(is_filled and _are_scaled(rows))
    for number, each in enumerate(segment.scorer.resolutions):
        evidence = table[: max(len(table) - each.length + 1, 0), 2 + number]  # in whole windows
        yield "evidence that no window gives", bool(((evidence >= 0) & (evidence < MOST_EVIDENCE)).all())


def _of_intake(intake: RowIntake, segment: SegmentScorer) -> Rules:
    times, is_begun = segment.times.rows, segment.stop > 0
    yield (
        f"{len(intake.values)} held rows and {len(intake.times)} times of {intake.times.dtype}, after times of "
        f"{times.dtype}",
        len(intake.values) == len(intake.times) and intake.times.dtype == times.dtype and _are_known(intake.times),
    )
    yield "held rows that are infinite", not np.isinf(intake.values).any()
    is_before = _are_times(intake.previous_time, 1, times) if is_begun else not len(intake.previous_time)
    yield f"{len(intake.previous_time)} times before the next row", is_before
    yield f"a period of {intake.period} s", intake.period > 0 if is_begun and intake.is_timed else intake.period == 0


def _of_alerts(alerts: AlertTracker, segment: SegmentScorer) -> Rules:
    latest = alerts.latest_alert, alerts.latest_row
    yield f"alerts up to row {max(latest)} of {segment.stop}", latest[0] <= latest[1] < segment.stop


def _of_events(events: OnlineEvents, segment: SegmentScorer) -> Rules:
    span = f"an event of rows {events.start} to {events.stop}"
    yield f"{span} of {segment.final}", 0 <= events.start <= events.stop <= segment.final
    if not events.is_open:
        return
    yield f"{span}, of a segment from {segment.start} on", segment.start <= events.start <= events.peak < events.stop
    yield f"{span} that scores {events.score}", events.threshold < events.score < np.inf
    yield f"{span} from {events.times[0]} to {events.times[1]}", _are_times(events.times, 2, segment.times.rows)
    are_numbers = np.isfinite(events.totals).all() and np.isfinite(events.peak_rows).all()
    yield f"{span} whose rows are not numbers", bool(are_numbers and (events.totals >= 0).all())


def _of_drift(drift: OnlineDrift, segment: SegmentScorer) -> Rules:
    times = segment.times.rows
    for what, buffer, stop in (("", drift.rows, segment.stop), (" of alarms", drift.alarms, segment.final)):
        held = len(buffer.rows)
        yield f"a block{what} of {held} rows from row {buffer.first} on", _is_block(buffer, stop)
        yield f"a block{what} without a time", not held or _are_times(buffer.time, 1, times)
    yield "a block of rows that no scaler returns", _are_scaled(drift.rows.rows.rows)
    sides = np.stack([drift.sides, drift.reported_sides])
    yield "sides other than -1, 0 and 1", bool(np.isin(sides, (-1, 0, 1)).all())
    yield "drift without a time", not drift.sides.any() or _are_times(drift.previous_time, 1, times)
    counts = np.append(drift.blocks_inside, drift.alarm_run)
    yield "drift in fewer than 0 blocks", bool(((counts >= 0) & (counts < MOST)).all())
    yield "alarms without a time", not drift.alarm_run or _are_times(drift.alarm_run_time, 1, times)


def _of_resampler(resampler: OnlineResampler, dtype: np.dtype) -> Rules:
    times, moments, own = resampler.times, resampler.moments, resampler.own
    parts = (moments, resampler.known, own, resampler.lags)
    yield f"{resampler.rows} irregular rows", len(resampler.values) <= resampler.rows < MOST
    yield (
        "rows and times of a moment that differ",
        len(resampler.values) == len(times) and len(set(map(len, parts))) == 1,
    )
    yield "irregular rows that are infinite", not any(np.isinf(each).any() for each in (resampler.values, parts[1]))
    if not len(times):
        yield "moments before the first row", not len(moments)
        return
    yield f"times of {times.dtype} after times of {dtype}", times.dtype == dtype and _are_known(times)
    current = resampler.resampling.moments(times)
    is_ordered = (np.diff(moments) > 0).all() and (moments < current[0]).all() and (current == current[0]).all()
    yield "moments that are not in order", bool(is_ordered and resampler.latest < current[0])
    is_read = ~np.isnan(resampler.known)
    is_own = (own <= moments[:, None]).all() and np.isfinite(resampler.lags[is_read]).all()
    yield "readings of other moments", bool(is_own and ((own > NOTHING_YET) == is_read).all())


def _is_block(buffer: BlockBuffer, stop: int) -> bool:
    """Whether a buffer holds what is after the last whole block, up to a row."""
    return len(buffer.rows) == stop % buffer.size and buffer.first == stop - len(buffer.rows)


def _are_scaled(rows: np.ndarray) -> bool:
    return not (abs(rows) > LARGEST).any()


def _are_times(times: np.ndarray, count: int, like: np.ndarray) -> bool:
    """Whether there are so many times, in order, of the type of others."""
    is_alike = times.dtype == like.dtype and len(times) == count
    return is_alike and _are_known(times) and bool((times[1:] >= times[:-1]).all())


def _are_known(times: np.ndarray) -> bool:
    return bool(np.isfinite(times).all())
