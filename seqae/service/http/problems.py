"""What is wrong with a request, as problem details (RFC 9457): in one clear line, without anything of this machine."""

from __future__ import annotations

import http
import os
import re
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import JSONResponse

from seqae._extras import MissingExtra
from seqae.service.http.wording import in_query_words

MEDIA_TYPE = "application/problem+json"
_MAX_DETAIL = 2000  # characters; a message may quote what was sent


class RequestError(Exception):
    """A request that cannot be answered.

    Attributes:
        status: The status of HTTP.
        detail: What is wrong and what to do, in one line.
        headers: Headers of the answer.
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Return the answer that tells a problem."""
    content = {"type": "about:blank", "title": http.HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(content, status, dict(headers or {}), MEDIA_TYPE)


def as_request_error(error: Exception, unusable: int = 400, folder: Path | None = None) -> RequestError | None:
    """Return an error of the library as that of a request; None if it is a bug.

    Args:
        error: The error.
        unusable: The status for data that cannot be used.
        folder: The folder of the files that were received, which messages do not show.
    """
    if isinstance(error, RequestError):
        return error
    detail = one_line(str(error), folder)
    if isinstance(error, MissingExtra):
        return RequestError(415, f"this server does not read such files: {detail}")
    if isinstance(error, MemoryError):
        return RequestError(413, "not enough memory for so many rows. Send fewer at a time")
    if isinstance(error, RecursionError):
        return RequestError(400, "objects within objects without end. Expected flat rows. Send [{...}, ...]")
    if isinstance(error, OSError) and error.errno:  # its own text may tell paths of this machine
        return RequestError(507, f"the server cannot store it: {os.strerror(error.errno)}. Tell who runs it")
    is_about_data = isinstance(error, ValueError | TypeError | FloatingPointError | OSError)
    return RequestError(unusable, detail) if is_about_data else None


def one_line(text: str, folder: Path | None = None) -> str:
    """Return a message as one line of printable letters, in the words of a query, without paths of this machine."""
    for hidden in () if folder is None else (f"{folder}/", str(folder)):
        text = text.replace(hidden, "")
    text = in_query_words(" ".join(text.split()))
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _MAX_DETAIL else f"{text[: _MAX_DETAIL - 1]}…"


def is_plain_name(text: str, length: int = 200) -> bool:
    """Whether a text can name a machine: not empty, not too long, printable."""
    return 0 < len(text) <= length and text.isprintable() and re.search(r"\S", text) is not None
