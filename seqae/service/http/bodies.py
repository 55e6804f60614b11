"""The bodies of requests: files in a private folder, which the readers of files read."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from seqae.service.http.problems import RequestError, as_request_error

MAX_FILES = 64
_BLOCK = 2**20  # bytes that are copied at once
ENDINGS = {
    "application/json": ".json",
    "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/json-lines": ".jsonl",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/x-hdf5": ".h5",
}
TEXT_TYPES = tuple(name for name, ending in ENDINGS.items() if ending in (".json", ".jsonl", ".csv", ".tsv"))


def media_type(request: Request) -> str:
    """Return the media type of a body, "" if none is told.

    Raises:
        RequestError: The body is packed.
    """
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding != "identity":
        raise RequestError(
            415, f"a body in the coding {coding[:40]!r}. Expected it as it is. Pack the file: name=x.csv.gz"
        )
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def refuse_type(found: str, expected: tuple[str, ...]) -> RequestError:
    """Return the error for a body of another type."""
    what = f"a body of type {found[:80]!r}" if found else "a body without a type"
    return RequestError(
        415, f"{what}. Expected Content-Type: {', '.join(expected)}. With curl: -H 'Content-Type: text/csv'"
    )


@asynccontextmanager
async def received_files(request: Request) -> AsyncIterator[list[Path]]:
    """Yield the files in a body, in a folder that only this process reads and that is deleted afterwards.

    Raises:
        RequestError: The body is empty or of no known type, a name does not fit, or there is no room.
    """
    with _storing():
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="seqae-serve-"))
    try:
        kind = media_type(request)
        with _storing():
            is_form = kind == "multipart/form-data"
            paths = await _parts(request, folder) if is_form else [await _whole(request, folder, kind)]
        yield paths
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


@contextmanager
def _storing() -> Iterator[None]:
    """Tell the client that a body cannot be stored, as on a full disk."""
    try:
        yield
    except OSError as error:
        raise as_request_error(error) or error from error


async def _whole(request: Request, folder: Path, kind: str) -> Path:
    """Write a body into a file of the name that the query or the media type tells."""
    name = request.query_params.get("name")
    if name is None and kind not in ENDINGS:
        raise refuse_type(kind, ("multipart/form-data", *ENDINGS))
    path = folder / (f"rows{ENDINGS[kind]}" if name is None else _checked_name(name))
    size = 0
    with path.open("wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            file.write(chunk)
    if not size:
        raise RequestError(400, f"an empty body ({path.name}). Expected rows")
    return path


async def _parts(request: Request, folder: Path) -> list[Path]:
    """Write each file of a form into a file."""
    try:
        form = await request.form(max_files=MAX_FILES, max_fields=0)
    except HTTPException as error:
        raise RequestError(
            400, f"no form of files: {error.detail} Expected files alone. With curl: -F file=@x.csv"
        ) from None
    paths: list[Path] = []
    try:
        for _, part in form.multi_items():
            assert isinstance(part, UploadFile), "forms with fields were refused"
            path = folder / _checked_name(part.filename or "")
            if path in paths:
                raise RequestError(400, f"two files are called {path.name}. Give each a name of its own")
            await asyncio.to_thread(_copy, part.file, path)
            paths.append(path)
    finally:
        await form.close()
    if not paths:
        raise RequestError(400, "a form without files. Expected one at least. With curl: -F file=@x.csv")
    return paths


def _copy(source: IO[bytes], path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(source, target, _BLOCK)


def _checked_name(name: str) -> str:
    """Return the name of a file, which must not lead anywhere."""
    # A half character is not printable either.
    is_plain = name.isprintable() and not name.startswith(".") and not set("/\\:") & set(name)
    if (
        not is_plain
        or not 0 < len(name.encode(errors="surrogatepass")) <= 200
        or any("\ud800" <= each <= "\udfff" for each in name)
    ):
        raise RequestError(400, f"{name[:80]!r} is no plain name of a file. Expected one such as pump.parquet")
    return name
