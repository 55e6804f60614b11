"""The process: it starts, answers, and stops when it is asked to with all that it had begun."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
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


def test_asked_to_stop_it_answers_what_runs_saves_the_state_and_ends_without_an_error(saved, today, tmp_path):
    process, address = started(str(saved), "--state", str(tmp_path / "state"))
    try:
        with httpx.Client(base_url=address) as client:
            body = today.to_csv(index=False)
            assert client.post("/models/pump/machines/m/rows", content=body, headers=CSV).json()["rows"] == 600
            answers = []
            halves = [body[:9000].encode(), body[9000:].encode()]
            is_sent = threading.Event()

            def in_parts():
                yield halves[0]
                is_sent.set()
                time.sleep(0.5)
                yield halves[1]

            ask = threading.Thread(
                target=lambda: answers.append(client.post("/models/pump/score", content=in_parts(), headers=CSV))
            )
            ask.start()
            is_sent.wait(20)
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            ask.join(20)
        assert answers[0].status_code == 200 and answers[0].json()["recordings"][0]["rows"] == 600
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
        assert (tmp_path / "state" / "pump" / "m" / STATE_FILE).exists()
        port = int(address.rpartition(":")[2])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, "something still listens"
    finally:
        process.kill()
        process.wait()


def test_a_connection_that_does_not_ask_is_closed(detector, monkeypatch):
    from seqae.service.http import server
    from seqae.service.http.service import DetectorService
    from seqae.service.http.settings import ServerSettings

    monkeypatch.setattr(server, "_HEAD_SECONDS", 0.2)
    import uvicorn

    before = threading.enumerate()
    running = uvicorn.Server(server._config(DetectorService({"pump": detector}, ServerSettings())))
    with server.listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=running.run, args=([listener],))
        thread.start()
        try:
            address = listener.getsockname()
            for begun in (b"", b"GET /healthz HTTP/1.1\r\nHost: lo"):
                with socket.create_connection(address, timeout=10) as silent:
                    silent.sendall(begun)
                    start = time.monotonic()
                    assert silent.recv(100) == b"" and time.monotonic() - start < 5
            with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}") as client:
                assert client.get("/healthz").status_code == 200
                time.sleep(0.3)
                assert client.get("/healthz").status_code == 200
        finally:
            running.should_exit = True
            thread.join(20)
    assert not thread.is_alive()
    assert not [each for each in threading.enumerate() if each not in before], "threads are left"
