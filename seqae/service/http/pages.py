"""The pages of a server, which need no network beside it: the machines live, and the interface."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from seqae._version import __version__
from seqae.report import colours
from seqae.report.html.templates import load_template
from seqae.service.http.live_plots import live_plots
from seqae.service.http.openapi import COMMON, interface_document
from seqae.service.http.problems import RequestError

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).with_name("template")
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_DAY = {"cache-control": "max-age=86400"}


async def live_page(request: Request) -> Response:
    """Show the machines live; the page asks for the data, so that it tells nothing by itself."""
    return HTMLResponse(_live_html())


async def interface_page(request: Request) -> Response:
    """Show the interface."""
    return HTMLResponse(_interface_html())


async def interface(request: Request) -> Response:
    """Return the interface for programs."""
    return JSONResponse(_document())


async def asset(request: Request) -> Response:
    """Return a script or a style."""
    name = request.path_params["name"]
    if name not in ("bokeh.js", "live.js", "pages.css"):
        raise RequestError(404, "no such path. See GET /openapi.json")
    return Response(_asset(name), media_type=_KINDS[Path(name).suffix], headers=_DAY)


@functools.cache
def _document() -> dict:
    return interface_document()


@functools.cache
def _live_html() -> str:
    from bokeh.embed import json_item

    plots = {kind: json_item(live_plots(kind)) for kind in ("date", "seconds", "row")}
    return _template("live.html").render(plots=plots, colours=colours, version=__version__)


@functools.cache
def _interface_html() -> str:
    document = _document()
    parameters = document["components"]["parameters"]
    return _template("interface.html").render(document=document, parameters=parameters, common=COMMON)


@functools.cache
def _asset(name: str) -> bytes:
    if name == "bokeh.js":
        from bokeh.resources import Resources

        return "\n".join(Resources(mode="inline", components=["bokeh"]).js_raw).encode()
    text = _template(name).render(colours=colours)
    return text.encode()


def _template(name: str) -> Template:
    return load_template(name, _TEMPLATES)
