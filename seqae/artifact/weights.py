"""The tensors of all modules in a tree: their names, their sizes, their file, and how they come back."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn.parameter import Parameter, is_lazy

from seqae.artifact import arrays
from seqae.artifact.checksum import FORMAT


def pack(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors of any shape, by name, as the content of a file of weights."""
    return safetensors.torch.save(dict(tensors), metadata={"format": "pt", "seqae_format": str(FORMAT)})


def unpack(data: bytes, path: Path) -> dict[str, Tensor]:
    """Return the tensors, of any shape, by name, in the content of a file of weights.

    Raises:
        ValueError: The content is something else; names the file.
    """
    try:
        return safetensors.torch.load(data)
    except (SafetensorError, KeyError) as error:
        raise ValueError(f"{path} is no file of weights ({error})") from error


def to_store(modules: Mapping[str, nn.Module], large_arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """Return all weights and arrays, of any shape, by name, on the CPU.

    Raises:
        ValueError: A weight has no shape yet, or an array has the name of a weight; names it.
    """
    tensors = {  # copies: safetensors refuses tensors that share memory
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in _weights(modules).items()
    }
    for name, array in large_arrays.items():
        if name in tensors:
            raise ValueError(f"{name} is the name of an array and of a weight. Rename one of them")
        tensors[name] = arrays.to_tensor(array)
    return tensors


def refuse_non_finite(stored: Mapping[str, Tensor], array_names: Container[str]) -> None:
    """Raise a ValueError if a weight, a tensor of any shape, holds NaN or infinity; names it. Arrays may hold them."""
    for name, tensor in stored.items():
        if name not in array_names and tensor.is_floating_point() and not _is_finite(tensor):
            known = tensor.float().isfinite().double().mean().item()
            raise ValueError(
                f"{name or 'the weight'} holds NaN or infinity ({1 - known:.0%} of its numbers), so that the model "
                "says nothing of any data. It diverged while training, or was changed: train it again, with a smaller "
                "learning_rate"
            )


def _is_finite(tensor: Tensor) -> bool:
    # A sum is not finite if a summand is not, and takes no memory; of finite ones it may be infinite.
    return bool(tensor.numel() == 0 or (tensor.element_size() > 2 and tensor.sum().isfinite())) or bool(
        (tensor if tensor.element_size() > 1 else tensor.float()).isfinite().all()
    )


def widen(stored: Mapping[str, Tensor], array_names: Container[str]) -> dict[str, Tensor]:
    """Return weights, of any shape, of 8 or 16 bits as float32, which holds the same numbers; the rest as it is.

    Half precision and less is for memory and accelerators: on the CPU, where a model is loaded to, layers refuse it or
    round each result to three digits. `model.half()` and `model.bfloat16()` bring it back bit by bit.
    """
    return {
        name: tensor.float() if name not in array_names and _is_narrow(tensor) else tensor
        for name, tensor in stored.items()
    }


def _is_narrow(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.element_size() < 4


def compare(modules: Mapping[str, nn.Module], array_names: Iterable[str], stored: Mapping[str, Tensor]) -> None:
    """Make sure that stored weights, of any shape, fit the modules exactly.

    Raises:
        ValueError: A weight is absent, left over, or of another size or kind; names it.
    """
    for path, module in _outermost(modules).items():
        _refuse_unstored_tensors(path, module)
    weights = _weights(modules)
    if absent := weights.keys() - stored.keys():
        raise ValueError(f"the weights lack {_first(absent)}, which its settings ask for")
    if left_over := stored.keys() - weights.keys() - set(array_names):
        raise ValueError(f"the weights hold {_first(left_over)}, which its settings do not ask for")
    for name, tensor in weights.items():
        dtype, shape = stored[name].dtype, tuple(stored[name].shape)
        if shape != tensor.shape:
            raise ValueError(f"{name} has the shape {shape}, and {tuple(tensor.shape)} according to its settings")
        # A model may have been saved in half or double precision; another kind of dtype is an error.
        if dtype != tensor.dtype and not (dtype.is_floating_point and tensor.is_floating_point()):
            raise ValueError(f"{name} is made of {dtype}, and of {tensor.dtype} according to its settings")


def load_weights(modules: Mapping[str, nn.Module], stored: Mapping[str, Tensor], frozen: Iterable[str]) -> None:
    """Give modules that were built on the "meta" device their weights, and switch them to evaluation.

    Args:
        modules: All modules by path, of the sizes of the weights (see `compare`).
        stored: The weights by name, tensors of any shape.
        frozen: Names of the parameters that do not learn.
    """
    frozen = set(frozen)
    loaded = {}
    for name, tensor in _weights(modules).items():
        value = stored[name]
        loaded[id(tensor)] = Parameter(value, requires_grad=False) if isinstance(tensor, Parameter) else value
    # All names first, since loading replaces the tensors by whose identity they are looked up.
    states = [
        (module, {key: loaded[id(tensor)] for key, tensor in module.state_dict(keep_vars=True).items()})
        for module in _outermost(modules).values()
    ]
    for module, state in states:
        module.load_state_dict(state, strict=True, assign=True)
        module.eval()
    for name, tensor in _weights(modules).items():
        if isinstance(tensor, Parameter):
            tensor.requires_grad_(name not in frozen)


def frozen_names(modules: Mapping[str, nn.Module]) -> list[str]:
    """Return the names of the parameters that do not learn."""
    return [name for name, tensor in _parameters(modules).items() if not tensor.requires_grad]


def parameter_count(modules: Mapping[str, nn.Module]) -> int:
    """Return the number of values in all parameters."""
    return sum(parameter.numel() for parameter in _parameters(modules).values())


def _parameters(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in _weights(modules).items() if isinstance(tensor, Parameter)}


def _weights(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    """Return all parameters and buffers by name; one that is shared has its first name only."""
    weights: dict[str, Tensor] = {}
    met: set[int] = set()
    for path, module in _outermost(modules).items():
        for key, tensor in module.state_dict(keep_vars=True).items():
            if is_lazy(tensor):
                raise ValueError(
                    f"{f'{path}.{key}' if path else key} has no shape before data has gone through its layer. Run a "
                    "batch through the model, and write the sizes where it is built (nn.Linear, not nn.LazyLinear)"
                )
            if not isinstance(tensor, Tensor):
                raise ValueError(f"{path or 'it'} has {key} in its state, which is no tensor")
            if id(tensor) not in met:
                met.add(id(tensor))
                weights[f"{path}.{key}" if path else key] = tensor
    return weights


def _outermost(modules: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """Return the modules that lie in no other one, by path; their states hold everything."""
    outermost: dict[str, nn.Module] = {}
    inside: set[int] = set()
    for path in sorted(modules, key=lambda path: (len(path), path)):  # the holder's path is the shorter one
        if id(modules[path]) not in inside:
            outermost[path] = modules[path]
            inside.update(map(id, modules[path].modules()))
    return outermost


def _refuse_unstored_tensors(path: str, module: nn.Module) -> None:
    """Tensors outside the module's state would come back without values."""
    buffers = {name for name, _ in module.named_buffers(remove_duplicate=False)}
    loose = {
        f"{name}.{attribute}" if name else attribute
        for name, part in module.named_modules()
        for attribute, value in vars(part).items()
        if isinstance(value, Tensor)
    }
    if unstored := (buffers - module.state_dict().keys()) | loose:
        name = _first(unstored)
        raise ValueError(
            f"{f'{path}.{name}' if path else name} is a tensor that is not stored. "
            "Register it as a persistent buffer (register_buffer)"
        )


def _first(names: Iterable[str]) -> str:
    names = sorted(names)
    return names[0] + (f" (and {len(names) - 1} more)" if len(names) > 1 else "")
