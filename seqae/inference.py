"""Apply trained models: in evaluation mode, without gradients, with numpy arrays as results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.datasets.sequences import as_tensors
from seqae.modules.encoders import Encoder


def encode(model: Autoencoder | Encoder, sequences: Sequence[np.ndarray | Tensor], batch_size: int = 256) -> np.ndarray:
    """Return the codes of sequences of any lengths, `(sequences, code_size)`, float32.

    Args:
        model: An autoencoder or an encoder.
        sequences: Arrays or tensors `(time, *step)`.
        batch_size: The number of sequences that are encoded together; the result does not depend on it.

    Raises:
        ValueError: There are no sequences, or one of them is empty.

    Examples:
        >>> import numpy as np
        >>> import seqae
        >>> encoder = seqae.MeanEncoder(3, code_size=8)
        >>> seqae.encode(encoder, [np.zeros((5, 3)), np.ones((2, 3))]).shape
        (2, 8)
    """
    encoded = model.encode if isinstance(model, Autoencoder) else model
    codes = over_batches(model, as_tensors(sequences), batch_size, lambda batch: list(encoded(batch)))
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
        ValueError: There are no sequences, or one of them is empty.
    """
    found = over_batches(model, as_tensors(sequences), batch_size, lambda batch: model.reconstruct(batch).unpad())
    return [sequence.numpy() for sequence in found]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[torch.device]:
    """Switch a module to evaluation mode without gradients, and back afterwards; yields its device."""
    modes = {part: part.training for part in module.modules()}
    try:
        with torch.inference_mode():
            module.eval()
            yield next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    finally:
        for part, mode in modes.items():
            part.training = mode


def over_batches(
    model: nn.Module, sequences: list[Tensor], batch_size: int, function: Callable[[Batch], list[Tensor]]
) -> list[Tensor]:
    """Return the result of a function for each sequence, in their order.

    Args:
        model: Switched to evaluation mode; its device is used.
        sequences: Tensors `(time, *step)`.
        batch_size: The number of sequences in a batch; those of a batch have similar lengths.
        function: Maps a batch to a tensor for each of its sequences.

    Raises:
        ValueError: There are no sequences.
    """
    if not sequences:
        raise ValueError("no sequences (an empty list). Give at least one")
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]))
    found: dict[int, Tensor] = {}
    with evaluating(model) as device:
        for at in range(0, len(order), batch_size):
            indices = order[at : at + batch_size]
            batch = Batch.of([sequences[index] for index in indices]).to(device)
            found.update(zip(indices, (result.cpu() for result in function(batch))))
    return [found[index] for index in range(len(sequences))]
