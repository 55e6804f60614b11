"""Another device than the CPU that every machine has: torch's meta device, whose tensors have shapes but no numbers.

What would wait for a GPU, because the program asks for a number or a size that only the GPU knows, raises here, and so
does what mixes tensors of both devices. Speed and numbers it can't tell: for these there is tests/benchmarks/gpu.py.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

DEVICE = torch.device("meta")
# What on CUDA copies something to the host before it returns.
WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount",
    "equal",
}  # fmt: skip
COPIES = {"copy_", "_to_copy"}


class NeverWaits(TorchDispatchMode):
    """Within it an operation raises that would wait for the device, or reads tensors of the CPU beside those of it."""

    def __torch_dispatch__(self, function: Any, types: Sequence[type], args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = function.overloadpacket.__name__
        tensors = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        if any(each.device == DEVICE for each in tensors):
            target = torch.device(kwargs.get("device") or DEVICE) if name == "_to_copy" else DEVICE
            if name == "copy_":
                target = args[0].device
            assert name not in WAITS and target == DEVICE and not _counts(name, args, kwargs), (
                f"{name} waits for the device"
            )
            assert name in COPIES or all(each.device == DEVICE or each.ndim == 0 for each in tensors), (
                f"{name} reads a tensor of the CPU beside one of the device"
            )
        return function(*args, **kwargs)


def _counts(name: str, args: Any, kwargs: Any) -> bool:
    """Whether the size of the result depends on numbers: of masks as an index, and of repetitions."""
    if name == "repeat_interleave":
        return kwargs.get("output_size") is None
    is_index = name in ("index", "index_put", "index_put_", "_index_put_impl_")
    return is_index and any(each is not None and each.dtype == torch.bool for each in args[1])
