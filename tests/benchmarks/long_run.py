"""Whether hours of work with faults in between let anything grow: memory, open files, threads, files on the disk.

    python tests/benchmarks/long_run.py --minutes 60

One process fits, saves, loads and scores; `seqae stream` takes rows from a pipe; another one is killed and goes on from
its state, again and again; `seqae serve` is asked over HTTP and WebSocket. Faults are injected into each, and what must
still be right is checked. Prints a table, and ends with 1 if something grows or goes wrong. Linux alone.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import httpx
import numpy as np
import pandas as pd
from growth import Sampler
from websockets.sync.client import connect

import seqae

START = pd.Timestamp("2024-01-01")
CSV = {"content-type": "text/csv"}
ROOT = Path(seqae.__file__).parents[1]
INTERRUPTED = (5000, 1600)  # the rows of a fit that is interrupted: where they start, and how many
SAVED_EVERY = 10  # seconds from one saving of a state to the next
BAD_LINES = ("", "nonsense", "2024-13-45,1,2", "2024-01-01T00:00:00,1_0,2", "1,2,3,4,5", "\x00\x01,\ufffd", '"')
BAD_BODIES = (b"", b"{", b"[1]", b"\xff\xfe\x00", b'{"rows": 3}', b'{"flow": 1, "flow": 2}', b"[" * 50_000, b"[NaN]")


def readings(start: int, rows: int) -> pd.DataFrame:
    """Return rows of a machine that never stops, a row each second from the row `start` on."""
    row = np.arange(start, start + rows)
    noise = np.random.default_rng(start).normal(scale=0.05, size=(2, rows))
    times = START + pd.to_timedelta(row, unit="s")
    flow, pressure = np.sin(row / 8) + noise[0], 20 + np.cos(row / 8) + noise[1]
    return pd.DataFrame({"time": times, "flow": flow, "pressure": pressure})


def lines(start: int, rows: int) -> list[str]:
    """Return the same rows as lines of CSV, without the header."""
    return readings(start, rows).to_csv(index=False, header=False).splitlines(keepends=True)


class Program:
    """A command of seqae in a process of its own; what it prints is taken from its pipes at once.

    Args:
        words: The words after `seqae`.
        take: What a line of standard output is given to.
    """

    def __init__(self, *words: str, take: Callable[[str], None] = lambda line: None):
        self.notes: deque[str] = deque(maxlen=20)  # the last lines of standard error
        self.is_heard = threading.Event()  # that a line of it has come
        command, pipe = [sys.executable, "-m", "seqae.cli", *words], subprocess.PIPE
        paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | {"PYTHONPATH": paths}
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
        self._readers = [
            threading.Thread(target=self._drain, args=(self.process.stdout, take)),
            threading.Thread(target=self._drain, args=(self.process.stderr, self._note)),
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()

    def write(self, text: str) -> None:
        """Write to its standard input."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end(self, number: int = 0) -> None:
        """Close its input, or send it a signal, and check that it ends as it should."""
        if number:
            self.process.send_signal(number)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        status = self.process.wait(120)
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()
        expected = -signal.SIGKILL if number == signal.SIGKILL else 0
        if status != expected:
            raise AssertionError(f"ended with {status}:\n{''.join(self.notes)}")

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Let it write no byte to a file meanwhile; every attempt is an OSError."""
        hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def _note(self, line: str) -> None:
        self.notes.append(line)
        self.is_heard.set()

    def _drain(self, pipe: Iterator[str], take: Callable[[str], None]) -> None:
        for line in pipe:
            take(line)


class LongRun:
    """The loops, each in a thread that ends when the time is over, or one of them has failed.

    Args:
        folder: An empty folder.
        seconds: How long it takes.
    """

    def __init__(self, folder: Path, seconds: float):
        self.folder = folder
        self.end = time.monotonic() + seconds
        self.sampler = Sampler(self.end)
        self.counts: Counter[str] = Counter()  # each name is counted by one thread
        self.failures: list[str] = []
        self.model = seqae.save(seqae.AnomalyDetector(window=16, epochs=1).fit(readings(0, 2000)), folder / "model")

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.end and not self.failures

    def __call__(self) -> None:
        """Run all loops."""
        threads = [threading.Thread(target=self._guarded, args=(loop,)) for loop in (train, watch, resume, serve)]
        with self.sampler:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _guarded(self, loop: Callable[[LongRun], None]) -> None:
        try:
            loop(self)
        except Exception:
            self.failures.append(f"{loop.__name__}: {traceback.format_exc()}")


def train(run: LongRun) -> None:
    """Let a process of its own fit and score, and count what it says to have done."""
    command = [sys.executable, __file__, "--train", str(run.folder / "train")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    pipe, told = subprocess.PIPE, run.folder / "train.txt"
    with (
        told.open("w") as errors,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, env=environment) as process,
    ):
        while run.goes_on and (line := process.stdout.readline()):
            run.counts.update(line.rstrip().split(","))
            run.sampler.watch("fit and score", process.pid, run.folder / "train")
            process.stdin.write("\n")
            process.stdin.flush()
        process.communicate()
    if process.returncode:
        raise AssertionError(told.read_text()[-2000:])


def train_here(folder: Path) -> None:
    """Fit, save, load and score, with faults in between; after each cycle, wait for a line on standard input."""
    folder.mkdir()
    held, detector = readings(9000, 600), seqae.AnomalyDetector(window=16, epochs=1, resolutions=(1,))
    whole = detector.fit(readings(*INTERRUPTED)).score_samples(held)
    cycle = 0
    while True:
        cycle += 1
        detector.fit(readings(cycle, 800))
        scores = detector.score_samples(held)
        path = seqae.save(detector, folder / "model")
        if not np.array_equal(seqae.load(path).score_samples(held), scores):
            raise AssertionError("other scores after saving")
        done = ["cycles of fit and score", *_interrupted(detector, held, scores, whole), *_refused(detector, path)]
        print(*done, sep=",", flush=True)
        if not sys.stdin.readline():
            return


def _interrupted(
    detector: seqae.AnomalyDetector, held: pd.DataFrame, scores: np.ndarray, whole: np.ndarray
) -> list[str]:
    """Interrupt a fit somewhere: the detector is as before, or, in its last moment, as after a whole fit."""
    signal.setitimer(signal.ITIMER_REAL, random.uniform(0.01, 0.5))
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        detector.fit(readings(*INTERRUPTED))
        signal.signal(signal.SIGALRM, signal.SIG_IGN)  # also an alarm that another thread is about to be given
        return []
    except KeyboardInterrupt:
        found = detector.score_samples(held)
        if not (np.array_equal(found, scores) or np.array_equal(found, whole)):
            raise AssertionError("an interrupted fit has changed the detector") from None
        return ["interrupted fits"]


def _refused(detector: seqae.AnomalyDetector, path: Path) -> list[str]:
    """Give rows that cannot be fitted, and load damaged models."""
    infinite = readings(0, 800)
    infinite.loc[400, "flow"] = np.inf
    file = next(path.parent.rglob("*.safetensors")) if path.is_file() else next(path.rglob("*.safetensors"))
    whole = file.read_bytes()
    cut, changed = whole[: random.randrange(len(whole))], bytearray(whole)
    changed[random.randrange(len(whole))] ^= 1 << random.randrange(8)
    calls: dict[str, Callable[[], object]] = {"refused fits": lambda: detector.fit(infinite)}
    calls |= dict.fromkeys(("cut models", "changed models"), lambda: seqae.load(path))
    for name, damaged in {"refused fits": whole, "cut models": cut, "changed models": changed}.items():
        file.write_bytes(damaged)
        try:
            calls[name]()
        except (ValueError, OSError):
            continue
        raise AssertionError(f"{name}: not refused")
    return list(calls)


def watch(run: LongRun) -> None:
    """Feed a stream that is never stopped, with bad lines, late rows and a full disk now and then."""
    results: Counter[str] = Counter()

    def take(line: str) -> None:
        results.update(json.loads(line).keys() & {"row", "rejected", "counters"})

    words = ("--state", str(run.folder / "watch"), "--rejected", str(run.folder / "watch" / "rejected.jsonl"))
    with Program("stream", str(run.model), "--scores", "provisional", "--json", *words, take=take) as stream:
        stream.write("time,flow,pressure\n")
        sent = 0
        while run.goes_on:
            is_full = run.counts["cycles of stream"] % 5 == 0
            with stream.full_disk() if is_full else contextlib.nullcontext():
                for _ in range(12):
                    stream.write("".join(lines(sent, 100)))
                    sent += 100
                    _wait(run, 1.2 * SAVED_EVERY / 12)
            stream.write("".join(f"{line}\n" for line in BAD_LINES) + "".join(lines(sent - 90, 5) + lines(sent - 1, 1)))
            run.counts.update({"bad lines": len(BAD_LINES), "late or repeated rows": 6})
            run.counts.update({"cycles of stream": 1, "full disks of stream": is_full})
            run.sampler.watch("stream", stream.process.pid, run.folder / "watch")
        stream.end()
    if results["row"] != sent or not results["rejected"]:
        raise AssertionError(f"{sent} rows were sent, and {results} came:\n{''.join(stream.notes)}")


def resume(run: LongRun) -> None:
    """Kill a stream somewhere, go on from its state, and check that each row is judged, and always alike."""
    start, state = 0, run.folder / "resume"
    while run.goes_on:
        found: dict[str, float] = {}

        def take(line: str, found: dict[str, float] = found) -> None:
            record = json.loads(line) if line.endswith("\n") else {}  # a kill may cut the last line
            if "row" in record and found.setdefault(record["time"], score := record["provisional score"]) != score:
                run.failures.append(f"another score after a kill at {record['time']}")

        block = ["time,flow,pressure\n", *lines(start, 3000)]
        for number in (signal.SIGKILL, 0):
            words = ("--state", str(state), "--scores", "provisional")
            with Program("stream", str(run.model), *words, take=take) as stream:
                for first in range(0, random.randrange(len(block)) if number else len(block), 100):
                    stream.write("".join(block[first : first + 100]))
                    _wait(run, 0.5 if number else 0)
                stream.end(number)
        missing = {line.partition(",")[0] for line in block[1:]} - {time.replace("T", " ") for time in found}
        if missing:
            raise AssertionError(f"{len(missing)} rows were never judged, such as {min(missing)}")
        start += 3000
        run.counts.update({"kills of a stream": 1})
        run.sampler.watch("killed stream", None, state)


def serve(run: LongRun) -> None:
    """Ask a server for all that it offers, in good and bad ways."""
    words = ("--port", "0", "--state", str(run.folder / "serve"), "--rate", "0")
    with Program("serve", f"pump={run.model}", *words) as server:
        server.is_heard.wait(300)
        address = server.notes[0].split()[-1]
        # A connection is given up before the server closes it: then no request meets its end.
        limits = httpx.Limits(keepalive_expiry=1)
        with httpx.Client(base_url=address, timeout=300, limits=limits) as client:
            for cycle in itertools.takewhile(lambda _: run.goes_on, itertools.count()):
                is_full = cycle % 10 == 0
                with server.full_disk() if is_full else contextlib.nullcontext():
                    _ask(client, cycle, is_full)
                    _wait(run, 1.2 * SAVED_EVERY if is_full else 0.2)
                run.counts["malformed bodies"] += _ask_badly(client)
                run.counts["connections broken by the client"] += _break_off(address, cycle)
                run.counts.update({"cycles of serve": 1, "full disks of serve": is_full})
                run.sampler.watch("serve", server.process.pid, run.folder / "serve")
        server.end(signal.SIGTERM)


def _ask(client: httpx.Client, cycle: int, is_full: bool) -> None:
    """Score a file and rows, end a machine, and look at the pages; on a full disk, there is no room for the file."""
    frame = readings(100 * cycle, 100)
    text = frame.to_csv(index=False)
    asked = []
    score = client.post("/models/pump/score", content=readings(0, 600).to_csv(index=False), headers=CSV)
    if score.status_code != (507 if is_full else 200):
        raise AssertionError(f"{score.status_code} {score.text[:500]}")
    for machine in ("m1", "m2", "visitor"):
        asked.append(client.post(f"/models/pump/machines/{machine}/rows", content=text, headers=CSV))
        if asked[-1].json()["rows"] != 100:
            raise AssertionError(asked[-1].text)
    asked.append(client.delete("/models/pump/machines/visitor"))
    for page in ("/", "/docs", "/metrics", "/models", "/models/pump/machines", "/models/pump/machines/m1/live"):
        asked.append(client.get(page))
    for answer in asked:
        if answer.status_code != 200:
            raise AssertionError(f"{answer.request.url}: {answer.status_code} {answer.text[:500]}")


def _ask_badly(client: httpx.Client) -> int:
    """Send bodies that cannot be used, and check that each is refused as the client's fault, or nothing comes of it."""
    for body in BAD_BODIES:
        for path in ("machines/m1/rows", "score"):
            for kind in ("application/json", "text/csv", "image/png"):
                answer = client.post(f"/models/pump/{path}", content=body, headers={"content-type": kind})
                is_nothing = answer.status_code == 200 and not answer.json().get("rows", 1)
                if not (400 <= answer.status_code < 500 or is_nothing):
                    raise AssertionError(f"{path}, {kind}, {body[:20]!r}: {answer.status_code} {answer.text[:500]}")
    return len(BAD_BODIES) * 6


