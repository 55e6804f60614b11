"""The description of the interface for programs: OpenAPI 3.1."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from seqae._version import __version__
from seqae.data.signals.options import ReadingOptions
from seqae.service.http.bodies import ENDINGS, TEXT_TYPES
from seqae.service.http.problems import MEDIA_TYPE
from seqae.service.http.query import KINDS

Schema = dict[str, Any]
_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_PROBLEMS = {
    400: "The rows, the query or a name cannot be read; `detail` says why and what to do.",
    401: "A token is needed.",
    403: "A page of another site asks.",
    404: "There is no such model, machine or path.",
    405: "The path has no such method.",
    408: "The body came too slowly.",
    409: "The rows of the machine are read with other options.",
    413: "The body is too large.",
    415: "The body is of no type that is read.",
    421: "The server is called by a name that is not its own.",
    422: "The rows can be read, and the model has no use for them.",
    429: "Too many requests in a second; see Retry-After.",
    503: "Too many requests at a time, or too many machines; see Retry-After.",
    507: "The server cannot store it.",
}
COMMON = {str(status): _PROBLEMS[status] for status in (401, 403, 421, 429, 503)}  # of all paths that are not open
_OF_BODIES = (400, 408, 409, 413, 415, 422, 503)


def interface_document() -> Schema:
    """Return the description of all paths."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "seqae",
            "version": __version__,
            "description": "Detectors of anomalies in machine signals. Rows are scored as whole recordings, as seqae "
            "score does, or one by one as they come, as seqae stream does. Errors are problem details (RFC 9457).",
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": _problem_schema(),
                "Model": _model_schema(),
                "Taken": _taken_schema(),
                "Feedback": _feedback_schema(),
            },
            "parameters": {
                "model": _path_parameter("model", "The name of a model."),
                "entity": _path_parameter("entity", "The name of a machine."),
                "id": _path_parameter("id", "The number of an entry."),
                **_reading_parameters(),
            },
        },
        "security": [{"token": []}, {}],
    }


def _paths() -> Schema:
    machine = ("model", "entity")
    reading = list(_reading_parameters())
    model = {"$ref": "#/components/schemas/Model"}
    taken = {"$ref": "#/components/schemas/Taken"}
    finals = _query("scores", "Which scores of rows are wanted.", ["final", "provisional", "none"])
    live = _query("channel", "The channel to draw; by default the one that contributes most.", None)
    of_machine = "/models/{model}/machines/{entity}"
    return {
        "/healthz": {"get": _operation("Whether the process is alive.", _OBJECT, is_open=True)},
        "/readyz": {"get": _operation("Whether requests are taken.", _OBJECT, is_open=True, problems=(503,))},
        "/metrics": {"get": _operation("The numbers for Prometheus.", {"type": "string"}, kind="text/plain")},
        "/models": {"get": _operation("The models.", _object(models={"type": "array", "items": model}))},
        "/models/{model}": {"get": _operation("One model.", model, ("model",), problems=(404,))},
        "/models/{model}/score": {
            "post": _operation(
                "Score the recordings in a body: rows, or files of any format that seqae score reads.",
                _OBJECT,
                ("model", *reading),
                [
                    _query("name", "The name of the file that the body is; its ending tells the format.", None),
                    _query("scores", "Whether the scores of rows are wanted.", ["rows", "none"]),
                ],
                (404, *_OF_BODIES),
                [*ENDINGS, "multipart/form-data", "application/octet-stream"],
            )
        },
        **_feedback_paths(reading),
        "/models/{model}/machines": {
            "get": _operation("The machines whose rows are watched.", _OBJECT, ("model",), problems=(404,))
        },
        of_machine: {
            "get": _operation("How a machine is, and what was found.", _OBJECT, machine, problems=(404,)),
            "delete": _operation(
                "End the recording of a machine; the rest of its results.", taken, machine, (), (404,)
            ),
        },
        f"{of_machine}/rows": {
            "post": _operation(
                'Take the next rows of a machine: a list of objects, {"rows": [...]}, JSON lines or CSV.',
                taken,
                (*machine, *reading),
                [finals],
                (404, *_OF_BODIES),
                list(TEXT_TYPES),
            )
        },
        f"{of_machine}/live": {
            "get": _operation("What the live page draws of a machine.", _OBJECT, machine, [live], (404,))
        },
        f"{of_machine}/stream": {
            "get": _operation(
                "A WebSocket: each message holds rows as lines of CSV or JSON, and is answered by a message for each "
                "record and one with the number of rows that were taken.",
                None,
                (*machine, *reading),
                [finals],
                (400, 404),
            )
        },
    }


