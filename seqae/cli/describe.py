"""`seqae inspect`: the content of a saved model, read from its description alone; nothing of it is built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seqae.cli.json_report import json_report
from seqae.cli.messages import option_with
from seqae.cli.parse_errors import option
from seqae.cli.session import saved_in
from seqae.cli.tables import show_table
from seqae.data.signals.options import ReadingOptions

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


def summary_of(tree: Any) -> dict[str, Any]:
    """Return what a saved model is, what it reads and what its codes are, as far as it tells.

    Args:
        tree: The description of the model.
    """
    parts = _parts(tree)
    found_names = (_plain(each) for name in ("channel_names_", "channels_", "channels") for each in _values(tree, name))
    names = next((each for each in found_names if each and isinstance(each, list) and isinstance(each[0], str)), None)
    architecture = parts.get("architecture")
    found = {
        "kind": _kind(tree),
        "sequences": next(_values(tree, "kind_"), "readings" if _kind(tree) == "AnomalyDetector" else None),
        "channels": names,
        "machines": list(_parts(next(_values(tree, "machines"), None))),
        "reading": _reading(tree),
        "window": parts.get("window"),
        "code_size": next(_values(architecture if _kind(architecture) else tree, "code_size"), None),
        "architecture": _kind(architecture) or architecture,
    }
    return {name: value for name, value in found.items() if value not in (None, [], {}, "")}


def _reading(tree: Any) -> dict[str, Any]:
    """Return the reading options that a detector keeps, without those that are as by default."""
    default = ReadingOptions()
    kept = {name: _plain(part) for name, part in _parts(next(_values(tree, "reading_"), None)).items()}
    return {name: value for name, value in kept.items() if value not in (None, [], {}, getattr(default, name))}


def _plain(node: Any) -> Any:
    """Return a plain value of a description as JSON has it."""
    match node:
        case {"tuple": items}:
            return list(map(_plain, items))
        case {"dict": entries}:
            return {name: _plain(entry) for name, entry in entries.items()}
    return node


def _in_a_line(name: str, value: Any) -> str:
    if name == "reading":
        return " ".join(option_with(option(each), content) for each, content in value.items())
    return _short(value)


def _values(node: Any, name: str) -> Iterator[Any]:
    """Yield the values of this name in a model, from the outside to the inside."""
    parts = _parts(node)
    if name in parts:
        yield parts[name]
    for part in parts.values():
        yield from _values(part, name)


def _lines(name: str, node: Any, depth: int) -> Iterator[tuple[str, str]]:
    """One line for an object with its plain settings, and lines below it for its other parts."""
    label = "  " * depth + name
    parts = _parts(node)
    parts.pop("reading_", None)  # that is in the summary
    nested = {key: part for key, part in parts.items() if _parts(part)}
    plain = {key: part for key, part in parts.items() if key not in nested}
    if not parts:
        yield label, _short(node)
    elif depth == 0:
        yield label, _kind(node)
        nested = parts
    else:
        yield label, f"{_kind(node)} {', '.join(f'{key} {_short(part)}' for key, part in plain.items())}".strip()
    for key, part in nested.items():
        yield from _lines(key, part, depth + 1)


def _parts(node: Any) -> dict[str, Any]:
    """The settings and learnt values of an object, or the objects in a collection; nothing of plain values."""
    match node:
        case {"object": content}:
            return content["settings"] | content.get("learnt", {})
        case {"dict": entries}:
            return entries if any(map(_parts, entries.values())) else {}
        case {"tuple": items} | list(items):
            return dict(zip(map(str, range(len(items))), items)) if any(map(_parts, items)) else {}
    return {}


def _kind(node: Any) -> str:
    return node["object"]["class"].rpartition(".")[2] if isinstance(node, dict) and "object" in node else ""


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
