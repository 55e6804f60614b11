"""Whole recordings scored as `seqae score` does, and the results as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqae._warnings import warnings_here
from seqae.anomaly.events import event_to_record
from seqae.data._files.text_files import json_value
from seqae.data.signals.loading import read_recordings
from seqae.data.signals.options import ReadingOptions
from seqae.service.http.history import numbers
from seqae.service.http.problems import RequestError, as_request_error
from seqae.service.http.query import refuse_channels_of_query
from seqae.service.records import time_text

if TYPE_CHECKING:
    from seqae.anomaly.detection import Detection
    from seqae.data.signals.recordings import Recording
    from seqae.service.http.served import ServedModel

_BLOCK = 2048  # values that are written at once, so that other threads get their turn


def scored_files(model: ServedModel, paths: list[Path], options: ReadingOptions, with_rows: bool) -> list[bytes]:
    """Return the results for the recordings in files as pieces of one text of JSON.

    Args:
        model: The model.
        paths: The files, all in one folder.
        options: How tables are read.
        with_rows: Whether the scores of rows are wanted.

    Raises:
        RequestError: The files cannot be read (400), or the model has no use for what is in them (422).
    """
    folder = paths[0].parent
    with warnings_here("ignore"):  # what they tell of recordings is in the result
        try:
            recordings = recordings_of(model, paths, options)
        except Exception as error:
            raise _told(error, 400, folder) from error
        try:
            detections = model.detector.detect(recordings)
        except Exception as error:
            raise _told(error, 422, folder) from error
    return list(_json(model, detections, with_rows))


def _told(error: Exception, status: int, folder: Path) -> Exception:
    return as_request_error(error, status, folder) or error


def recordings_of(model: ServedModel, paths: list[Path], options: ReadingOptions) -> list[Recording]:
    """Return the recordings in files, all in one folder, as a model reads them."""
    detector = model.detector
    channels = tuple(detector.channels_)
    refuse_channels_of_query(options, channels)
    options = replace(options, channels=channels, resample=options.resample or "none", entity=_entity(paths, options))
    # Several files are read as a folder: some, such as the signals of PhysioNet, only stand beside others.
    return read_recordings(paths[0] if len(paths) == 1 else paths[0].parent, options, detector.reading_)


def _entity(paths: list[Path], options: ReadingOptions) -> str:
    """Return the machine that a body of JSON names beside its rows, or that of the options."""
    if len(paths) > 1 or paths[0].name != "rows.json" or options.entity:
        return options.entity
    try:
        content = json_value(paths[0].read_bytes())
    except ValueError:
        return ""  # the reader tells what is wrong
    entity = content.get("entity", "") if isinstance(content, dict) else ""
    if not isinstance(entity, str):
        raise RequestError(400, f"entity is {str(entity)[:80]}. Expected a text, the machine that the rows are of")
    return entity


def _json(model: ServedModel, detections: Sequence[Detection], with_rows: bool) -> Iterator[bytes]:
    facts = {"model": model.name, "fingerprint": model.fingerprint, "threshold": float(model.detector.threshold_)}
    yield json.dumps(facts)[:-1].encode() + b', "recordings": ['
    for number, detection in enumerate(detections):
        yield (b", " if number else b"") + json.dumps(_facts(detection), ensure_ascii=False)[:-1].encode()
        if with_rows:
            yield from _rows(detection)
        yield b"}"
    yield b"]}"


def _facts(detection: Detection) -> dict[str, Any]:
    recording = detection.recording
    return {
        "name": recording.name,
        "entity": recording.entity,
        "rows": len(recording),
        "alarms": int(detection.alarms.sum()),
        "events": [event_to_record(event) for event in detection.events],
        "warnings": list(recording.warnings),
    }


def _rows(detection: Detection) -> Iterator[bytes]:
    """Yield the members of a recording that have a value for each row."""
    times = detection.recording.times
    if times is not None:
        yield b', "time": '
        yield from _list([times[start : start + _BLOCK] for start in range(0, len(times), _BLOCK)], _times)
    yield b', "score": '
    yield from _list(_blocks(detection.scores), numbers)
    yield b', "alarm": '
    yield from _list(_blocks(detection.alarms), np.ndarray.tolist)
    yield b', "channel_scores": {'
    for number, channel in enumerate(detection.recording.channels):
        yield (b", " if number else b"") + json.dumps(channel, ensure_ascii=False).encode() + b": "
        yield from _list(_blocks(detection.channel_scores[:, number]), numbers)
    yield b"}"


def _blocks(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]


def _times(times: np.ndarray) -> list[str]:
    return list(map(time_text, times))


def _list(blocks: Sequence[np.ndarray], values_of: Any) -> Iterator[bytes]:
    yield b"["
    for number, block in enumerate(blocks):
        yield (b", " if number else b"") + json.dumps(values_of(block))[1:-1].encode()
    yield b"]"
