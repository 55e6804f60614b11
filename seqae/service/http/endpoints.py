"""What the server answers to each request about models and machines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from seqae._version import __version__
from seqae.service.http.bodies import TEXT_TYPES, media_type, received_files, refuse_type
from seqae.service.http.live_data import live_data
from seqae.service.http.machines import TakenRows, WatchedMachine, lines_of_body
from seqae.service.http.problems import RequestError, is_plain_name
from seqae.service.http.query import one_of, reading_options
from seqae.service.records import Shown

if TYPE_CHECKING:
    from seqae.service.http.served import ServedModel
    from seqae.service.http.service import DetectorService

SHOWN = ("final", "provisional", "none")
_MAX_ROWS_BODY = 2**24  # bytes; more rows are a file


def service_of(request: Any) -> DetectorService:
    """Return the service that a request or a WebSocket asks."""
    return request.app.state.service


def model_of(request: Any) -> ServedModel:
    """Return the model that a path names.

    Raises:
        RequestError: There is none of this name.
    """
    models, name = service_of(request).models, request.path_params["model"]
    if name not in models:
        raise RequestError(404, f"no model {name[:80]!r}. There is {', '.join(models)}")
    return models[name]


def entity_of(request: Any) -> str:
    """Return the machine that a path names.

    Raises:
        RequestError: The name cannot be one.
    """
    entity = request.path_params["entity"]
    if not is_plain_name(entity):
        raise RequestError(404, f"{entity[:80]!r} is no name of a machine. Expected up to 200 printable letters")
    return entity


async def health(request: Request) -> Response:
    """Say that the process is alive."""
    return JSONResponse({"status": "ok", "version": __version__})


async def readiness(request: Request) -> Response:
    """Say whether requests are taken."""
    if service_of(request).is_stopping:
        raise RequestError(503, "the server is stopping. Ask another one", {"retry-after": "10"})
    return JSONResponse({"status": "ready", "models": list(service_of(request).models)})


async def metrics(request: Request) -> Response:
    """Return the numbers for Prometheus."""
    content, kind = service_of(request).metrics.watched.text()
    return Response(content, media_type=kind)


async def models(request: Request) -> Response:
    """Return the models."""
    return JSONResponse({"models": [model.facts() for model in service_of(request).models.values()]})


async def model(request: Request) -> Response:
    """Return one model."""
    return JSONResponse(model_of(request).facts())


async def score(request: Request) -> Response:
    """Score the recordings in a body."""
    from seqae.service.http.scoring import scored_files

    asked = model_of(request)
    options = reading_options(request.query_params.multi_items(), ("name", "scores"))
    with_rows = one_of(request.query_params, "scores", ("rows", "none")) == "rows"
    async with received_files(request) as paths:
        pieces = await service_of(request).workers.on_files(scored_files, asked, paths, options, with_rows)
    return StreamingResponse(_in_turns(pieces), media_type="application/json")


async def _in_turns(pieces: list[bytes]) -> AsyncIterator[bytes]:
    """Yield the pieces of a text in blocks of some size; a client that does not read them stops the rest."""
    block: list[bytes] = []
    for piece in pieces:
        block.append(piece)
        if len(block) == 64:
            yield b"".join(block)
            block = []
    yield b"".join(block)


async def machines(request: Request) -> Response:
    """Return the machines of a model."""
    service = service_of(request)
    found = service.machines.of(model_of(request))
    return JSONResponse({"machines": await service.workers.on_rows(lambda: list(map(brief, found)))})


def brief(machine: WatchedMachine) -> dict[str, Any]:
    """Return how a machine is, with the number of its findings in place of these."""
    return {name: len(value) if isinstance(value, list) else value for name, value in machine.facts().items()}


async def machine(request: Request) -> Response:
    """Return how a machine is, and what was found."""
    service = service_of(request)
    found = service.machines.existing(model_of(request), entity_of(request))
    return JSONResponse(await service.workers.on_rows(found.facts))


async def live(request: Request) -> Response:
    """Return what the page draws of a machine."""
    service = service_of(request)
    found = service.machines.existing(model_of(request), entity_of(request))
    channel = request.query_params.get("channel")
    if channel is not None and channel not in found.history.channels:
        raise RequestError(404, f"no channel {channel[:80]!r}. There is {', '.join(found.history.channels)}")
    return JSONResponse(await service.workers.on_rows(live_data, found, channel))


async def rows(request: Request) -> Response:
    """Take the next rows of a machine."""
    asked, entity, service = model_of(request), entity_of(request), service_of(request)
    options = reading_options(request.query_params.multi_items(), ("scores",))
    shown = one_of(request.query_params, "scores", SHOWN)
    kind = media_type(request)
    if kind not in TEXT_TYPES:
        raise refuse_type(kind, TEXT_TYPES)
    body = await small_body(request)

    def take() -> bytes:
        text, named = lines_of_body(body) if kind == "application/json" else (body, "")
        if named not in ("", entity):
            raise RequestError(422, f"rows of {named[:80]!r} for the machine {entity!r}. Send them to their own")
        found = service.machines.begun(asked, entity, options)
        return _told(found.take(text, "json" in kind, options, cast(Shown, shown)))

    return Response(await service.workers.on_rows(take), media_type="application/json")


async def end(request: Request) -> Response:
    """End the recording of a machine."""
    asked, entity, service = model_of(request), entity_of(request), service_of(request)
    content = await service.workers.on_rows(lambda: _told(service.machines.ended(asked, entity)))
    return Response(content, media_type="application/json")


def _told(taken: TakenRows) -> bytes:
    return json.dumps(asdict(taken), ensure_ascii=False).encode()


async def small_body(request: Request) -> bytes:
    """Return a body of a few rows.

    Raises:
        RequestError: It is larger, or empty.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_ROWS_BODY:
            raise RequestError(
                413, f"more than {_MAX_ROWS_BODY:,} bytes of rows. Send fewer at a time", {"connection": "close"}
            )
    if not body.strip():
        raise RequestError(400, "an empty body. Expected rows. Send [{...}, ...]")
    return bytes(body)
