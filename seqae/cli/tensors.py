"""Autoencoders and encoders without an estimator around them, applied to raw sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.inference import evaluating, over_batches
from seqae.losses import mean_loss, squared_error, token_cross_entropy


def are_tokens(model: nn.Module) -> bool:
    """Return whether a model reads ids of tokens: its encoder embeds them."""
    return isinstance(getattr(getattr(model, "encoder", model), "embed", None), nn.Embedding)


def to_tensors(items: Sequence[Any], is_token_model: bool) -> list[Tensor]:
    """Return tables and arrays as tensors `(time, *step)`: int64 for ids of tokens, else float32, as they are.

    Raises:
        ValueError: The model reads tokens, and these are none.
    """
    arrays = [np.asarray(getattr(item, "values", item)) for item in items]
    if not is_token_model:
        return [torch.tensor(array[:, None] if array.ndim == 1 else array, dtype=torch.float32) for array in arrays]
    for index, array in enumerate(arrays):
        if array.dtype.kind not in "iu" or array.ndim != 1:
            raise ValueError(
                f"sequence {index} holds {array.dtype} of shape {array.shape}, and this model reads ids of tokens. "
                "Expected whole numbers (time,)"
            )
    return [torch.tensor(array, dtype=torch.int64) for array in arrays]


def checked(function: Callable, model: nn.Module, sequences: list[Tensor]) -> Any:
    """Return what a function makes of a model and sequences.

    Raises:
        ValueError: The model cannot read such steps, or makes NaN of missing values.
    """
    kind = type(model).__name__
    try:
        found = function(model, sequences)
    except (RuntimeError, IndexError) as error:
        shape = tuple(sequences[0].shape[1:])
        why = " ".join(str(error).split())[:200]
        raise ValueError(
            f"this {kind} cannot read steps of shape {shape} ({why}). Give sequences like those of its training"
        ) from error
    for index, (result, sequence) in enumerate(zip(found, sequences)):
        if not np.isfinite(np.asarray(result)).all():
            what = "missing values (NaN)" if sequence.is_floating_point() and sequence.isnan().any() else "such values"
            raise ValueError(
                f"this {kind} makes NaN or infinity of {what} (sequence {index}). Fill them first, or train a "
                "SequenceAutoencoder, which reads them"
            )
    return found


def losses(model: Autoencoder, sequences: list[Tensor]) -> list[Tensor]:
    """Return the mean loss of each sequence `(time, *step)`: the squared error, or the cross entropy of tokens, nats.

    A value that is missing has no loss; the loss is NaN if a prediction is.
    """
    predictions = over_batches(model, sequences, 256, lambda evaluated, batch: evaluated.reconstruct(batch).unpad())
    loss = squared_error if sequences[0].is_floating_point() else token_cross_entropy
    means = [mean_loss(loss(prediction, steps)) for prediction, steps in zip(predictions, sequences)]
    return [mean + 0 * prediction.sum() for mean, prediction in zip(means, predictions)]


def check_size(codes: np.ndarray, model: Autoencoder) -> None:
    """Raise a ValueError if codes `(codes, code_size)` are of another size than those of a model."""
    size = getattr(model.encoder, "code_size", codes.shape[1])
    if codes.shape[1] != size:
        raise ValueError(f"codes of {codes.shape[1]} numbers. Expected {size}, as this {type(model).__name__} writes")


def decode_raw(
    model: Autoencoder, codes: np.ndarray, lengths: np.ndarray | None, is_token_model: bool
) -> list[np.ndarray]:
    """Return the sequence of each code `(codes, code_size)`, `(time, *step)`; ids of the likeliest tokens.

    Raises:
        ValueError: There are no lengths, and the model has not learnt them; or the codes are of another size.
    """
    check_size(codes, model)
    steps = None if lengths is None else torch.as_tensor(lengths, dtype=torch.int64)

    def decode(model: Autoencoder, rows: list[Tensor]) -> list[np.ndarray]:
        with evaluating(model) as device:
            batch = model.decode(torch.stack(rows).to(device), None if steps is None else steps.to(device))
            return [row.cpu().numpy() for row in batch.unpad()]

    found = checked(decode, model, list(torch.tensor(codes, dtype=torch.float32)))
    return [row.argmax(axis=-1) for row in found] if is_token_model else found