def _feedback_paths(reading: Sequence[str]) -> Schema:
    """Return the paths for what operators say."""
    text, entry = {"type": "string"}, {"$ref": "#/components/schemas/Feedback"}
    entries = _object(feedback={"type": "array", "items": entry})
    own = {name: text for name in ("fault", "machine", "author", "note")}
    moments = {name: {"type": ["string", "number"]} for name in ("start", "end")}
    rows = {"type": "array", "items": _OBJECT}
    body = _object(kind={"enum": ["normal", "fault"]}, **own, **moments, rows=rows)
    said = _operation(
        "Say that rows were normal, or which fault they show; without rows in the body, of rows that the server has "
        "kept; without an end, up to the latest one. It holds at once.",
        entry,
        ("model", *reading),
        problems=(404, 507, *_OF_BODIES),
        bodies=["application/json"],
    )
    undone = _operation(
        "Take back what was said.", entry, ("model", "id"), (), (404, 507, *_OF_BODIES), ["application/json"]
    )
    for operation, schema in ((said, body), (undone, _object(author=text))):
        operation["requestBody"]["content"]["application/json"] = {"schema": schema}
    body["required"] = ["kind", "start", "author"]
    return {
        "/models/{model}/feedback": {
            "get": _operation("What operators have said about a model.", entries, ("model",), problems=(404,)),
            "post": said,
        },
        "/models/{model}/feedback/{id}/undo": {"post": undone},
    }


def _operation(
    summary: str,
    schema: Schema | None,
    parameters: Sequence[str] = (),
    others: Sequence[Schema] = (),
    problems: Sequence[int] = (),
    bodies: Sequence[str] = (),
    kind: str = "application/json",
    is_open: bool = False,
) -> Schema:
    """Return what a method of a path does.

    Args:
        summary: What it does, in a sentence.
        schema: The schema of the answer, None if it is a WebSocket.
        parameters: The names of shared parameters.
        others: Parameters of its own.
        problems: The statuses of errors beside those that all have.
        bodies: The media types of bodies that it takes.
        kind: The media type of the answer.
        is_open: Whether no token is needed.
    """
    answer: Schema = {"101": {"description": "The WebSocket is open."}}
    if schema is not None:
        answer = {"200": {"description": "Done.", "content": {kind: {"schema": schema}}}}
    refusals = {str(status): _refusal(status) for status in sorted({*problems, *(() if is_open else map(int, COMMON))})}
    operation: Schema = {"summary": summary, "responses": answer | refusals}
    if parameters or others:
        operation["parameters"] = [*({"$ref": f"#/components/parameters/{name}"} for name in parameters), *others]
    if bodies:
        operation["requestBody"] = {"required": True, "content": {name: {} for name in bodies}}
    return operation | ({"security": []} if is_open else {})


def _refusal(status: int) -> Schema:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": _PROBLEMS[status], "content": content}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties}


def _problem_schema() -> Schema:
    texts: dict[str, Schema] = {name: {"type": "string"} for name in ("type", "title", "detail")}
    return _object(**texts, status={"type": "integer"})


def _model_schema() -> Schema:
    text: Schema = {"type": "string"}
    texts: Schema = {"type": "array", "items": text}
    number: Schema = {"type": ["number", "null"]}
    own = {name: text for name in ("name", "kind", "fingerprint")} | {name: texts for name in ("channels", "machines")}
    counted: Schema = {"type": ["integer", "null"], "description": "How often something was said or taken back."}
    return _object(**own, units=_OBJECT, threshold=number, period=number, feedback=counted)


def _feedback_schema() -> Schema:
    names = ("kind", "fault", "machine", "start", "end", "author", "note", "at", "undone_by", "undone_at")
    return _object(id={"type": "integer"}, **{name: {"type": "string"} for name in names})


def _taken_schema() -> Schema:
    objects = {"type": "array", "items": _OBJECT}
    return _object(rows={"type": "integer"}, records=objects, rejected=objects)


def _path_parameter(name: str, text: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}


def _query(name: str, text: str, choices: Sequence[str] | None) -> Schema:
    schema = {"type": "string"} if choices is None else {"enum": list(choices), "default": choices[0]}
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _reading_parameters() -> Schema:
    """Return the options for reading tables as parameters of a query, by name."""
    document = inspect.getdoc(ReadingOptions) or ""
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", document.partition("Attributes:")[2], re.MULTILINE)
    texts = {name: " ".join(text.split()) for name, text in found}
    return {
        name: {"name": name, "in": "query", "description": texts[name], "schema": _schema(kind)}
        for name, kind in KINDS.items()
    }


def _schema(kind: Any) -> Schema:
    """Return the schema of an option as text in a query."""
    parts = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    origins = {get_origin(part): part for part in parts}
    if Literal in origins:
        return {"enum": list(get_args(origins[Literal]))}
    if Sequence in origins or Mapping in origins:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "boolean" if bool in parts else "integer" if int in parts else "string"}
