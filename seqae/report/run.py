"""The folder that a recipe writes: settings, environment, metrics, pictures."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from seqae._files import write_atomically
from seqae.report.environment import describe_environment


class Run:
    """A run of a recipe: the folder `OUT/NAME/TIME/`, and a link `latest` to the last one that was finished.

    The first statement of a recipe's `main` is `run = seqae.Run(main, locals())`. NAME is the name of its file, OUT its
    parameter `out`, and all its parameters are written to `config.json`: `seqae run NAME --config config.json` repeats
    the run.

    Args:
        main: The function of the recipe.
        variables: The local variables of `main`, which hold its parameters.

    Raises:
        ValueError: `main` has no parameter `out`, or a parameter is not among the variables.
    """

    def __init__(self, main: Callable[..., object], variables: Mapping[str, object]):
        names = list(inspect.signature(main).parameters)
        if missing := [name for name in ["out", *names] if name not in names or name not in variables]:
            raise ValueError(
                f"no {missing[0]!r} among the parameters of {main.__name__} (it has {', '.join(names) or 'none'}). "
                "Give it a parameter `out`, and let its first statement be: run = seqae.Run(main, locals())"
            )
        self.name = Path(inspect.getfile(main)).stem
        self.settings = {name: variables[name] for name in names}
        parent = Path(str(variables["out"])) / self.name
        self.folder = _new_folder(parent)
        self._write_json("config.json", self.settings)
        self._write_json("environment.json", describe_environment())

    def path(self, file: str) -> Path:
        """Return the path of a file in this run's folder."""
        return self.folder / file

    def write_text(self, file: str, text: str) -> Path:
        """Write a text in UTF-8 to a file in this run's folder, whole or not at all; return its path."""
        return write_atomically(self.path(file), text.encode())

    def finish(self, results: Sequence[Mapping[str, object]], metrics: Mapping[str, float]) -> None:
        """Write the metrics to `metrics.json`, let `latest` lead to this run, and print the table and all files.

        Args:
            results: The rows of the table; a column that a row lacks stays empty.
            metrics: The values by name.
        """
        self._write_json("metrics.json", {"metrics": metrics, "results": list(results)})
        _point_to_latest(self.folder)
        print(table(results))
        print(f"wrote  {self.folder}: {'  '.join(sorted(path.name for path in self.folder.iterdir()))}")

    def _write_json(self, file: str, content: Mapping[str, object]) -> None:
        self.write_text(file, json.dumps(content, indent=1, default=_to_json) + "\n")


def table(results: Sequence[Mapping[str, object]]) -> str:
    """Return rows in columns, for a terminal; numbers with four digits, nothing where a row has no such value."""
    names = list(dict.fromkeys(name for row in results for name in row))
    rows = [names, *([_shown(row.get(name)) for name in names] for row in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _to_json(value: object) -> object:
    """Return a number of numpy or torch as one of Python, and any other type that JSON lacks as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _new_folder(parent: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    for count in range(1000):  # two runs may start in one second
        folder = parent / (stamp if count == 0 else f"{stamp}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"a thousand runs in {parent} began at {stamp}. Give another folder")


def _point_to_latest(folder: Path) -> None:
    link = folder.with_name(f".latest-{os.getpid()}")
    try:
        link.unlink(missing_ok=True)  # of a run that was killed
        link.symlink_to(folder.name)
        link.replace(folder.with_name("latest"))
    except OSError:  # a file system without links: the folders are there all the same
        link.unlink(missing_ok=True)
