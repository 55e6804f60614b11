"""Files from the network: checked against their SHA-256, whole or not there at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqae._files import append_to_file, create_file, open_file

_ATTEMPTS = 3  # at each address; each goes on where the one before was cut
_PATIENCE = 20  # seconds without a byte
_MINUTES, _SLOWEST = 10, 2**14  # a file may take so long, or as long as at so many bytes per second
_CHUNK = 2**18


@dataclass(frozen=True)
class Remote:
    """A file to be had from the network.

    Attributes:
        name: The name of the file in its folder.
        size: Size in bytes.
        sha256: The SHA-256 of its content, in hexadecimal digits.
        addresses: URLs of the file, the best one first; https, unless on this machine.
    """

    name: str
    size: int
    sha256: str
    addresses: tuple[str, ...]

    def __post_init__(self) -> None:
        for address in self.addresses:
            if not re.match(r"https://|http://(127\.0\.0\.1|localhost)[:/]", address):
                raise ValueError(f"{address} is not https. Give the address of a server that proves who it is")


def fetch(remote: Remote, folder: Path, max_seconds: float | None = None) -> Path:
    """Return the path of a file in a folder; get it if it is absent.

    The part received so far is in `NAME.part`: a later call asks for the rest. The file gets its name when all of it
    is on the disk and its SHA-256 is right.

    Args:
        remote: The file.
        folder: Where it is to be; created if it is absent.
        max_seconds: The time for all attempts; by default ten minutes, and more for files over ten megabytes.

    Raises:
        ConnectionError: No address gave the whole file; the message lists the error of each.
    """
    path = folder / remote.name
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{remote.name}.part"
    failures = []
    given = max(60 * _MINUTES, remote.size / _SLOWEST) if max_seconds is None else max_seconds
    end = time.monotonic() + given
    for address in remote.addresses:
        for _ in range(_ATTEMPTS):
            try:
                _fetch_rest(address, part, remote.size, end)
                _accept(part, path, remote)
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"{address}: {str(error) or type(error).__name__}")
            else:
                return path
            if time.monotonic() > end:
                raise ConnectionError(f"{remote.name} took longer than {given:g} s ({failures[-1]}). Try again later")
            if failures[-1:] == failures[-2:-1]:  # the same again: it would be the same once more
                break
    raise ConnectionError(f"{remote.name} could not be downloaded ({'; '.join(dict.fromkeys(failures))})")


def _fetch_rest(address: str, part: Path, size: int, end: float) -> None:
    """Append the missing bytes, at most one beyond the size: a wrong page may be endless."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    left = max(end - time.monotonic(), 0.1)
    with (
        _Hurried(left) as hurried,
        urllib.request.build_opener(hurried).open(request, timeout=min(_PATIENCE, left)) as answer,
    ):
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        with append_to_file(part) if goes_on else create_file(part) as file:
            # What has come, not as much as was asked for: a server may send a byte now and then.
            while chunk := answer.read1(min(_CHUNK, size + 1 - file.tell()) if file.tell() <= size else 0):
                file.write(chunk)
                if time.monotonic() > end:
                    return


class _Hurried(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Cuts its connections after some seconds: a server may send headers, or sizes of chunks, byte by byte.

    Args:
        seconds: The time from `with` on that all may take.
    """

    def __init__(self, seconds: float):
        super().__init__()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Hurried:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def do_open(self, http_class: Any, req: urllib.request.Request, **settings: Any) -> Any:
        def connection(*arguments: Any, **keywords: Any) -> Any:
            made = http_class(*arguments, **keywords)
            connect = made.connect

            def connect_and_keep() -> None:
                connect()
                self._sockets.append(made.sock)  # which urllib forgets before the content has come

            made.connect = connect_and_keep
            return made

        return super().do_open(connection, req, **settings)

    def _cut(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)


def _accept(part: Path, path: Path, remote: Remote) -> None:
    """Give a whole and right file its name.

    Raises:
        OSError: It is short, and stays for the next attempt; or it is another file, and goes.
    """
    have = part.stat().st_size
    if have < remote.size:
        with open_file(part) as file:
            if file.read(64).lstrip().startswith(b"<"):
                part.unlink()
                raise OSError("it sent a web page instead of the file")
        raise OSError(f"cut after {have:,} of {remote.size:,} bytes")
    with append_to_file(part) as file:
        os.fsync(file.fileno())
    with open_file(part) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if have > remote.size or digest != remote.sha256:
        part.unlink()
        raise OSError("it sent another file (the SHA-256 does not match)")
    part.replace(path)
