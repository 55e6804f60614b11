"""Apply trained models: in evaluation mode, without gradients, with numpy arrays as results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.datasets.sequences import as_tensors
from seqae.modules.encoders import Encoder

M = TypeVar("M", bound=nn.Module)
_TABLES = ("_parameters", "_buffers", "_modules")  # of a module of torch


def encode(model: Autoencoder | Encoder, sequences: Sequence[np.ndarray | Tensor], batch_size: int = 256) -> np.ndarray:
    """Return the codes of sequences of any lengths, `(sequences, code_size)`, float32.

    Args:
        model: An autoencoder or an encoder.
        sequences: Arrays or tensors `(time, *step)`.
        batch_size: The number of sequences that are encoded together; the result does not depend on it.

    Raises:
        ValueError: There are no sequences, one of them is empty, or has missing values that this model cannot read.

    Examples:
        >>> import numpy as np
        >>> import seqae
        >>> encoder = seqae.MeanEncoder(3, code_size=8)
        >>> seqae.encode(encoder, [np.zeros((5, 3)), np.ones((2, 3))]).shape
        (2, 8)
    """

    def codes_of(encoder: Autoencoder | Encoder, batch: Batch) -> list[Tensor]:
        return list(encoder.encode(batch) if isinstance(encoder, Autoencoder) else encoder(batch))

    tensors = as_tensors(sequences)
    codes = over_batches(model, tensors, batch_size, codes_of)
    _refuse_spread(tensors, codes)
    return np.stack([code.numpy() for code in codes])


def reconstruct(
    model: Autoencoder, sequences: Sequence[np.ndarray | Tensor], batch_size: int = 256
) -> list[np.ndarray]:
    """Return the reconstruction of each sequence, `(time, *prediction)` each.

    Args:
        model: An autoencoder.
        sequences: Arrays or tensors `(time, *step)`.
        batch_size: The number of sequences that are reconstructed together; the result does not depend on it.

    Raises:
        ValueError: As in `encode`.
    """
    tensors = as_tensors(sequences)
    written = over_batches(model, tensors, batch_size, lambda evaluated, batch: evaluated.reconstruct(batch).unpad())
    _refuse_spread(tensors, written)
    return [sequence.numpy() for sequence in written]


@contextmanager
def in_evaluation(module: M) -> Iterator[M]:
    """Yield a module in evaluation mode, without gradients; its own mode is that of other threads, and stays.

    If it is in training mode, this is another module with the same weights: what is written to the weights of one is
    seen by the other.
    """
    with torch.inference_mode():
        if not any(part.training for part in module.modules()):
            yield module
        elif any(
            "forward" in vars(part) for part in module.modules()
        ):  # bound to this very module, as by torch.compile
            with evaluating(module):
                yield module
        else:
            yield _sharing_weights(module, {})


def device_of(module: nn.Module) -> torch.device:
    """Return the device of the first weight of a module; the CPU if it has none."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))


@contextmanager
def evaluating(module: nn.Module) -> Iterator[torch.device]:
    """Switch a module to evaluation mode without gradients, and back afterwards; yields its device.

    For a module that no other thread uses; see `in_evaluation`.
    """
    modes = {part: part.training for part in module.modules()}
    try:
        with torch.inference_mode():
            module.eval()
            yield device_of(module)
    finally:
        for part, mode in modes.items():
            part.training = mode


def over_batches(
    model: M, sequences: list[Tensor], batch_size: int, function: Callable[[M, Batch], list[Tensor]]
) -> list[Tensor]:
    """Return the result of a function for each sequence, in their order.

    Args:
        model: Any model; it stays in its mode.
        sequences: Tensors `(time, *step)`.
        batch_size: The number of sequences in a batch; those of a batch have similar lengths.
        function: Maps the model in evaluation mode and a batch on its device to a tensor for each sequence.

    Raises:
        ValueError: There are no sequences.
    """
    if not sequences:
        raise ValueError("no sequences (an empty list). Give at least one")
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]))
    found: dict[int, Tensor] = {}
    device = device_of(model)
    with in_evaluation(model) as evaluated:
        for at in range(0, len(order), batch_size):
            indices = order[at : at + batch_size]
            batch = Batch.of([sequences[index] for index in indices]).to(device)
            found.update(zip(indices, (result.cpu() for result in function(evaluated, batch))))
    return [found[index] for index in range(len(sequences))]


def _refuse_spread(sequences: list[Tensor], results: list[Tensor]) -> None:
    """Raise a ValueError if a missing value of a sequence `(time, *step)` has made its result NaN as a whole."""
    for index, (sequence, result) in enumerate(zip(sequences, results)):
        if sequence.is_floating_point() and sequence.isnan().any() and result.isnan().all():
            raise ValueError(
                f"sequence {index} has missing values (NaN), of which this model makes NaN alone. Give its encoder "
                "embed=MissingValueEmbedding(), which doubles its input size, or fill the values first"
            )


def _sharing_weights(module: M, copies: dict[nn.Module, nn.Module]) -> M:
    """Return a copy of a module in evaluation mode that has the same parameters and buffers.

    Args:
        module: Any module; what it holds twice, its copy holds twice.
        copies: The copies so far.
    """
    if module not in copies:
        copy = copies[module] = cast(Any, object.__new__(type(module)))
        attributes = {name: value.copy() if name in _TABLES else value for name, value in vars(module).items()}
        copy.__dict__ = attributes | {"training": False}
        for name, part in module._modules.items():
            copy._modules[name] = None if part is None else _sharing_weights(part, copies)
    return cast(M, copies[module])
