"""The arguments of the layers of torch.nn, read back from the layers.

A layer is described by the arguments of its constructor except `device` and `dtype`, each read from the attribute of
the same name. A parameter under the name of a true/false argument (`bias`) shows that the argument was true, and None
that it was false. The tables below name where torch does otherwise.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from operator import attrgetter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import Parameter

PREFIX = "torch.nn."

# Device and dtype follow from the weights; the last four are older names of other arguments.
_NOT_SETTINGS = {"device", "dtype", "size_average", "reduce", "min_value", "max_value"}

_TRANSFORMER_LAYER = {
    "d_model": "self_attn.embed_dim",
    "nhead": "self_attn.num_heads",
    "dim_feedforward": "linear1.out_features",
    "dropout": "dropout.p",
    "layer_norm_eps": "norm1.eps",
    "batch_first": "self_attn.batch_first",
    "bias": "linear1.bias",
}
# Arguments that a layer keeps under other names, or within its parts.
_KEPT_AS: dict[str, dict[str, str]] = {
    "LinearCrossEntropyLoss": {"in_features": "linear.in_features", "bias": "linear.bias"},
    "MultiheadAttention": {"bias": "in_proj_bias", "add_bias_kv": "bias_k"},
    "PairwiseDistance": {"p": "norm"},
    "Transformer": {"custom_encoder": "encoder", "custom_decoder": "decoder"},
    # What was asked for would warn once more where it has no effect.
    "TransformerEncoder": {"enable_nested_tensor": "use_nested_tensor"},
    "TransformerDecoderLayer": _TRANSFORMER_LAYER,
    "TransformerEncoderLayer": _TRANSFORMER_LAYER,
}

# Layers that are not described by the arguments of their constructor, but by their parts or the sizes of these.
_PARTS = "layers"
_SHAPES = "shapes"
_ARGUMENTS: dict[type, list[str]] = {
    nn.Identity: [],  # it takes anything and keeps nothing
    nn.ModuleDict: [_PARTS],
    nn.ModuleList: [_PARTS],
    nn.ParameterDict: [_SHAPES],
    nn.ParameterList: [_SHAPES],
    nn.Sequential: [_PARTS],
    # The encoder and the decoder hold the rest.
    nn.Transformer: ["d_model", "nhead", "custom_encoder", "custom_decoder", "batch_first"],
    # The constructor copies one layer; its copies have learnt since.
    nn.TransformerDecoder: [_PARTS, "norm"],
    nn.TransformerEncoder: [_PARTS, "norm", "enable_nested_tensor", "mask_check"],
}
# What torch refuses when a layer with a kernel is used, and not before.
_LEAST = {"kernel_size": 1, "stride": 1, "dilation": 1, "padding": 0, "output_padding": 0}
# The layers of transformers take these names, and keep the functions.
_ACTIVATIONS: dict[object, str] = {F.relu: "relu", F.gelu: "gelu"}


def is_layer(kind: type) -> bool:
    """Whether a class is a layer of torch.nn that can be built from its arguments."""
    return (
        getattr(nn, kind.__name__, None) is kind
        and issubclass(kind, nn.Module)
        and kind.__module__.startswith("torch.nn.modules.")
        and not issubclass(kind, LazyModuleMixin)
        and kind.__name__ not in ("Module", "Container", "RNNCellBase")
    )


def find_layer(name: str) -> type | None:
    """Return the layer of a name such as `torch.nn.Linear`, None if torch.nn has no such layer."""
    found = getattr(nn, name.removeprefix(PREFIX), None) if name.startswith(PREFIX) else None
    return found if isinstance(found, type) and name == f"{PREFIX}{found.__name__}" and is_layer(found) else None


def layer_built_by(kind: type) -> type | None:
    """Return the layer whose constructor builds a class: the class itself, or a base if it has no own constructor."""
    owner = constructor_owner(kind)
    return next((base for base in kind.__mro__ if is_layer(base) and issubclass(base, owner)), None)


def constructor_owner(kind: type) -> type:
    """Return the class, or the base of it, that defines its constructor."""
    return next(base for base in kind.__mro__ if "__init__" in vars(base))


def refuse_unknown(kind: type) -> None:
    """Refuse classes of torch that are not layers of torch.nn.

    Raises:
        ValueError: A class of torch cannot be built from its arguments; the message names what to save instead.
    """
    if not kind.__module__.startswith("torch.") or is_layer(kind):
        return
    if issubclass(kind, LazyModuleMixin):
        advice = "It has no sizes yet: run a batch through the model, then save"
    elif issubclass(kind, nn.DataParallel | nn.parallel.DistributedDataParallel):
        advice = "Save its .module"
    else:
        advice = "Make a small module of your own that keeps its arguments and builds it from them"
    raise ValueError(f"a {kind.__module__}.{kind.__name__} cannot be built from what it keeps. {advice}")


def argument_names(layer: type) -> list[str]:
    """Return the names of the settings of a layer."""
    return list(_defaults(layer))


def layer_settings(obj: nn.Module, layer: type) -> dict[str, object]:
    """Return the settings that build a layer like this one.

    Args:
        obj: The layer.
        layer: The class whose constructor it has, often its own.

    Raises:
        ValueError: An argument cannot be read back; the message names it, the layer and a remedy.
    """
    for name in inspect.signature(layer).parameters:
        if name.startswith("_") and getattr(obj, name, None) is not None:
            raise _unreadable(obj, name, "is a tensor")
    return {name: _setting(obj, layer, name) for name in argument_names(layer)}


def build_layer(kind: type, layer: type, settings: Mapping[str, Any]) -> nn.Module:
    """Build a layer from its settings.

    Args:
        kind: The class to build.
        layer: The class whose constructor it has.
        settings: The arguments that `layer_settings` returned.

    Raises:
        ValueError: A kernel, or how it moves, is too small. Torch would refuse it when the layer is used.
        Exception: Whatever torch raises for settings that make no layer.
    """
    _refuse_no_grid(settings)
    if _SHAPES in settings:
        parts = {name: torch.empty(shape) for name, shape in settings[_SHAPES].items()}
        return kind(parts if layer is nn.ParameterDict else parts.values())
    if _PARTS not in settings:
        return kind(**settings)
    others = {name: value for name, value in settings.items() if name != _PARTS}
    parts = settings[_PARTS]
    if layer in (nn.TransformerEncoder, nn.TransformerDecoder):
        stack = kind(next(iter(parts.values())), 0, **others)
        stack.layers, stack.num_layers = nn.ModuleList(parts.values()), len(parts)
        return stack
    return kind(list(parts.values()) if layer is nn.ModuleList else OrderedDict(parts), **others)


def _refuse_no_grid(settings: Mapping[str, Any]) -> None:
    """Raise a ValueError if a layer has a kernel that no grid has room for, or that does not move over it."""
    if "kernel_size" not in settings:  # what only pads may also cut off
        return
    for name, least in _LEAST.items():
        value = settings.get(name)
        numbers = value if isinstance(value, list | tuple) else [value]
        if any(isinstance(number, int) and number < least for number in numbers):
            raise ValueError(f"{name} is {value}. Expected at least {least}")


def as_flag(value: object, default: object) -> object:
    """Return whether there is a parameter under the name of a true/false argument; any other value as it is."""
    is_flag = isinstance(default, bool) and (value is None or isinstance(value, Parameter))
    return value is not None if is_flag else value


@cache
def _defaults(layer: type) -> dict[str, object]:
    """Return the default of each setting."""
    if layer in _ARGUMENTS:
        return dict.fromkeys(_ARGUMENTS[layer])
    if layer in (nn.RNN, nn.GRU, nn.LSTM):  # they hand (*args, **kwargs) to their base
        defaults = {name: default for name, default in _defaults(nn.RNNBase).items() if name != "mode"}
        if layer is not nn.LSTM:
            del defaults["proj_size"]
        return {**defaults, "nonlinearity": "tanh"} if layer is nn.RNN else defaults
    if constructor_owner(layer) is nn.Module:  # it takes anything and keeps nothing
        return {}
    return {
        argument.name: argument.default
        for argument in inspect.signature(layer).parameters.values()
        # A leading underscore marks arguments that only torch's own functions pass.
        if argument.name not in _NOT_SETTINGS and not argument.name.startswith("_")
    }


def _setting(obj: Any, layer: type, name: str) -> object:
    if name == _SHAPES:
        return _shapes(obj)
    if name == _PARTS:  # named_children() would leave out a module that is there twice
        parts = obj.layers if layer in (nn.TransformerEncoder, nn.TransformerDecoder) else obj
        return dict(parts._modules)
    try:
        value = attrgetter(_KEPT_AS.get(layer.__name__, {}).get(name, name))(obj)
    except AttributeError:
        raise _unreadable(obj, name, "is not kept") from None
    if layer is nn.AdaptiveLogSoftmaxWithLoss and name == "cutoffs":
        return value[:-1]  # it appends the number of classes
    value = as_flag(value, _defaults(layer)[name])
    if isinstance(value, Tensor):
        raise _unreadable(obj, name, "is a tensor")
    if inspect.isroutine(value):
        if value in _ACTIVATIONS:
            return _ACTIVATIONS[value]
        raise _unreadable(obj, name, "is a function (a module, such as torch.nn.SiLU(), could be saved)")
    return value


def _shapes(obj: Any) -> dict[str, tuple[int, ...]]:
    values = dict(obj.items()) if isinstance(obj, nn.ParameterDict) else dict(enumerate(obj))
    shapes = {}
    for name, value in values.items():
        if not isinstance(value, Parameter):
            raise _unreadable(obj, str(name), "is no parameter")
        shapes[str(name)] = tuple(value.shape)
    return shapes


def _unreadable(obj: nn.Module, name: str, why: str) -> ValueError:
    kind = type(obj).__name__
    return ValueError(
        f"{name!r} of this {kind} {why}, so the {kind} could not be built again. Make a small module of your own that "
        f"keeps its arguments (numbers, strings, lists, modules) and builds the {kind} from them"
    )
