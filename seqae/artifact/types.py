"""Whether settings are of the types that a constructor names: most constructors take anything, and fail when used."""

from __future__ import annotations

import inspect
import numbers
import re
from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Any

import numpy as np
from torch import nn

_PLAIN: dict[str, tuple[type, ...]] = {
    "int": (numbers.Integral,),
    "float": (numbers.Real,),
    "bool": (bool, np.bool_),
    "str": (str,),
    "None": (NoneType,),
}


def refuse_other_types(kind: type, settings: Mapping[str, Any]) -> None:
    """Raise a ValueError if a setting is of another plain type than the constructor of its class names.

    None is refused in modules alone: some estimators take it where they do not name it.
    """
    for name, wanted in _plain_arguments(kind).items():
        value = settings.get(name, ...)
        is_left_open = value is ... or (value is None and not issubclass(kind, nn.Module))
        if not is_left_open and not isinstance(value, tuple(each for part in wanted for each in _PLAIN[part])):
            raise ValueError(f"{name} is {repr(value)[:60]}. Expected {' or '.join(wanted)}")


@cache
def _plain_arguments(kind: type) -> dict[str, list[str]]:
    """Return the names of the types that each argument may have, of those that take plain ones alone."""
    found = {name: _names(argument.annotation) for name, argument in inspect.signature(kind).parameters.items()}
    return {name: wanted for name, wanted in found.items() if set(wanted) <= _PLAIN.keys()}


def _names(annotation: Any) -> list[str]:
    """Return the names of the types in an annotation."""
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    if found := re.fullmatch(r"(?:typing\.)?Optional\[(\w+)\]", text):
        text = f"{found[1]} | None"
    return text.split(" | ")
