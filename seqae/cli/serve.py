"""`seqae serve`: detectors behind HTTP and WebSocket, with metrics and a live page."""

from __future__ import annotations

import sys
from pathlib import Path


def serve(
    models: list[str],
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    state: Path | None = None,
    period: float | None = None,
    reorder: int = 0,
    token_file: Path | None = None,
    no_token: bool = False,
    allow_host: list[str] = [],  # noqa: B006 (not changed)
    max_body: int = 64,
    body_seconds: float = 60.0,
    rate: float = 500.0,
    concurrency: int = 64,
    files: int = 8,
    machines: int = 256,
    stop_seconds: float = 20.0,
) -> None:
    """Serve detectors over HTTP: scores of whole recordings, and of rows as they come.

    POST /models/NAME/score scores a recording as seqae score does. POST /models/NAME/machines/MACHINE/rows, or a
    WebSocket at .../stream, takes the next rows of a machine as seqae stream does. / shows the machines live, /docs the
    interface, /metrics the numbers for Prometheus, /healthz whether it is alive. SIGTERM or Ctrl-C stops it: requests
    that are running are answered, and states are saved.

    At an address that other machines reach, a token is needed, which clients send as "Authorization: Bearer TOKEN".

    Example:
        seqae serve runs/pump/latest --state kept
        seqae serve pump=runs/pump/latest fan=models/fan --host 0.0.0.0 --token-file token

    Args:
        models: folders of saved detectors, or of runs that hold one; each is called by the name of its folder, or NAME
            in NAME=FOLDER
        host: address to listen at
        port: port to listen at; 0 for any that is free
        state: folder to keep the states of machines in, to go on from after a stop
        period: seconds from row to row; by default estimated from the first 32 rows
        reorder: so many rows of a machine wait for late ones, to be put in order; by default none waits
        token_file: file with the token, which only its owner may read; or set SEQAE_TOKEN
        no_token: ask for no token, though other machines reach the address
        allow_host: names that the server may be called by; by default, without a token, those of this machine
        max_body: MiB of a body
        body_seconds: seconds in which a body has to arrive
        rate: requests in a second of one client; 0 for any number
        concurrency: requests that are answered at a time
        files: files that are scored, or wait for it, at a time
        machines: machines that are watched, and WebSockets that are open, at a time
        stop_seconds: seconds that running requests have to end when the server stops
    """
    from seqae._extras import require
    from seqae.cli.session import detector_in, saved_in
    from seqae.service.http.settings import (
        MEBIBYTE,
        ServerLimits,
        ServerSettings,
        allowed_hosts,
        is_loopback,
        read_token,
    )

    for module in ("starlette", "uvicorn", "websockets", "python_multipart", "prometheus_client", "bokeh", "jinja2"):
        require(module, extra="serve", purpose="seqae serve")
    from seqae.service.http.served import named_folders
    from seqae.service.http.server import listening, run_server
    from seqae.service.http.service import DetectorService

    token = read_token(token_file)
    if not token and not is_loopback(host) and not no_token:
        raise ValueError(
            f"host={host!r} is reached from other machines. Expected a token. Give token_file=..., or set SEQAE_TOKEN; "
            "or say that none is needed: no_token=True"
        )
    limits = ServerLimits(max_body * MEBIBYTE, body_seconds, rate, concurrency, files, machines, stop_seconds)
    settings = ServerSettings(token, allowed_hosts(host, token, tuple(allow_host)), limits, state, period, reorder)
    folders = {name: saved_in(folder) for name, folder in named_folders(models).items()}
    detectors = {name: detector_in(folder) for name, folder in folders.items()}
    with listening(host, port) as listener:
        service = DetectorService(detectors, settings, folders)
        address, number = listener.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        print(f"serves {', '.join(detectors)} at http://{shown}:{number}/", file=sys.stderr, flush=True)
        run_server(service, listener)
