"""How long a server takes for each row of a plant: machines that send a row each second, over HTTP or WebSockets.

    python tests/benchmarks/load_http.py [--machines 50] [--channels 20] [--seconds 60] [--sockets] [--together]

The server is a process of its own. Machines send at moments spread over the second, each over a connection that stays
open; with --together all send at once. Latencies are from sending a row to its whole answer, by the clock; beside them
stand the load of the machine, and the time of the processor that the server took.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import numpy as np
import websockets

import seqae

TRAINING = 4000  # rows
FIRST = 200  # rows that are sent at once before the measurement
Send = Callable[[dict[str, object]], Awaitable[None]]


def signals(rows: int, channels: int, seed: int) -> np.ndarray:
    """Waves and noise, `(row, channel)`."""
    phase = np.arange(rows)[:, None] / (10 + 3 * np.arange(channels))
    return np.sin(phase) + 0.1 * np.random.default_rng(seed).standard_normal((rows, channels))


def started(folder: Path, channels: int) -> tuple[subprocess.Popen, str]:
    """Train a detector, serve it at a free port, and return the process and its address."""
    import pandas as pd

    names = [f"channel_{number}" for number in range(channels)]
    times = pd.date_range("2026-01-01", periods=TRAINING, freq="s")
    normal = pd.DataFrame(signals(TRAINING, channels, seed=0), columns=names).assign(time=times)
    seqae.save(seqae.AnomalyDetector().fit(normal), folder)
    command = [sys.executable, "-m", "seqae.cli", "serve", f"plant={folder}", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    return process, process.stderr.readline().split()[-1].rstrip("/")


def rows_of(machine: int, channels: int, seconds: int) -> list[dict[str, object]]:
    """Return the rows of a machine as objects."""
    values = signals(FIRST + seconds, channels, seed=machine + 1)
    start = np.datetime64("2026-02-01T00:00:00", "s")
    return [
        {"time": str(start + number)} | {f"channel_{column}": value for column, value in enumerate(row.tolist())}
        for number, row in enumerate(values)
    ]


async def measured(send: Send, rows: list[dict[str, object]], first: float, found: list[float]) -> None:
    """Send a row each second from a moment on, and note how long each answer took."""
    for number, row in enumerate(rows):
        await asyncio.sleep(max(0.0, first + number - time.perf_counter()))
        start = time.perf_counter()
        await send(row)
        found.append(time.perf_counter() - start)


async def over_http(address: str, name: str, rows: list, first: float, found: list[float]) -> None:
    """Send the rows of a machine as requests."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:

        async def send(row: object) -> None:
            answer = await client.post(f"/models/plant/machines/{name}/rows", json=row)
            assert answer.status_code == 200, answer.text

        await send(rows[:FIRST])
        await measured(send, rows[FIRST:], first, found)


async def over_socket(address: str, name: str, rows: list, first: float, found: list[float]) -> None:
    """Send the rows of a machine as messages of a WebSocket."""
    path = f"{address.replace('http', 'ws')}/models/plant/machines/{name}/stream"
    async with websockets.connect(path) as socket:
        await socket.recv()

        async def send(row: object) -> None:
            await socket.send(json.dumps(row))
            while "taken" not in json.loads(await socket.recv()):
                pass

        await send(rows[:FIRST])
        await measured(send, rows[FIRST:], first, found)


def processor_seconds(process: subprocess.Popen) -> float:
    """Return the time of the processor that a process has taken."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(address: str, options: argparse.Namespace) -> list[float]:
    """Return the latencies of all rows of all machines, in seconds."""
    found: list[float] = []
    ask = over_socket if options.sockets else over_http
    first = time.perf_counter() + 5 + options.machines / 5
    sent = []
    for machine in range(options.machines):
        phase = 0.0 if options.together else machine / options.machines
        rows = rows_of(machine, options.channels, options.seconds)
        sent.append(ask(address, f"machine-{machine}", rows, first + phase, found))
    await asyncio.gather(*sent)
    return found


def main() -> None:
    """Start a server, ask it, and print the latencies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=50)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--sockets", action="store_true", help="a WebSocket for each machine")
    parser.add_argument("--together", action="store_true", help="all machines send at the same moment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, address = started(Path(folder) / "model", options.channels)
        try:
            before, clock = processor_seconds(process), time.perf_counter()
            latencies = 1e3 * np.array(asyncio.run(load(address, options)))
            used, lasted = processor_seconds(process) - before, time.perf_counter() - clock
        finally:
            process.terminate()
            code = process.wait(60)
    p50, p99 = np.percentile(latencies, [50, 99])
    way = "WebSockets" if options.sockets else "HTTP"
    print(f"{options.machines} machines, {options.channels} channels, {len(latencies)} rows over {way}")
    print(f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, slowest {latencies.max():.1f} ms")
    print(
        f"the server took {used / lasted:.0%} of a core; load of this machine {os.getloadavg()[0]:.1f}; ended: {code}"
    )


if __name__ == "__main__":
    main()
