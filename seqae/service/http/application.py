"""The application: the routes, and what becomes of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from seqae.service.http import endpoints, feedback, pages, sockets
from seqae.service.http.guard import Guard
from seqae.service.http.problems import RequestError, problem

if TYPE_CHECKING:
    from seqae.service.http.service import DetectorService

# Machines are named by all between "machines/" and the last word, since a name may hold a slash.
_MACHINE = "/models/{model}/machines/{entity:path}"
ROUTES = [
    Route("/", pages.live_page),
    Route("/docs", pages.interface_page),
    Route("/openapi.json", pages.interface),
    Route("/assets/{name}", pages.asset),
    Route("/healthz", endpoints.health),
    Route("/readyz", endpoints.readiness),
    Route("/metrics", endpoints.metrics),
    Route("/models", endpoints.models),
    Route("/models/{model}", endpoints.model),
    Route("/models/{model}/score", endpoints.score, methods=["POST"]),
    Route("/models/{model}/feedback", feedback.listed),
    Route("/models/{model}/feedback", feedback.said, methods=["POST"]),
    Route("/models/{model}/feedback/{id}/undo", feedback.undone, methods=["POST"]),
    Route("/models/{model}/machines", endpoints.machines),
    Route(f"{_MACHINE}/rows", endpoints.rows, methods=["POST"]),
    Route(f"{_MACHINE}/live", endpoints.live),
    WebSocketRoute(f"{_MACHINE}/stream", sockets.stream),
    Route(_MACHINE, endpoints.machine),
    Route(_MACHINE, endpoints.end, methods=["DELETE"]),
]


def application_of(service: DetectorService) -> Starlette:
    """Return the application that answers requests to a service."""
    application = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Guard, settings=service.settings, metrics=service.metrics)],
        exception_handlers={RequestError: _refused, HTTPException: _not_found, Exception: _bug},
        lifespan=service.lifespan,
    )
    application.state.service = service
    return application


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return problem(error.status, error.detail, error.headers)


async def _not_found(request: Request, error: Exception) -> Response:
    """Tell that there is no such path, or method of it."""
    assert isinstance(error, HTTPException)
    details = {404: "no such path. See GET /openapi.json", 405: "no such method of this path. See GET /openapi.json"}
    return problem(error.status_code, details.get(error.status_code, str(error.detail)), error.headers)


async def _bug(request: Request, error: Exception) -> Response:
    """Tell that it is the server's fault; what it was stands in the log."""
    detail = "a bug in the server, whose log tells more. Tell who runs it"
    return problem(500, detail, {"connection": "close"})  # as uvicorn does after an error, without telling it
