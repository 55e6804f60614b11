"""Which classes and functions an artifact may name, and how things are taken apart and put together."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from importlib import import_module

from torch import nn

# Only these parts of seqae can be named by a file: nothing that writes files, runs commands or prints.
# Functions are called as they are, so that their modules are listed one by one.
_CLASS_HOMES = (
    "modules",
    "autoencoder",
    "seq2seq",
    "places",
    "s2vt",
    "translator",
    "captioner",
    "text",
    "errors",
    "corruptions",
    "data",
    "training",
    "anomaly",
    "features",
)
_FUNCTION_MODULES = ("seqae.errors", "seqae.modules.pooling")

_CONVOLUTION = "in_channels out_channels kernel_size stride padding dilation groups bias padding_mode"
_BATCH_NORM = "num_features eps momentum affine track_running_stats"
_POOL = "kernel_size stride padding dilation return_indices ceil_mode"
_RECURRENT = "input_size hidden_size num_layers bias batch_first dropout bidirectional"
_TORCH_SETTINGS: dict[type[nn.Module], str] = {
    nn.AvgPool2d: "kernel_size stride padding ceil_mode count_include_pad divisor_override",
    nn.BatchNorm1d: _BATCH_NORM,
    nn.BatchNorm2d: _BATCH_NORM,
    nn.Conv1d: _CONVOLUTION,
    nn.Conv2d: _CONVOLUTION,
    nn.ConvTranspose1d: f"{_CONVOLUTION} output_padding",
    nn.ConvTranspose2d: f"{_CONVOLUTION} output_padding",
    nn.Dropout: "p inplace",
    nn.ELU: "alpha inplace",
    nn.Embedding: "num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse",
    nn.Flatten: "start_dim end_dim",
    nn.GELU: "approximate",
    nn.GRU: _RECURRENT,
    nn.Identity: "",
    nn.LSTM: f"{_RECURRENT} proj_size",
    nn.LayerNorm: "normalized_shape eps elementwise_affine bias",
    nn.LeakyReLU: "negative_slope inplace",
    nn.Linear: "in_features out_features bias",
    nn.MaxPool1d: _POOL,
    nn.MaxPool2d: _POOL,
    nn.ModuleList: "layers",
    nn.ReLU: "inplace",
    nn.Sequential: "layers",
    nn.SiLU: "inplace",
    nn.Sigmoid: "",
    nn.Softplus: "beta threshold",
    nn.Tanh: "",
    nn.Unflatten: "dim unflattened_size",
    nn.Upsample: "size scale_factor mode align_corners recompute_scale_factor",
}
_TORCH_CLASSES = {f"torch.nn.{kind.__name__}": kind for kind in _TORCH_SETTINGS}


def name_of(kind: type) -> str:
    """Return the name under which a class stands in a description."""
    if kind in _TORCH_SETTINGS:
        return f"torch.nn.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def find_classes(names: Iterable[str], given: Iterable[type]) -> dict[str, type]:
    """Return the classes with these names, if all of them may be built.

    Raises:
        ValueError: Some are neither common ones of torch.nn, nor of seqae, nor given; names them.
    """
    given = list(given)
    full_names = {name_of(kind): kind for kind in given}
    own_names = {kind.__name__: kind for kind in given}
    found: dict[str, type | None] = {}
    for name in names:
        found[name] = full_names.get(name) or _TORCH_CLASSES.get(name)
        if found[name] is None and name.startswith("seqae."):
            found[name] = _of_seqae(name)
        elif found[name] is None:  # a class of a script is __main__.Name to one script and module.Name to another
            found[name] = own_names.get(name.rpartition(".")[2])
    if unknown := sorted(name for name, kind in found.items() if kind is None):
        unknown = [name if name.isprintable() and len(name) < 200 else ascii(name[:50]) for name in unknown[:20]]
        short = ", ".join(name.rpartition(".")[2] for name in unknown)
        raise ValueError(
            f"it holds classes that seqae does not know: {', '.join(unknown)}. If you trust them: classes=[{short}]"
        )
    return found


def _of_seqae(name: str) -> type:
    _, *modules, _ = name.split(".")
    is_open = modules and modules[0] in _CLASS_HOMES and not any(module.startswith("_") for module in modules)
    kind = _defined(name) if is_open else None
    if not isinstance(kind, type) or not is_savable(kind):
        raise ValueError(
            f"{name} is no class that seqae builds from a file (modules, dataclasses and classes with a fit method in "
            f"seqae.{', seqae.'.join(_CLASS_HOMES)} are). Was it written by another version?"
        )
    return kind


def is_savable(kind: type) -> bool:
    """Whether objects of a class are told by their settings and what fitting learnt."""
    return issubclass(kind, nn.Module) or is_dataclass(kind) or callable(getattr(kind, "fit", None))


def find_function(name: str) -> object:
    """Return the error function, pooling and the like with this name.

    Raises:
        ValueError: It is none of the functions of seqae that a model may hold.
    """
    is_open = name.rpartition(".")[0] in _FUNCTION_MODULES and "._" not in name
    function = _defined(name) if is_open else None
    if not inspect.isfunction(function):
        raise ValueError(
            f"{name} is no function that an artifact may hold (those of {', '.join(_FUNCTION_MODULES)} are). "
            "Make it a frozen dataclass with a __call__ method"
        )
    return function


def _defined(name: str) -> object:
    """Return what is defined under a name within seqae, None if there is no such thing.

    What a module has merely imported (`seqae.errors.torch`) is not defined there.
    """
    module_name, _, own_name = name.rpartition(".")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and module_name.startswith(error.name):
            return None  # there is no such module; a missing extra is another matter
        raise
    found = vars(module).get(own_name)
    here = getattr(found, "__module__", None) == module_name and getattr(found, "__qualname__", None) == own_name
    return found if here else None


def settings_of(thing: object) -> dict[str, object]:
    """Return what to give to the constructor to get a thing like this one.

    Raises:
        ValueError: An argument of the constructor was not kept; names class and argument.
    """
    if isinstance(thing, nn.Sequential | nn.ModuleList) and type(thing) in _TORCH_SETTINGS:
        return {"layers": dict(thing._modules)}  # named_children() would leave out a module that is there twice
    settings = {}
    for name in _argument_names(type(thing)):
        if not hasattr(thing, name):
            kind = type(thing).__name__
            raise ValueError(
                f"{kind} takes {name!r} and does not keep it. Write self.{name} = {name} in {kind}.__init__, "
                "so that it can be built again"
            )
        settings[name] = getattr(thing, name)
    if type(thing) in _TORCH_SETTINGS and not isinstance(settings.get("bias", True), bool):
        settings["bias"] = settings["bias"] is not None  # layers keep the parameter under the argument's name
    return settings


def construct(kind: type, settings: Mapping[str, object]) -> object:
    """Build an object of a class from its settings."""
    if unknown := settings.keys() - set(_argument_names(kind)):
        raise ValueError(f"{name_of(kind)} takes no {', '.join(sorted(unknown))}")
    if kind is nn.Sequential:
        return nn.Sequential(OrderedDict(settings["layers"]))
    if kind is nn.ModuleList:
        return nn.ModuleList(settings["layers"].values())
    if kind in _TORCH_SETTINGS:
        return kind(**settings)
    given = inspect.BoundArguments(inspect.signature(kind), OrderedDict(settings))
    return kind(*given.args, **given.kwargs)


def _argument_names(kind: type) -> list[str]:
    if kind in _TORCH_SETTINGS:
        return _TORCH_SETTINGS[kind].split()
    if kind.__init__ is nn.Module.__init__:  # it takes anything and keeps nothing
        return []
    arguments = inspect.signature(kind).parameters.values()
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        raise ValueError(f"{kind.__name__} takes **keywords, which cannot be kept by name. Spell its arguments out")
    return [argument.name for argument in arguments]
