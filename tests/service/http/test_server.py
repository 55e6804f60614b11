"""The process: it starts, answers, and stops when it is asked to with all that it had begun."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

import seqae
from seqae.anomaly.online.state import STATE_FILE

CSV = {"content-type": "text/csv"}


@pytest.fixture
def saved(detector, tmp_path) -> Path:
    return seqae.save(detector, tmp_path / "pump")


def started(*words: str) -> tuple[subprocess.Popen, str]:
    """Start a server at a free port, and return it and its address."""
    command = [sys.executable, "-m", "seqae.cli", "serve", *words, "--port", "0"]
    root = str(Path(seqae.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": paths})
    found = re.fullmatch(r"serves pump at (http://127\.0\.0\.1:\d+)/\n", line := process.stderr.readline())
    assert found, line + process.stderr.read()
    return process, found[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_asked_to_stop_it_answers_what_runs_saves_the_state_and_ends_without_an_error(saved, today, tmp_path):
    process, address = started(str(saved), "--state", str(tmp_path / "state"), "--stop-seconds", "300")
    port = int(address.rpartition(":")[2])
    try:
        body = today.to_csv(index=False).encode()
        answer = httpx.post(f"{address}/models/pump/machines/m/rows", content=body, headers=CSV, timeout=300)
        assert answer.json()["rows"] == 600
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        client.putrequest("POST", "/models/pump/score")
        for name, value in (CSV | {"content-length": str(len(body)), "expect": "100-continue"}).items():
            client.putheader(name, value)
        client.endheaders()
        assert client.sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 100"  # it runs
        process.send_signal(signal.SIGTERM)
        while listens(port):
            time.sleep(0.01)
        client.send(body)
        answer = client.getresponse()
        assert answer.status == 200 and json.loads(answer.read())["recordings"][0]["rows"] == 600
        assert process.wait(300) == 0
        assert process.stderr.read() == ""
        assert (tmp_path / "state" / "pump" / "m" / STATE_FILE).exists()
        assert not listens(port)
    finally:
        process.kill()
        process.wait()


def asking(address: tuple[str, int]) -> socket.socket:
    """Return a connection that asked in time, though this process may be held up at times."""
    while True:
        connection = socket.create_connection(address, timeout=300)
        with suppress(ConnectionError):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            if connection.recv(12) == b"HTTP/1.1 200":
                return connection
        connection.close()


def test_a_connection_that_does_not_ask_is_closed(detector, monkeypatch):
    import uvicorn

    from seqae.service.http import server
    from seqae.service.http.service import DetectorService
    from seqae.service.http.settings import ServerSettings

    before = threading.enumerate()
    running = uvicorn.Server(server._config(DetectorService({"pump": detector}, ServerSettings())))
    with server.listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            address = listener.getsockname()
            monkeypatch.setattr(server, "_HEAD_SECONDS", 0.2)
            for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: lo"):
                with socket.create_connection(address, timeout=300) as silent:
                    silent.sendall(begun)
                    assert silent.recv(100) == b""
            with asking(address) as heard:
                heard.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    while heard.recv(10_000):  # it is not closed
                        continue
        finally:
            running.should_exit = True
            thread.join(300)
    assert not thread.is_alive()
    assert not [each for each in threading.enumerate() if each not in before], "threads are left"
