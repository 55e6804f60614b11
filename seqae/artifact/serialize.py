"""Describes an object as a tree of plain values.

None, booleans, integers, finite floats, strings and lists are written as they are. Everything else is a
dictionary with one key that names its kind: `{"tuple": [...]}`, `{"object": {"class": ...}}` and so on.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePath
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import nn

from seqae.artifact import arrays
from seqae.artifact.classes import is_custom, is_savable, name_of, name_of_function, settings_of

MAX_NESTING = 64
_MAX_NUMBERS = 1000  # larger arrays go to the file of weights


@dataclass
class Description:
    """A tree, and the modules and arrays that the file of weights holds for it.

    Attributes:
        tree: Plain values that JSON can hold.
        arrays: Large arrays by their path in the tree.
        modules: All modules by their path.
        objects: All objects of classes in the tree, modules and others, by their path.
        custom_classes: Classes of objects in the tree that are neither of seqae nor layers of torch.nn.
    """

    tree: Any = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    modules: dict[str, nn.Module] = field(default_factory=dict)
    custom_classes: set[type] = field(default_factory=set)
    objects: dict[str, object] = field(default_factory=dict)


def serialize(obj: object) -> Description:
    """Describe an object and all that it holds.

    Raises:
        ValueError: A part of the object cannot be saved; the message names its location, its type and a remedy.
    """
    describer = _Describer()
    describer.found.tree = describer.value(obj, "", 0)
    return describer.found


def join(path: str, name: str) -> str:
    """Return the path of a part; a dot in a name does not look like one between names."""
    name = name if name.replace("_", "").isalnum() else json.dumps(name)
    return f"{path}.{name}" if path else name


class _Describer:
    def __init__(self) -> None:
        self.found = Description()
        self.seen: dict[int, tuple[str, object]] = {}  # holds the objects, else an id could come again

    def value(self, value: Any, path: str, depth: int) -> Any:
        if depth > MAX_NESTING:
            raise ValueError(f"{path[:60]}... lies deeper than {MAX_NESTING} levels. Does an object contain itself?")
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}  # JSON has no word for these
        if type(value) is list:
            return self.items(value, path, depth)
        if type(value) in (tuple, torch.Size):
            return {"tuple": self.items(value, path, depth)}
        if type(value) is dict:
            return {"dict": self.entries(value, path, depth)}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if isinstance(value, np.generic):
            return {"scalar": arrays.to_text(np.asarray(value))}
        if type(value) is np.ndarray:
            return {"array": self.array(value, path)}
        if inspect.isfunction(value):
            return {"function": self.function(value, path)}
        return self.instance(value, path, depth)

    def items(self, values: list | tuple, path: str, depth: int) -> list:
        return [self.value(value, join(path, str(number)), depth + 1) for number, value in enumerate(values)]

    def entries(self, values: dict, path: str, depth: int) -> dict:
        if strange := [key for key in values if type(key) is not str]:
            raise ValueError(f"{_at(path)} has the key {strange[0]!r}. Only strings can be keys in an artifact")
        return {key: self.value(value, join(path, key), depth + 1) for key, value in values.items()}

    def array(self, array: np.ndarray, path: str) -> dict:
        with _telling(path):
            arrays.check_dtype(array.dtype)
            if array.size <= _MAX_NUMBERS or array.dtype.kind in arrays.TEXT:
                return arrays.to_text(array)
        self.found.arrays[path] = array
        return {"dtype": array.dtype.str, "shape": list(array.shape), "tensor": path}

    def function(self, function: FunctionType, path: str) -> str:
        with _telling(path):
            return name_of_function(function)

    def instance(self, obj: object, path: str, depth: int) -> dict:
        if id(obj) in self.seen:
            return {"same": self.seen[id(obj)][0]}
        self.check(obj, path)
        with _telling(path):
            name, settings = name_of(type(obj)), settings_of(obj)
        node = {"class": name, "settings": self.entries(settings, path, depth)}
        # nn.Module keeps its submodules elsewhere; its constructor builds those.
        learnt = {name: value for name, value in getattr(obj, "__dict__", {}).items() if is_learnt(name)}
        if learnt:
            node["learnt"] = self.entries(learnt, path, depth)
        self.seen[id(obj)] = (path, obj)
        self.found.objects[path] = obj
        if isinstance(obj, nn.Module):
            self.found.modules[path] = obj
        return {"object": node}

    def check(self, obj: object, path: str) -> None:
        kind = type(obj)
        if isinstance(obj, torch.Tensor):
            raise ValueError(f"{_at(path)} is a tensor. Keep a numpy array, or a buffer of a module (register_buffer)")
        if not is_savable(kind):
            raise ValueError(
                f"{_at(path)} is a {kind.__module__}.{kind.__qualname__}, which cannot be saved. An artifact holds "
                "numbers, strings, lists, tuples, dictionaries, numpy arrays, modules, dataclasses and classes with a "
                "fit method"
            )
        if is_custom(kind):
            self.found.custom_classes.add(kind)


def is_learnt(name: str) -> bool:
    """Whether the name of an attribute is that of a fitted one."""
    return name.endswith("_") and not name.startswith("_") and name.isidentifier()


@contextmanager
def _telling(path: str) -> Iterator[None]:
    """Prepend the location in the object to an error message."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{_at(path)}: {error}") from None


def _at(path: str) -> str:
    return path or "the object itself"
