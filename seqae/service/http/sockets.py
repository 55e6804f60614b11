"""Rows over a WebSocket: lines in, records out."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any, cast

from starlette.websockets import WebSocket, WebSocketDisconnect

from seqae.service.http.endpoints import SHOWN, entity_of, model_of, service_of
from seqae.service.http.machines import TakenRows, lines_of_body
from seqae.service.http.problems import RequestError, problem
from seqae.service.http.query import one_of, reading_options
from seqae.service.records import Shown

if TYPE_CHECKING:
    from seqae.data.signals.options import ReadingOptions
    from seqae.service.http.machines import WatchedMachine

log = logging.getLogger("seqae.serve")
_BUG, _TRY_LATER = 1011, 1013  # codes of closing, RFC 6455


async def stream(socket: WebSocket) -> None:
    """Take lines of CSV or JSON, and answer each message with its records and the number of rows that were taken."""
    try:
        asked, entity, service = model_of(socket), entity_of(socket), service_of(socket)
        options = reading_options(socket.query_params.multi_items(), ("scores",))
        shown = cast(Shown, one_of(socket.query_params, "scores", SHOWN))
        machine = await service.workers.on_rows(service.machines.begun, asked, entity, options)
    except RequestError as error:
        await socket.send_denial_response(problem(error.status, error.detail, error.headers))
        return
    await socket.accept()
    try:
        await _send(socket, {"machine": entity, "rows": machine.rows})
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("bytes") or (message.get("text") or "").encode()
            await _answer(socket, machine, text, options, shown)
    except WebSocketDisconnect:
        return
    except RuntimeError:
        if not service.is_stopping:
            raise
    except Exception:
        log.exception("a bug, at a WebSocket of %s", entity)
        await socket.close(_BUG, "a bug in the server")


async def _answer(
    socket: WebSocket, machine: WatchedMachine, text: bytes, options: ReadingOptions, shown: Shown
) -> None:
    """Answer a message; one that cannot be used is reported, and the next one is waited for."""

    def take() -> TakenRows:
        stripped = text.lstrip()
        lines = lines_of_body(text)[0] if stripped.startswith(b"[") else text
        return machine.take(lines, stripped.startswith((b"{", b"[")), options, shown) if stripped else TakenRows()

    try:
        taken = await service_of(socket).workers.on_rows(take)
    except RequestError as error:
        if error.status >= 500:
            await socket.close(_TRY_LATER, error.detail[:120])
            return
        taken = TakenRows(rejected=[{"reason": "row", "message": error.detail}])
    for record in taken.records:
        await _send(socket, record)
    for rejected in taken.rejected:
        await _send(socket, {"rejected": rejected})
    await _send(socket, {"taken": taken.rows, "rows": machine.rows})


async def _send(socket: WebSocket, record: dict[str, Any]) -> None:
    await socket.send_text(json.dumps(record, ensure_ascii=False))
