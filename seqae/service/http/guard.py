"""What every request passes first: names, tokens, numbers of requests, sizes and times."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from seqae.service.http.problems import RequestError, problem

if TYPE_CHECKING:
    from seqae.service.http.metrics import ServerMetrics
    from seqae.service.http.settings import ServerLimits, ServerSettings

log = logging.getLogger("seqae.serve")
OPEN_PATHS = ("/", "/healthz", "/readyz", "/docs", "/openapi.json")  # they tell nothing of machines
ASSETS = "/assets/"
_CLIENTS = 4096  # whose rates are remembered
_SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


class ClientRates:
    """Counts the requests of each client: a bucket of tokens, which fills at the allowed rate.

    Args:
        rate: Requests in a second, on average; 0 for any number.
    """

    def __init__(self, rate: float):
        self.rate = rate
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str, now: float) -> float:
        """Count a request, and return 0; or return the seconds until the next one is allowed."""
        if not self.rate:
            return 0.0
        most = max(2 * self.rate, 1.0)
        tokens, before = self.buckets.pop(client, (most, now))
        tokens = min(most, tokens + (now - before) * self.rate)
        allowed = tokens >= 1
        self.buckets[client] = (tokens - allowed, now)
        if len(self.buckets) > _CLIENTS:
            self.buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) / self.rate


class Guard:
    """Refuses requests that must not reach the application, and bounds the others.

    Args:
        app: The application.
        settings: Who may ask for what.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, metrics: ServerMetrics):
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.rates = ClientRates(settings.limits.rate)
        self.open_requests = 0
        self.open_sockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        try:
            self._check(scope)
        except RequestError as error:
            await self._refuse(error, scope, receive, send)
        else:
            await (self._answer if scope["type"] == "http" else self._connect)(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        """Raise a RequestError unless the request may pass."""
        headers = Headers(scope=scope)
        check_host(headers, self.settings.hosts)
        check_origin(headers)
        limits = self.settings.limits
        if scope["path"] in ("/healthz", "/readyz"):
            return
        client = scope.get("client")
        if wait := self.rates.wait(client[0] if client else "", time.monotonic()):
            raise RequestError(
                429,
                f"more than {limits.rate:g} requests in a second. Wait a little",
                {"retry-after": f"{int(wait) + 1}"},
            )
        if scope["path"] not in OPEN_PATHS and not scope["path"].startswith(ASSETS):
            check_token(headers, self.settings.token)
        is_full = (
            self.open_requests >= limits.concurrency
            if scope["type"] == "http"
            else self.open_sockets >= limits.machines
        )
        if is_full:
            raise RequestError(503, "too many requests at a time. Come again in a second", {"retry-after": "1"})
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limits.max_body:
            raise too_large(limits)

    async def _refuse(self, error: RequestError, scope: Scope, receive: Receive, send: Send) -> None:
        self.metrics.requests.labels("(refused)", str(error.status)).observe(0)
        response = problem(error.status, error.detail, error.headers)
        if scope["type"] == "websocket":
            await receive()  # the request to connect
            if "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1008, "reason": error.detail[:120]})
                return
        await response(scope, receive, _with_headers(send))

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open_sockets += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.open_sockets -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.open_requests += 1
        self.metrics.open.set(self.open_requests)
        start, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await asyncio.wait_for(send(message), self.settings.limits.body_seconds)  # of one who does not read it

        try:
            await self.app(scope, _bounded(receive, self.settings.limits), _with_headers(counted))
        finally:
            self.open_requests -= 1
            self.metrics.open.set(self.open_requests)
            route = getattr(scope.get("route"), "path", "(none)").replace(":path", "")
            self.metrics.requests.labels(route, str(status)).observe(time.perf_counter() - start)


def _bounded(receive: Receive, limits: ServerLimits) -> Receive:
    """Return what receives a body of a bounded size in a bounded time."""
    end = asyncio.get_running_loop().time() + limits.body_seconds
    size, is_whole = 0, False

    async def bounded() -> Message:
        nonlocal size, is_whole
        if is_whole:
            return await receive()  # waits for the client to go away
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise RequestError(
                408,
                f"the body did not come within {limits.body_seconds:g} s. Send less at a time",
                {"connection": "close"},
            ) from None
        size += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if size > limits.max_body:
            raise too_large(limits)
        return message

    return bounded


def too_large(limits: ServerLimits) -> RequestError:
    """Return the error for a body that is too large."""
    return RequestError(413, f"more than {limits.max_body:,} bytes. Send fewer rows at a time", {"connection": "close"})


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            own = {name for name, _ in message.get("headers", [])}
            added = [(name.encode(), value.encode()) for name, value in _SECURITY.items() if name.encode() not in own]
            message = {**message, "headers": [*message.get("headers", []), *added]}
        await send(message)

    return with_headers


def check_token(headers: Mapping[str, str], token: str) -> None:
    """Raise a RequestError if a token is needed and another one, or none, was sent."""
    if not token:
        return
    scheme, _, sent = headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(sent.strip().encode(errors="replace"), token.encode())
    if scheme.lower() != "bearer" or not right:
        what = "another token" if sent else "no token"
        raise RequestError(
            401, f"{what}. Send the header Authorization: Bearer TOKEN", {"www-authenticate": 'Bearer realm="seqae"'}
        )


def check_host(headers: Mapping[str, str], hosts: tuple[str, ...]) -> None:
    """Raise a RequestError if a server is called by a name that is not its own."""
    name = _host_of(headers.get("host", ""))
    if hosts and name not in hosts:
        raise RequestError(421, f"this server is not called {name[:80]!r}. Expected {' or '.join(hosts)}")


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise a RequestError if a page of another site asks: its reader may not know of it."""
    origin = headers.get("origin")
    if origin is not None and _place_of(origin) != headers.get("host", "").lower():
        raise RequestError(
            403, f"a page of {origin[:80]!r} may not ask this server. Open the page of the server itself"
        )


def _place_of(origin: str) -> str:
    """Return host and port of an origin, "" if it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _host_of(header: str) -> str:
    """Return the name in a header `name:port` or `[address]:port`."""
    name, bracket, _ = header.lower().rpartition("]")
    return name.lstrip("[") if bracket else header.lower().partition(":")[0]
