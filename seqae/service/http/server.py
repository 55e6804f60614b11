"""The server process: it listens, and stops when it is asked to, with all that it had begun."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from seqae.service.http.application import application_of

if TYPE_CHECKING:
    from seqae.service.http.service import DetectorService

_HEAD_SECONDS = 10.0  # in which the head of a request has to arrive
_CONNECTIONS = 1024
_HEAD = 2**15  # bytes of the head of a request
_MESSAGE = 2**20  # bytes of a message of a WebSocket
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _TimedProtocol(H11Protocol):
    """HTTP, with an end for clients that open a connection and do not ask."""

    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self.head_timer is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self.head_timer = self.loop.call_later(_HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None

    def _give_up(self) -> None:
        self.head_timer = None
        if self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        OSError: The address is in use, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise OSError(
            error.errno, f"cannot listen at {host}, port {port}: {error.strerror}. Give another port"
        ) from None


def run_server(service: DetectorService, listener: socket.socket) -> None:
    """Answer requests until the process is asked to stop (SIGTERM, or Ctrl-C).

    Requests that are running are answered, and the states of machines saved, before this returns.
    """
    logging.getLogger("seqae.serve").addHandler(logging.StreamHandler(sys.stderr))
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of every broken form, which is answered
    server = uvicorn.Server(_config(service))
    with _not_killed():
        server.run([listener])
    if service.workers.running:
        print(f"note   {service.workers.running} requests were not finished in time", file=sys.stderr, flush=True)
        os._exit(0)  # threads that compute cannot be stopped, and Python would wait for them


def _config(service: DetectorService) -> uvicorn.Config:
    settings: dict[str, Any] = {"server_header": False, "proxy_headers": False, "access_log": False}
    return uvicorn.Config(
        application_of(service),
        loop="asyncio",
        http=_TimedProtocol,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE,
        ws_max_queue=8,
        ws_per_message_deflate=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=_HEAD,
        timeout_graceful_shutdown=int(service.settings.limits.stop_seconds) or 1,
        log_level="warning",
        lifespan="on",
        **settings,
    )


@contextmanager
def _not_killed() -> Iterator[None]:
    """Let the signals on which the server stops do no more than that: it raises them once more when it has stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
