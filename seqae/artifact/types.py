"""Whether settings are of the types that a constructor names: most constructors take anything, and fail when used."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal

import numpy as np
from torch import nn

_PLAIN: dict[type, tuple[type, ...]] = {
    int: (Integral,),
    float: (Real,),
    bool: (bool, np.bool_),
    str: (str,),
    NoneType: (NoneType,),
}


def refuse_other_types(kind: type, settings: Mapping[str, Any]) -> None:
    """Raise a ValueError if a setting is of another type than the constructor of its class names.

    Numbers, texts, and tuples of them are looked at. Estimators may take None where they do not name it.
    """
    for name, annotation in _annotations(kind).items():
        value = settings.get(name, ...)
        is_left_open = value is ... or (value is None and not (issubclass(kind, nn.Module) or is_dataclass(kind)))
        if not is_left_open and not _fits(value, annotation):
            raise ValueError(f"{name} is {repr(value)[:60]}. Expected {_shown(annotation)}")


@cache
def _annotations(kind: type) -> dict[str, Any]:
    """Return the types of the arguments of a constructor, as far as they are known while a program runs."""
    try:
        found = typing.get_type_hints(kind.__init__)  # type: ignore[misc]
    except NameError:  # a name that only type checkers know
        plain = {each.__name__: each for each in _PLAIN}
        arguments = inspect.signature(kind).parameters.values()
        found = {each.name: plain[each.annotation] for each in arguments if each.annotation in plain}
    return {name: annotation for name, annotation in found.items() if name != "return"}


def _fits(value: object, annotation: Any) -> bool:
    """Return whether a value is of a type; of a type that is not looked at, any is, and so is any other object."""
    if not isinstance(value, Real | str | list | tuple | dict | np.bool_ | None):
        return True
    if annotation in _PLAIN:
        return isinstance(value, _PLAIN[annotation])
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, UnionType):
        return any(_fits(value, part) for part in parts)
    if origin is Literal:
        return value in parts
    if origin in (list, tuple, Sequence) and parts:
        if not isinstance(value, list | tuple):
            return False
        is_fixed = origin is tuple and parts[-1] is not Ellipsis
        wanted = parts if is_fixed else parts[:1] * len(value)
        return len(wanted) == len(value) and all(map(_fits, value, wanted))
    return True


def _shown(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
