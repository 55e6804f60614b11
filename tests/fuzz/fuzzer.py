"""Attempts one after the other, each with a seed of its own, in a process that may end as it likes."""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

Attempt = Callable[[Path, random.Random], str]  # returns why the input was refused, "" if it was read
SLOW = 10.0  # seconds for one input
MEMORY = 2**34  # bytes that the process may take
FORBIDDEN = {
    "os.system",
    "subprocess.Popen",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "socket.connect",
    "pickle.find_class",
}
HAPPENED: list[str] = []  # of what must never happen, since the last look


def note_what_must_not_happen(
    event: str,
    arguments: tuple[object, ...],
    forbidden: frozenset[str] = frozenset(FORBIDDEN),
    noted: list[str] = HAPPENED,
) -> None:
    """Note a forbidden event; as the interpreter ends, the names of this module are gone and its defaults are not."""
    if event in forbidden:
        noted.append(f"{event} {arguments}")


sys.addaudithook(note_what_must_not_happen)


def findings(attempt: Attempt, folder: Path, seeds: Iterable[int], counts: Counter[str] | None = None) -> Iterator[str]:
    """Yield what went wrong, with the seed of the input that did it.

    Args:
        attempt: Tries an input.
        folder: Where it writes its files.
        seeds: Of the inputs.
        counts: How many inputs were read and how many refused, to be added to.
    """
    for seed in seeds:
        HAPPENED.clear()
        start = time.process_time()
        try:
            is_refused = bool(attempt(folder, random.Random(seed)))
            if counts is not None:
                counts["refused" if is_refused else "read"] += 1
        except Exception:
            yield f"seed {seed}: {traceback.format_exc(limit=-4)}"
        if HAPPENED:
            yield f"seed {seed}: {HAPPENED[0]}"
        if time.process_time() - start > SLOW:
            yield f"seed {seed}: took {time.process_time() - start:.0f} s"


def main(doors: Mapping[str, Sequence[Attempt]], program: str, about: str | None) -> None:
    """Try inputs at each door until its time is over, and tell what went wrong.

    Args:
        doors: The attempts at each door.
        program: The file that calls this, which is run again for each door.
        about: What the program does.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what is found may hold anything
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--minutes", type=float, default=1, help="for each door")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=doors, default=list(doors))
    parser.add_argument("--progress", type=Path, help=argparse.SUPPRESS)  # where the process for a door notes it
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.progress:
        sys.exit(_work(doors[options.only[0]], options))
    found = sum(_watch(door, program, options) for door in options.only)
    print(f"{found} findings")
    sys.exit(found > 0)


def _watch(door: str, program: str, options: argparse.Namespace) -> int:
    """Let a process try inputs, and another one after it if that is killed; return how often something went wrong."""
    found, first, end = 0, options.first, time.monotonic() + 60 * options.minutes
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "progress"
        while (left := (end - time.monotonic()) / 60) > 0:
            progress.write_text(json.dumps(["", first - 1]))
            words = ["--only", door, "--minutes", str(left), "--seed", str(options.seed), "--first", str(first)]
            status = subprocess.run([sys.executable, program, *words, "--progress", progress]).returncode
            if status in (0, 1):
                return found + status
            attempt, number = json.loads(progress.read_text())
            seed = options.seed * 10**9 + number
            print(f"{door} {attempt} seed {seed}: the process ended with {status}", flush=True)
            found, first = found + 1, number + 1
    return found


def _work(attempts: Sequence[Attempt], options: argparse.Namespace) -> int:
    """Try inputs until the time is over; return 1 if something went wrong."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    counts: dict[str, Counter[str]] = {attempt.__name__: Counter() for attempt in attempts}
    end, found, number = time.monotonic() + 60 * options.minutes, 0, options.first
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for attempt in attempts:
                options.progress.write_text(json.dumps([attempt.__name__, number]))
                for finding in findings(
                    attempt, Path(folder), [options.seed * 10**9 + number], counts[attempt.__name__]
                ):
                    found += 1
                    print(f"{attempt.__name__} {finding}", flush=True)
            number += 1
    for name, each in counts.items():
        print(f"{name}: {each['read']:,} read, {each['refused']:,} refused")
    print(f"{options.only[0]}: {options.minutes:.1f} minutes, {found} findings", flush=True)
    return int(found > 0)
