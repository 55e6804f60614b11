"""Runs recipes with `--quick`, and fails where one learns less than its floors ask for, or draws something flat.

A model that warns of having learnt hardly anything fails, too.

    python tests/quick.py                       # all recipes that have floors, two at once
    python tests/quick.py image_vanilla --seed 1

The floors are in `quick_floors.json`: for a metric "> 0.9", "< 0.5", or "< 0.8 PCA-2: cross-entropy", which is eight
tenths of another metric of the same run. A metric with several floors has them in a list.
"""

import argparse
import inspect
import json
import os
import resource
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from seqae import report
from seqae.cli.recipes import load_script, scripts
from seqae.training import TrainingWarning

FLOORS = Path(__file__).with_name("quick_floors.json")
ORIGINALS = {"original", "clean", "truth", "video", "word", "training images"}  # rows that others are to look like
Rows = Mapping[str, np.ndarray | Sequence[np.ndarray]]


def failures(metrics: Mapping[str, float], floors: Mapping[str, str | list[str]]) -> list[str]:
    """Return a line for each floor that a metric does not pass; a metric that is not there passes none."""
    found = []
    for name, rules in floors.items():
        for rule in [rules] if isinstance(rules, str) else rules:
            sign, factor, other = [*rule.split(" ", 2), ""][:3]
            limit = float(factor) * (metrics.get(other, np.nan) if other else 1)
            value = metrics.get(name, np.nan)
            if not (value > limit if sign == ">" else value < limit):
                found.append(f"{name} is {value:.4g}, expected {rule}" + (f", {limit:.4g}" if other else ""))
    return found


def variation(row: np.ndarray | Sequence[np.ndarray]) -> float:
    """Return the variance between images, `(image, ...)`, or between the steps of recordings, `(time, ...)` each."""
    arrays = [row] if isinstance(row, np.ndarray) else row
    return float(np.mean([np.var(array, axis=0).mean() for array in arrays]))


def flat_rows(rows: Rows) -> list[str]:
    """Return a line for each row that varies less than a tenth as much as the first, if that shows originals."""
    first, *others = rows
    if first not in ORIGINALS:
        return []
    whole = variation(rows[first])
    shares = {name: variation(rows[name]) / whole for name in others if not name.startswith("error")}
    return [f"{name} is flat: {share:.1%} of the variance of {first}" for name, share in shares.items() if share < 0.1]


def watch_pictures() -> list[str]:
    """Let the functions that draw rows of pictures note which are flat; return the list that they write to."""
    found: list[str] = []

    def watched(draw):
        def drawn(rows, *arguments, **options):
            found.extend(flat_rows(rows))
            return draw(rows, *arguments, **options)

        return drawn

    def watched_pairs(draw):
        def drawn(rows, reconstructions, *arguments, **options):
            for name in rows:
                found.extend(flat_rows({"original": rows[name], name: reconstructions[name]}))
            return draw(rows, reconstructions, *arguments, **options)

        return drawn

    for name in ("image_rows_figure", "filmstrip_figure", "spectrograms_figure"):
        setattr(report, name, watched(getattr(report, name)))
    report.sequences_figure = watched_pairs(report.sequences_figure)
    return found


def run_here(name: str, seed: int | None, out: Path) -> int:
    """Run a recipe in this process, and print what it misses; return their number."""
    flat = watch_pictures()
    script = load_script(scripts()[name])
    settings = {**script.QUICK, "out": out}
    parameters = inspect.signature(script.main).parameters
    if seed is not None and "seed" in parameters:
        settings["seed"] = seed
    elif seed is not None and isinstance(settings.get("seeds"), tuple):
        settings["seeds"] = (seed,)
    floors = json.loads(FLOORS.read_text(encoding="utf-8")).get(name, {})
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", TrainingWarning)
        metrics = script.main(**settings)
    warned = [str(each.message) for each in told if issubclass(each.category, TrainingWarning)]
    warned = [line for line in warned if "of the code are dead" not in line]  # a sparse code is meant to have such
    missed = failures(metrics, floors) + flat + warned
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(*(f"MISSED {line}" for line in missed), sep="\n")
    print(f"{used.ru_utime + used.ru_stime:.0f} s of the processor")
    return len(missed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="recipes; all that have floors if none is named")
    parser.add_argument("--seed", type=int, help="another seed than the recipe's own")
    parser.add_argument("--jobs", type=int, default=2, help="recipes at once")
    parser.add_argument("--out", type=Path, help="folder for their results, kept; by default they are removed")
    parser.add_argument("--here", action="store_true", help="run the one recipe in this process")
    options = parser.parse_args()
    if options.here:
        return run_here(options.names[0], options.seed, options.out) > 0

    def run(name: str, out: Path) -> bool:
        seed = [] if options.seed is None else ["--seed", str(options.seed)]
        command = [sys.executable, __file__, name, "--here", "--out", str(out), *seed]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "SEQAE_DATA": ""}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        last = done.stdout.splitlines()
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n")
        print(f"{name}: {'MISSED' if done.returncode else 'learns'}, {last[-1] if last else ''}", flush=True)
        return done.returncode == 0

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        names = options.names or list(json.loads(FLOORS.read_text(encoding="utf-8")))
        passed = list(pool.map(lambda name: run(name, options.out or Path(folder)), names))
    return not all(passed)


if __name__ == "__main__":
    sys.exit(main())
