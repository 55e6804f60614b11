"""The folder that a recipe leaves: settings, environment, numbers, pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from seqae._files import write_atomically
from seqae.report.environment import describe_environment


class Run:
    """A run of a recipe: `OUT/NAME/TIME/`, and a link `latest` beside it.

    Args:
        name: Of the recipe.
        out: The folder of all runs.
        settings: What was chosen, for `config.json`.
    """

    def __init__(self, name: str, out: str | Path, settings: Mapping[str, object]):
        self.name = name
        self.settings = dict(settings)
        parent = Path(out) / name
        self.folder = _new_folder(parent)
        self._write("config.json", {key: _plain(value) for key, value in settings.items()})
        self._write("environment.json", describe_environment())
        _point_to_latest(parent, self.folder)

    def path(self, file: str) -> Path:
        """Return where a file of this run goes."""
        return self.folder / file

    def finish(self, results: Sequence[Mapping[str, object]], metrics: Mapping[str, float]) -> None:
        """Write the numbers, show the table and say what there is now.

        Args:
            results: The lines of the table; a column that a line lacks stays empty.
            metrics: The numbers by name, for `metrics.json`.
        """
        self._write("metrics.json", {"metrics": metrics, "results": list(results)})
        print(table(results))
        print(f"wrote  {self.folder}: {'  '.join(sorted(path.name for path in self.folder.iterdir()))}")

    def _write(self, file: str, content: Mapping[str, object]) -> None:
        write_atomically(self.path(file), (json.dumps(content, indent=1, default=_plain) + "\n").encode())


def table(results: Sequence[Mapping[str, object]]) -> str:
    """Return lines in columns, for a terminal; numbers with four digits, nothing where a line has no such value."""
    names = list(dict.fromkeys(name for line in results for name in line))
    rows = [names, *([_shown(line.get(name)) for name in names] for line in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


def _plain(value: object) -> object:
    """Return what JSON knows, or the value's text."""
    if hasattr(value, "item"):
        return value.item()
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def _new_folder(parent: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    for number in range(1000):  # two runs may start in one second
        folder = parent / (stamp if number == 0 else f"{stamp}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"a thousand runs in {parent} began at {stamp}. Give another folder")


def _point_to_latest(parent: Path, folder: Path) -> None:
    link = parent / f".latest-{os.getpid()}"
    try:
        link.symlink_to(folder.name)
        link.replace(parent / "latest")
    except OSError:  # a file system without links: the folders are there all the same
        link.unlink(missing_ok=True)
