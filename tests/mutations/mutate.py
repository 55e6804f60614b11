"""Put one fault after the other into a copy of the project, and see whether its tests notice.

    python tests/mutations/mutate.py                  # all of them: an hour of one core
    python tests/mutations/mutate.py --only sampler   # those whose file or code holds a word

Ends with status 1 if a fault survives, and with 2 if the tests fail without any fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # in place of this folder: its modules are imported by their full names

from mutations.mutation import Mutation  # noqa: E402
from mutations.mutations import MUTATIONS  # noqa: E402

ROOT = Path(__file__).parents[2]


def noticed_by(mutation: Mutation, copy: Path, timeout: float) -> str:
    """Return the test that fails first with this fault in a copy, which is mended again; "" if none does.

    Raises:
        RuntimeError: The tests could not run.
    """
    path = copy / "seqae" / mutation.file
    right = path.read_text(encoding="utf-8")
    path.write_text(right.replace(mutation.before, mutation.after), encoding="utf-8")
    try:
        done = run_tests(tests_of(mutation), copy, timeout)
    except subprocess.TimeoutExpired:
        return "the time limit: it hangs"
    finally:
        path.write_text(right, encoding="utf-8")
    if done.returncode not in (0, 1, 2):  # 2: a module cannot be imported any more
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    return "" if done.returncode == 0 else "".join(failed[:1]).partition(" - ")[0] or "pytest"


def run_tests(tests: list[str], copy: Path, timeout: float | None) -> subprocess.CompletedProcess[str]:
    """Run tests of the copy, up to the first that fails."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=timeout)


def tests_of(mutation: Mutation) -> list[str]:
    """Return the paths of the tests that should notice it."""
    return [f"tests/{each}" for each in mutation.tests.split()]


def main() -> int:
    """Run the chosen faults, and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", help="a word in the file or the code")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for the tests of one fault")
    arguments = parser.parse_args()
    chosen = [each for each in MUTATIONS if arguments.only in f"{each.file} {each.before}"]
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "seqae"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", "runs"))
        unspoilt = run_tests(sorted({test for each in chosen for test in tests_of(each)}), copy, timeout=None)
        if unspoilt.returncode:  # else each fault would count as noticed
            print(f"the tests must pass before a fault is put in:\n{unspoilt.stdout[-2000:]}{unspoilt.stderr[-500:]}")
            return 2
        for number, mutation in enumerate(chosen, start=1):
            started = time.monotonic()
            test = noticed_by(mutation, copy, arguments.timeout)
            survivors += [] if test else [mutation]
            line = mutation.before.partition("\n")[0].strip()
            word = "noticed " if test else "SURVIVES"
            took = time.monotonic() - started
            print(f"{number:3} of {len(chosen)}  {word} {took:5.0f} s  {mutation.file}: {line}  {test}", flush=True)
    print(f"{len(survivors)} of {len(chosen)} faults survive")
    return bool(survivors)


if __name__ == "__main__":
    sys.exit(main())
