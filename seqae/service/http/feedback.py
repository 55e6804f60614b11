"""What operators say about rows over HTTP: listed, said, taken back; it holds at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from seqae._warnings import warnings_here
from seqae.anomaly.events import format_time
from seqae.anomaly.feedback.entry import Feedback, moment_of
from seqae.data._files.text_files import json_value
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.recordings import Recording
from seqae.service.http.bodies import media_type, refuse_type
from seqae.service.http.endpoints import model_of, service_of, small_body
from seqae.service.http.problems import RequestError, as_request_error, is_plain_name, one_line
from seqae.service.http.query import reading_options
from seqae.service.http.scoring import recordings_of

if TYPE_CHECKING:
    from seqae.anomaly.feedback.log import FeedbackLog
    from seqae.service.http.machines import WatchedMachine
    from seqae.service.http.served import ServedModel
    from seqae.service.http.service import DetectorService

_TEXTS = ("kind", "fault", "machine", "author", "note")
_MOMENTS = ("start", "end")
_EXAMPLE = '{"kind": "normal", "machine": "press-7", "start": "2026-03-01T10:00:00", "author": "Ana"}'


def feedback_record(entry: Feedback) -> dict[str, Any]:
    """Return what was said as JSON values."""
    start, end = entry.span
    texts = {name: getattr(entry, name) for name in ("author", "note", "at", "undone_by", "undone_at")}
    return {
        "id": entry.id, "kind": entry.kind, "fault": entry.fault, "machine": entry.entity, "start": start, "end": end
    } | texts  # fmt: skip


async def listed(request: Request) -> Response:
    """Return what was said about a model, also what was taken back."""
    asked = model_of(request)
    _log_of(asked)
    return JSONResponse({"feedback": list(map(feedback_record, asked.entries))})


async def said(request: Request) -> Response:
    """Write down what an operator says about rows."""
    asked = model_of(request)
    _log_of(asked)
    options = reading_options(request.query_params.multi_items(), ())
    content = await _members(request, (*_TEXTS, *_MOMENTS, "rows"), ("kind", "start", "author"))
    if content["kind"] not in ("normal", "fault"):
        raise RequestError(400, f"kind is {content['kind'][:40]!r}. Expected normal or fault")
    if "fault" in content and content["kind"] == "normal":
        raise RequestError(400, "a fault in rows that were normal. Expected one of them. Leave fault out")
    service = service_of(request)
    entry = await service.workers.on_files(_say, service, asked, content, options)
    return JSONResponse(feedback_record(entry))


async def undone(request: Request) -> Response:
    """Take back what was said."""
    asked, service, number = model_of(request), service_of(request), request.path_params["id"]
    log = _log_of(asked)
    known = [str(entry.id) for entry in asked.entries]
    if number not in known:
        raise RequestError(404, f"no entry {number[:40]!r}. There is {', '.join(known) or 'none'}")
    author = (await _members(request, ("author",), ("author",)))["author"]

    def undo() -> Feedback:
        try:
            entry = log.undo(int(number), author=author)
        except Exception as error:
            raise as_request_error(error, 422, Path(log.model)) or error from error
        service.machines.take_up(asked)
        return entry

    return JSONResponse(feedback_record(await service.workers.on_files(undo)))


def _log_of(model: ServedModel) -> FeedbackLog:
    if model.log is None:
        raise RequestError(404, f"no feedback is kept on {model.name}, which was loaded from no folder")
    return model.log


async def _members(request: Request, known: tuple[str, ...], needed: tuple[str, ...]) -> dict[str, Any]:
    """Return the members of the object in a body, each of its type.

    Raises:
        RequestError: The body is something else.
    """
    if (kind := media_type(request)) != "application/json":
        raise refuse_type(kind, ("application/json",))
    try:
        content = json_value(await small_body(request))
    except ValueError as error:
        raise (
            as_request_error(ValueError(f"not JSON ({error}). Expected an object. Send {_EXAMPLE}")) or error
        ) from error
    if not isinstance(content, dict):
        raise RequestError(400, one_line(f"{str(content)[:80]} is no object. Send {_EXAMPLE}"))
    for name in content.keys() - set(known):
        raise RequestError(400, f"no member {name[:80]!r}. There is {', '.join(known)}")
    for name in needed:
        if name not in content:
            raise RequestError(400, f"{name} is missing. Send {_EXAMPLE}")
    for name, value in content.items():
        content[name] = _checked(name, value)
    return content


def _checked(name: str, value: Any) -> Any:
    """Return the value of a member; times and numbers of rows as text."""
    if name in _MOMENTS and isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)[:100]
    if name == "rows" and isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return value
    if name in _TEXTS and isinstance(value, str) and (name != "machine" or not value or is_plain_name(value)):
        return value
    expected = {"rows": "a list of objects"} | dict.fromkeys(_MOMENTS, "a time, or the number of a row")
    raise RequestError(400, one_line(f"{name} is {str(value)[:80]}. Expected {expected.get(name, 'a text')}"))


def _say(service: DetectorService, model: ServedModel, content: Mapping[str, Any], options: ReadingOptions) -> Feedback:
    """Write down what is said, and let all that is at work take it up."""
    log = _log_of(model)
    with warnings_here("ignore"):
        try:
            rows, before = _rows_of(service, model, content, options)
            new = Feedback(
                content["kind"],
                rows,
                0,
                0,
                content["author"],
                before,
                content.get("fault", ""),
                content.get("note", ""),
            )
            entry = log.add(model.detector, new, content["start"], content.get("end", _last(rows, before)))
        except Exception as error:
            raise as_request_error(error, 422, Path(log.model)) or error from error
        service.machines.take_up(model)
    return entry


def _rows_of(
    service: DetectorService, model: ServedModel, content: Mapping[str, Any], options: ReadingOptions
) -> tuple[Recording, int]:
    """Return the rows that are spoken of and those around, and how many came before."""
    if "rows" in content:
        return _sent(model, content["rows"], content.get("machine", ""), options), 0
    if options != ReadingOptions():
        raise RequestError(400, "options for reading rows, and no rows. Leave them out")
    if "machine" not in content:
        raise RequestError(400, f"machine is missing, and no rows are sent. Send {_EXAMPLE}")
    return _kept(service.machines.existing(model, content["machine"]), content["start"])


def _sent(model: ServedModel, rows: list[dict], machine: str, options: ReadingOptions) -> Recording:
    """Return rows that were sent along."""
    with tempfile.TemporaryDirectory(prefix="seqae-serve-") as folder:
        path = Path(folder) / "rows.json"
        path.write_text(json.dumps({"rows": rows}), encoding="utf-8")
        try:
            found = recordings_of(model, [path], replace(options, entity=options.entity or machine))
        except Exception as error:
            raise as_request_error(error, 400, Path(folder)) or error from error
    if len(found) != 1:
        raise RequestError(422, f"rows of {len(found)} machines. Expected those of one. Name it: machine")
    return found[0]


def _kept(machine: WatchedMachine, start: str) -> tuple[Recording, int]:
    """Return the latest rows of a machine, which the server keeps, and how many came before.

    Raises:
        RequestError: A span does not begin in them.
        ValueError: The start is not written as their times are.
    """
    with machine.reading() as history:
        ring = history.readings
        recording = Recording(ring.values, history.channels, ring.times, entity=machine.entity)
        before = ring.stop - len(recording)
    if not len(recording):
        raise RequestError(422, "no rows are kept. Send the rows along, as rows")
    times = recording.times
    if times is not None and moment_of(start, "start", times) < times[0]:
        span = f"from {format_time(times[0])} to {format_time(times[-1])}"
        raise RequestError(422, f"rows are kept {span}, and start={start!r} is before. Send the rows along, as rows")
    return recording, before


def _last(rows: Recording, before: int) -> str:
    """Return the time of the last row, or its number."""
    return str(before + len(rows) - 1) if rows.times is None else format_time(rows.times[-1])
