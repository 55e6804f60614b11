"""Times contestants in turns, each in a process of its own that waits while another one runs."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

CONTESTANTS = Path(__file__).with_name("contestants.py")


class Contestant:
    """A process that does a piece of work each time it is told to.

    Args:
        name: Of a function in the file.
        quick: Whether the pieces are small.
        file: Where it is.
    """

    def __init__(self, name: str, quick: bool, file: Path):
        command = [sys.executable, file, name, *(["quick"] if quick else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds_per_unit(self) -> float:
        """Let it do one piece of work."""
        print(file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"contestant {self.process.args[2]} has ended; its message is above")
        return float(line)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def race(names: list[str], rounds: int, quick: bool, file: Path = CONTESTANTS) -> dict[str, float]:
    """Return the median seconds per unit of each contestant.

    Turns make a ratio fair on a busy machine: what disturbs one contestant soon disturbs the others.
    """
    contestants = {name: Contestant(name, quick, file) for name in names}
    try:
        for contestant in contestants.values():
            contestant.seconds_per_unit()  # warms up
        times = {name: [] for name in names}
        for _ in range(rounds):
            for name, contestant in contestants.items():
                times[name].append(contestant.seconds_per_unit())
    finally:
        for contestant in contestants.values():
            contestant.stop()
    return {name: statistics.median(found) for name, found in times.items()}
