"""`seqae inspect`: the content of a saved model, read from its description alone; nothing of it is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqae.artifact.description import class_of, parts_of, summary_of
from seqae.cli.json_report import json_report
from seqae.cli.messages import option_with
from seqae.cli.parse_errors import option
from seqae.cli.session import saved_in
from seqae.cli.tables import show_table

_MAX_VALUES = 8  # maximum values of a list on one line


def describe_model(model: Path, *, json: bool = False) -> None:
    """Describe a saved model: its parts, settings, fitted attributes, metrics, versions.

    With --json: folder, files (bytes by name), kind, sequences, channels, code_size, architecture (those that the model
    tells), parameters, metrics, provenance, tree (its parts, as seqae.json has them).

    Example:
        seqae inspect runs/pump/latest

    Args:
        model: folder of a saved model, or of a run that holds one
        json: print one JSON object on standard output
    """
    folder = saved_in(model)
    from seqae import artifact

    content = artifact.inspect(folder)
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}
    summary = summary_of(content["tree"])
    with json_report(json) as report:
        report |= {"folder": folder, "files": files, **summary}
        report |= {name: content[name] for name in ("parameters", "metrics", "provenance", "tree")}
        _show(folder, files, summary, content)


def _show(folder: Path, files: dict[str, int], summary: dict[str, Any], content: dict[str, Any]) -> None:
    rows = [
        ("folder", str(folder)),
        ("files", ", ".join(f"{name} {size / 1024:,.1f} KiB" for name, size in files.items())),
        *[(name.replace("_", " "), _in_a_line(name, value)) for name, value in summary.items()],
        ("parameters", f"{content['parameters']:,}"),
        ("saved", ", ".join(f"{name} {value}" for name, value in content["provenance"].items())),
        *[(f"metric {name}", _short(value)) for name, value in content["metrics"].items()],
        *_lines("model", content["tree"], 0),
    ]
    show_table(("", ""), rows)


def _in_a_line(name: str, value: Any) -> str:
    if name == "reading":
        return " ".join(option_with(option(each), content) for each, content in value.items())
    return _short(value)


def _lines(name: str, node: Any, depth: int) -> Iterator[tuple[str, str]]:
    """One line for an object with its plain settings, and lines below it for its other parts."""
    label = "  " * depth + name
    parts = parts_of(node)
    parts.pop("reading_", None)  # that is in the summary
    nested = {key: part for key, part in parts.items() if parts_of(part)}
    plain = {key: part for key, part in parts.items() if key not in nested}
    if not parts:
        yield label, _short(node)
    elif depth == 0:
        yield label, class_of(node)
        nested = parts
    else:
        yield label, f"{class_of(node)} {', '.join(f'{key} {_short(part)}' for key, part in plain.items())}".strip()
    for key, part in nested.items():
        yield from _lines(key, part, depth + 1)


def _short(node: Any) -> str:
    """A plain value on one line."""
    match node:
        case float():
            return f"{node:.6g}"
        case {"array": {"shape": shape}}:
            return "array of " + " x ".join(map(str, shape))
        case {"scalar": {"values": value}}:
            return str(value)
        case {"tuple": items} | list(items):
            rest = f", ... ({len(items)} in all)" if len(items) > _MAX_VALUES else ""
            return ", ".join(map(_short, items[:_MAX_VALUES])) + rest
        case {"dict": entries}:
            return ", ".join(f"{name} {_short(entry)}" for name, entry in entries.items())
        case {"float": text} | {"path": text} | {"function": text} | {"same": text}:
            return str(text).rpartition(".")[2] if "function" in node else str(text)
    return str(node)
