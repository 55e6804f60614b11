"""What the description of an artifact tells: what it is, its parts, what it reads. Nothing of it is built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqae.data.signals.options import ReadingOptions


def summary_of(tree: Any) -> dict[str, Any]:
    """Return what a saved model is, what it reads and what its codes are, as far as it tells.

    Args:
        tree: The description of the model.
    """
    parts = parts_of(tree)
    found_names = (_plain(each) for name in ("channel_names_", "channels_", "channels") for each in _values(tree, name))
    names = next((each for each in found_names if each and isinstance(each, list) and isinstance(each[0], str)), None)
    architecture = parts.get("architecture")
    found = {
        "kind": class_of(tree),
        "sequences": next(_values(tree, "kind_"), "readings" if class_of(tree) == "AnomalyDetector" else None),
        "channels": names,
        "machines": list(parts_of(next(_values(tree, "machines"), None))),
        "reading": _reading(tree),
        "window": parts.get("window"),
        "code_size": next(_values(architecture if class_of(architecture) else tree, "code_size"), None),
        "architecture": class_of(architecture) or architecture,
    }
    return {name: value for name, value in found.items() if value not in (None, [], {}, "")}


def _reading(tree: Any) -> dict[str, Any]:
    """Return the reading options that a detector keeps, without those that are as by default."""
    default = ReadingOptions()
    kept = {name: _plain(part) for name, part in parts_of(next(_values(tree, "reading_"), None)).items()}
    return {name: value for name, value in kept.items() if value not in (None, [], {}, getattr(default, name))}


def _plain(node: Any) -> Any:
    """Return a plain value of a description as JSON has it."""
    match node:
        case {"tuple": items}:
            return list(map(_plain, items))
        case {"dict": entries}:
            return {name: _plain(entry) for name, entry in entries.items()}
    return node


def parts_of(node: Any) -> dict[str, Any]:
    """Return the settings and learnt values of an object, or the objects in a collection, by name; else nothing."""
    match node:
        case {"object": content}:
            return content["settings"] | content.get("learnt", {})
        case {"dict": entries}:
            return entries if any(map(parts_of, entries.values())) else {}
        case {"tuple": items} | list(items):
            return dict(zip(map(str, range(len(items))), items)) if any(map(parts_of, items)) else {}
    return {}


def class_of(node: Any) -> str:
    """Return the name of the class of an object, "" of anything else."""
    return node["object"]["class"].rpartition(".")[2] if isinstance(node, dict) and "object" in node else ""


def _values(node: Any, name: str) -> Iterator[Any]:
    """Yield the values of this name in a model, from the outside to the inside."""
    parts = parts_of(node)
    if name in parts:
        yield parts[name]
    for part in parts.values():
        yield from _values(part, name)
