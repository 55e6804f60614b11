"""What results were computed from: goes on after a stop only with the same model, data and options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seqae._files import read_file, reason, write_atomically
from seqae._version import __version__
from seqae.anomaly.bulk.entity import BLOCK_ROWS
from seqae.anomaly.bulk.source import RowSource
from seqae.data._files.text_files import json_value

MANIFEST = "manifest.json"
_FORMAT = 1
_MAX_SHOWN = 200  # characters


def describe_job(model: str, source: RowSource) -> dict[str, Any]:
    """Return what the results depend on, in the types of JSON.

    Args:
        model: The fingerprint of the detector.
        source: The rows.
    """
    stats = {file.name: file.path.stat() for file in source.files}
    options = {"by": list(source.by), "block_rows": BLOCK_ROWS}
    options |= {f"reading {name}": value for name, value in asdict(source.reader.options).items() if name != "by"}
    found = {
        "format": _FORMAT,
        "version": __version__,
        "model": model,
        "options": options,
        "files": {name: [each.st_size, each.st_mtime_ns] for name, each in sorted(stats.items())},
    }
    return json.loads(json.dumps(found, default=str))


def keep_manifest(out: Path, job: Mapping[str, Any]) -> None:
    """Write what results in a folder are computed from; if it is there already, it has to be the same.

    Raises:
        ValueError: The results in the folder are of another job; names what differs.
    """
    path = out / MANIFEST
    if not path.exists():
        write_atomically(path, (json.dumps(job, indent=1, ensure_ascii=False) + "\n").encode())
        return
    try:
        before = json_value(read_file(path))
        difference = _difference(before, job)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no manifest ({reason(error)}). Give another out, or delete {out}") from error
    if difference:
        raise ValueError(
            f"the results in {out} were begun with {difference}. Go on as they were begun, or give another out"
        )


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return the first difference in words; "" if there is none."""
    for name, what in (("format", "another version of their format"), ("version", "another version of seqae")):
        if before[name] != now[name]:
            return f"{what}, {_short(before[name])} and not {now[name]}"
    if before["model"] != now["model"]:
        return f"another model (fingerprint {_short(before['model'][:12])}, and not {now['model'][:12]})"
    for name, value in now["options"].items():
        if before["options"].get(name) != value:
            return f"other options: {name} was {_short(repr(before['options'].get(name)))}, and is {value!r}"
    old, new = before["files"], now["files"]
    changes = [(new.keys() - old.keys(), "is new"), (old.keys() - new.keys(), "is absent")]
    changes.append(({name for name in old.keys() & new.keys() if old[name] != new[name]}, "has changed"))
    for names, what in changes:
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            return f"other data: {_short(min(names))} {what}{more}"
    return ""


def _short(text: object) -> str:
    """Return the beginning of what a damaged file may say at length."""
    return str(text)[:_MAX_SHOWN]