def _break_off(address: str, cycle: int) -> int:
    """Begin requests, and go away before they have ended."""
    host = address.removeprefix("http://").rstrip("/")
    name, _, port = host.partition(":")
    head = f"POST /models/pump/score HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/csv\r\n".encode()
    for begun in (b"", b"\x16\x03\x01", head, head + b"Content-Length: 9999\r\n\r\ntime,flow\n"):
        with socket.create_connection((name, int(port)), timeout=10) as connection:
            connection.sendall(begun)
    with connect(f"ws://{host}/models/pump/machines/m3/stream") as channel:
        channel.send(readings(100 * cycle, 100).to_csv(index=False))
        channel.recv()
        channel.socket.shutdown(socket.SHUT_RDWR)
    return 5


def _wait(run: LongRun, seconds: float) -> None:
    time.sleep(max(0.0, min(seconds, run.end - time.monotonic())))


def print_table(sampler: Sampler) -> bool:
    """Print how everything changed, and return whether something grows."""
    rows = sampler.table()
    print("| process | measure | first quarter | last quarter | change in an hour | grows |\n|---|---|---|---|---|---|")
    for name, measure, change in rows:
        slope = f"{change.slope:+.1f} ± {change.margin:.1f}"
        grows = "**yes**" if change.grows else "no"
        print(f"| {name} | {measure} | {change.first:.1f} | {change.last:.1f} | {slope} | {grows} |")
    return any(change.grows for _, _, change in rows)


def main(minutes: float) -> int:
    """Run, print what was found, and return the exit status."""
    folder = Path(tempfile.mkdtemp())
    try:
        run = LongRun(folder, 60 * minutes)
        run()
    finally:
        shutil.rmtree(folder)
    grows = print_table(run.sampler)
    print("\n" + "; ".join(f"{count:,} {name}" for name, count in sorted(run.counts.items()) if count))
    print(*run.failures, sep="\n", file=sys.stderr)
    return int(grows or bool(run.failures))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    sys.exit(train_here(given.train) if given.train else main(given.minutes))
