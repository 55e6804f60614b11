"""The classes and functions that an artifact may name, and the attributes that are saved of their objects."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from types import FunctionType

from torch import nn

from seqae.artifact import torch_layers
from seqae.artifact.registry import MODULE_OF, PREFIX
from seqae.artifact.types import refuse_other_types


def is_custom(kind: type) -> bool:
    """Whether a class is neither of seqae nor a layer of torch.nn, so that `load` must be given it."""
    return not (_is_of_seqae(kind.__module__) or torch_layers.is_layer(kind))


def name_of(kind: type) -> str:
    """Return the name of a class in a description.

    A class of seqae is named without its module (`seqae.LSTM`), and so is a layer of torch (`torch.nn.Linear`).

    Raises:
        ValueError: The class is one of those of seqae or torch that no artifact holds.
    """
    if torch_layers.is_layer(kind):
        return f"{torch_layers.PREFIX}{kind.__name__}"
    torch_layers.refuse_unknown(kind)
    if not _is_of_seqae(kind.__module__):
        return f"{kind.__module__}.{kind.__qualname__}"
    if not _is_registered(kind):
        raise ValueError(
            f"a {kind.__qualname__} is nothing that an artifact holds. Save what it is made of: models, settings, "
            "estimators, numbers"
        )
    return PREFIX + kind.__name__


def find_classes(names: Iterable[str], given: Iterable[type]) -> dict[str, type]:
    """Return the classes with these names, if all of them may be built; imports only the modules that hold them.

    Args:
        names: Names of classes, as `name_of` returns them.
        given: Classes that are accepted besides those of seqae and the layers of torch.nn.

    Raises:
        ValueError: Some are neither layers of torch.nn, nor of seqae, nor given; names them.
    """
    given = list(given)
    full_names = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in given}
    own_names = {kind.__name__: kind for kind in given}
    found: dict[str, type] = {}
    unknown: set[str] = set()
    for name in names:
        kind = full_names.get(name) or torch_layers.find_layer(name)
        if kind is None and _is_of_seqae(name):
            kind = _of_seqae(name)
        elif kind is None:  # a class of a script is __main__.Name to one script and module.Name to another
            kind = own_names.get(name.rpartition(".")[2])
        if kind is None:
            unknown.add(name)
        else:
            found[name] = kind
    if unknown:
        shown = [name if name.isprintable() and len(name) < 200 else ascii(name[:50]) for name in sorted(unknown)[:20]]
        short = ", ".join(name.rpartition(".")[2] for name in shown)
        raise ValueError(
            f"it holds classes that seqae does not know: {', '.join(shown)}. If you trust them: classes=[{short}]"
        )
    return found


def is_savable(kind: type) -> bool:
    """Whether objects of a class are defined by their settings and their fitted attributes."""
    return issubclass(kind, nn.Module) or is_dataclass(kind) or callable(getattr(kind, "fit", None))


def name_of_function(function: FunctionType) -> str:
    """Return the name of a function in a description.

    Raises:
        ValueError: It is none of the functions of seqae that a model may hold.
    """
    if not _is_registered(function):
        raise _no_function(f"{function.__module__}.{function.__qualname__}")
    return PREFIX + function.__name__


def find_function(name: str) -> object:
    """Return the error function, pooling and the like with this name.

    Raises:
        ValueError: It is none of the functions of seqae that a model may hold.
    """
    function = _registered(name)
    if not inspect.isfunction(function):
        raise _no_function(name)
    return function


def settings_of(obj: object) -> dict[str, object]:
    """Return the arguments of the constructor for an object like this one.

    Raises:
        ValueError: An argument of the constructor was not kept; the message names class and argument, and a remedy.
    """
    kind = type(obj)
    if isinstance(obj, nn.Module) and (layer := torch_layers.layer_built_by(kind)) is not None:
        return torch_layers.layer_settings(obj, layer)
    settings = {}
    for name, default in _arguments(kind).items():
        if not hasattr(obj, name):
            raise ValueError(
                f"{kind.__name__} takes {name!r} and does not keep it. Write self.{name} = {name} in "
                f"{kind.__name__}.__init__, so that it can be built again"
            )
        value = getattr(obj, name)
        # A class with a layer of torch as its base inherits how that keeps its arguments.
        settings[name] = (
            torch_layers.as_flag(value, default) if any(map(torch_layers.is_layer, kind.__mro__)) else value
        )
    return settings


def construct(kind: type, settings: Mapping[str, object]) -> object:
    """Build an object of a class from its settings.

    Raises:
        ValueError: The class takes no such setting, or one of another type.
    """
    layer = torch_layers.layer_built_by(kind) if issubclass(kind, nn.Module) else None
    names = torch_layers.argument_names(layer) if layer is not None else _arguments(kind)
    if unknown := settings.keys() - set(names):
        raise ValueError(f"{kind.__name__} takes no {', '.join(sorted(unknown))}. Was it written by another version?")
    if _is_registered(kind) or torch_layers.is_layer(kind):
        refuse_other_types(kind, settings)
    if layer is not None:
        return torch_layers.build_layer(kind, layer, settings)
    given = inspect.BoundArguments(inspect.signature(kind), OrderedDict(settings))
    return kind(*given.args, **given.kwargs)


def _arguments(kind: type) -> dict[str, object]:
    """Return the default of each argument of a constructor."""
    if torch_layers.constructor_owner(kind) is nn.Module:  # it takes anything and keeps nothing
        return {}
    arguments = inspect.signature(kind).parameters.values()
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        raise ValueError(f"{kind.__name__} takes **keywords, which cannot be kept by name. Spell its arguments out")
    return {argument.name: argument.default for argument in arguments}


def _is_of_seqae(name: str) -> bool:
    """Whether a name, or the name of a module, is of the library itself; recipes are scripts as any other."""
    return name.startswith(PREFIX) and not name.startswith(f"{PREFIX}_recipes.")


def _is_registered(found: object) -> bool:
    """Whether a class or function is the one that the table has under its name."""
    name, module = getattr(found, "__qualname__", None), getattr(found, "__module__", None)
    return name in MODULE_OF and MODULE_OF[name] == module


def _registered(name: str) -> object:
    """Return the object that an artifact names `seqae.name`, None if the table has no such name."""
    own_name = name.removeprefix(PREFIX)
    if name != PREFIX + own_name or own_name not in MODULE_OF:
        return None
    found = vars(import_module(MODULE_OF[own_name])).get(own_name)
    return found if _is_registered(found) else None


def _of_seqae(name: str) -> type:
    kind = _registered(name)
    if not isinstance(kind, type) or not is_savable(kind):
        raise ValueError(
            f"{name if name.isprintable() else ascii(name)} is no class that seqae builds from a file. "
            "Was it written by another version?"
        )
    return kind


def _no_function(name: str) -> ValueError:
    known = ", ".join(own_name for own_name in MODULE_OF if own_name.islower())
    return ValueError(
        f"{name} is no function that an artifact may hold ({known} are). "
        "Make it a frozen dataclass with a __call__ method"
    )
