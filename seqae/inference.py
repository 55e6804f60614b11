"""Trained models at work: evaluation mode, no gradients, numpy out."""

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
    """Return the codes of sequences of any lengths, `(sequences, code_size)`.

    Args:
        model: An autoencoder or its encoder.
        sequences: Arrays or tensors `(time, *step)`.
        batch_size: Sequences that are encoded together; the result does not depend on it.
    """
    generate = model.encode if isinstance(model, Autoencoder) else model
    codes = over_batches(model, as_tensors(sequences), batch_size, lambda batch: list(generate(batch)))
    return np.stack([code.numpy() for code in codes])


def reconstruct(
    model: Autoencoder, sequences: Sequence[np.ndarray | Tensor], batch_size: int = 256
) -> list[np.ndarray]:
    """Return the reconstruction of each sequence, `(time, *prediction)` each."""
    found = over_batches(model, as_tensors(sequences), batch_size, lambda batch: model.reconstruct(batch).unpad())
    return [sequence.numpy() for sequence in found]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[torch.device]:
    """Switch to evaluation without gradients, and back; gives the module's device."""
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
    """Apply a function to batches of similar lengths; the results come in the order of the sequences."""
    if not sequences:
        raise ValueError("no sequences (an empty list). Give at least one")
    order = sorted(range(len(sequences)), key=lambda number: len(sequences[number]))
    found: dict[int, Tensor] = {}
    with evaluating(model) as device:
        for at in range(0, len(order), batch_size):
            numbers = order[at : at + batch_size]
            batch = Batch.of([sequences[number] for number in numbers]).to(device)
            found.update(zip(numbers, (result.cpu() for result in function(batch))))
    return [found[number] for number in range(len(sequences))]
