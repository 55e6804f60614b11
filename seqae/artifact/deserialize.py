"""Builds an object from a tree of plain values that describes it.

Modules are built without memory for their weights (on torch's "meta" device): their sizes can be compared with
those in the file before anything is taken for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from seqae.artifact import arrays
from seqae.artifact.classes import construct, find_classes, find_function
from seqae.artifact.serialize import MAX_NESTING, is_learnt, join
from seqae.artifact.torch_layers import is_layer

_MAX_OBJECTS = 10_000
# Whole numbers in the settings of modules are sizes. Those of weights are compared with the weights; others, such as a
# padding or a number of segments, take memory when a model is used.
_MOST_OF_LAYERS = 2**16
_MOST_OF_MODULES = 2**22


@dataclass
class ObjectWithoutWeights:
    """An object whose modules have no weights yet.

    Attributes:
        obj: The object, of any type.
        modules: All modules in it by their path in the tree.
        arrays: Names of those stored tensors that became arrays.
        objects: All objects of classes in it, modules and others, by their path.
    """

    obj: Any = None
    modules: dict[str, nn.Module] = field(default_factory=dict)
    arrays: set[str] = field(default_factory=set)
    objects: dict[str, object] = field(default_factory=dict)


def deserialize(tree: Any, stored: Mapping[str, Tensor], classes: Iterable[type] = ()) -> ObjectWithoutWeights:
    """Build the object that a tree describes.

    Args:
        tree: The description that `serialize` returned, a JSON tree.
        stored: The large arrays by name, tensors of any shape.
        classes: Classes to accept besides those of seqae and the layers of torch.nn.

    Raises:
        ValueError: The tree names a class that is not accepted, or cannot be built; the message explains why.
        ImportError: A class in it needs an extra that is not installed.
    """
    try:
        builder = _Builder(stored, find_classes(_class_names(tree), classes))
        builder.built.obj = builder.value(tree, "", 0)
    except (ValueError, ImportError):  # their messages are clear, also for a missing extra
        raise
    except Exception as error:  # from any constructor, or from a tree that is none
        raise ValueError(f"its description makes no sense ({type(error).__name__}: {error})") from error
    return builder.built


def _class_names(tree: Any) -> Iterator[str]:
    parts = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    if isinstance(tree, dict) and isinstance(tree.get("object"), dict) and "class" in tree["object"]:
        yield tree["object"]["class"]
    for part in parts:
        yield from _class_names(part)


class _Builder:
    def __init__(self, stored: Mapping[str, Tensor], classes: dict[str, type]):
        self.stored = stored
        self.classes = classes
        self.weights = sum(tensor.numel() for tensor in stored.values())
        self.built = ObjectWithoutWeights()
        self.instances = self.built.objects
        # The layers of torch take 2 to 7 calls for each weight.
        self.sizes_only = _SizesOnly(most_calls=1_000 + 100 * len(stored))

    def value(self, node: Any, path: str, depth: int) -> Any:
        if depth > MAX_NESTING:
            raise ValueError(f"{path[:60]}... lies deeper than {MAX_NESTING} levels")
        if node is None or isinstance(node, bool | int | float | str):
            return node
        if isinstance(node, list):
            return self.items(node, path, depth)
        ((kind, content),) = node.items()
        match kind:
            case "float":
                return float(content)
            case "tuple":
                return tuple(self.items(content, path, depth))
            case "dict":
                return self.entries(content, path, depth)
            case "path":
                return Path(content)
            case "scalar":
                return arrays.from_text(content)[()]
            case "array":
                return self.array(content)
            case "function":
                return find_function(content)
            case "same":
                return self.instances[content]
            case "object":
                return self.instance(content, path, depth)
        raise ValueError(f"{path} is a {kind!r}, which this version does not know")

    def items(self, nodes: list, path: str, depth: int) -> list:
        return [self.value(node, join(path, str(number)), depth + 1) for number, node in enumerate(nodes)]

    def entries(self, nodes: dict[str, Any], path: str, depth: int) -> dict[str, Any]:
        return {name: self.value(node, join(path, name), depth + 1) for name, node in nodes.items()}

    def array(self, node: dict[str, Any]) -> np.ndarray:
        if "tensor" not in node:
            return arrays.from_text(node)
        name, dtype = node["tensor"], np.dtype(node["dtype"])
        self.built.arrays.add(name)
        return arrays.from_storage(self.stored[name].numpy(), dtype).reshape(node["shape"])

    def instance(self, node: dict[str, Any], path: str, depth: int) -> object:
        kind = self.classes[node["class"]]
        if len(self.instances) >= _MAX_OBJECTS:
            raise ValueError(f"it holds more than {_MAX_OBJECTS} objects")
        settings = self.entries(node["settings"], path, depth)
        try:
            if issubclass(kind, nn.Module):
                _refuse_extreme(settings, max(self.weights, _MOST_OF_LAYERS if is_layer(kind) else _MOST_OF_MODULES))
            obj = self.construct(kind, settings)
        except ImportError:  # a missing extra
            raise
        except Exception as error:
            what = f"{path}: {kind.__name__}" if path else kind.__name__
            why = f"{type(error).__name__}: {error}".partition("\n")[0]  # torch adds where in its own code it was
            raise ValueError(f"{what} can't be built from its settings ({why})") from error
        for name, value in self.entries(node.get("learnt", {}), path, depth).items():
            if not is_learnt(name):
                raise ValueError(f"{join(path, name)} is nothing that fitting learns")
            setattr(obj, name, value)
        self.instances[path] = obj
        if isinstance(obj, nn.Module):
            self.built.modules[path] = obj
        return obj

    def construct(self, kind: type, settings: dict[str, Any]) -> object:
        if not issubclass(kind, nn.Module):
            return construct(kind, settings)
        with torch.device("meta"), self.sizes_only:
            return construct(kind, settings)


def _refuse_extreme(value: Any, most: int, name: str = "") -> None:
    """Raise a ValueError if a setting is NaN, or a whole number that is greater than anything in the model."""
    if isinstance(value, dict):
        for key, part in value.items():
            _refuse_extreme(part, most, key)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_extreme(part, most, name)
    elif isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{name} is not a number (NaN)")
    elif isinstance(value, int) and abs(value) > most:
        raise ValueError(f"{name} is {value}, more than {most}, and no weight is as large")


class _SizesOnly(TorchFunctionMode):
    """Builds modules without drawing their first weights, and ends before a million layers fill the memory."""

    def __init__(self, most_calls: int):
        super().__init__()
        self.left = most_calls

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError("its description asks for many more layers than there are weights")
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            # Nothing to fill on this device; `normal_` would import torch's compiler, which takes seconds.
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)
