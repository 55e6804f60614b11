"""Warn when a model has learnt nothing although its loss alone would not show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.inference import evaluating
from seqae.losses import mean_loss


def posterior_collapse_warning(
    model: Autoencoder, batches: Iterable[Batch], loss: Callable[[Tensor, Tensor], Tensor]
) -> str | None:
    """Return a warning if a trained autoencoder ignores its code or predicts the mean, else None.

    A model that ignores its code (posterior collapse) reconstructs as well from the code of another sequence; a model
    that predicts the mean is no better than the mean of each value over all steps.

    Args:
        model: A trained autoencoder.
        batches: Held-out sequences, `(batch, time, *step)` each.
        loss: The loss that it was trained with, see `seqae.losses`.
    """
    own, swapped, constant, sizes = [], [], [], []
    with evaluating(model) as device:
        for batch in (batch.to(device) for batch in batches):
            code = model.encode(batch)
            own.append(mean_loss(loss(model.decode(code, batch.lengths).steps, batch.steps)))
            other = model.decode(code.roll(1, dims=0), batch.lengths)
            swapped.append(mean_loss(loss(other.steps, batch.steps)) if len(batch) > 1 else own[-1])
            if batch.values.is_floating_point() and other.steps.shape == batch.steps.shape:
                center = batch.steps.nanmean(dim=0, keepdim=True).expand_as(batch.steps)
                constant.append(mean_loss(loss(center, batch.steps)))
            sizes.append(len(batch))
    own_loss, swapped_loss = _mean(own, sizes), _mean(swapped, sizes)
    if constant and own_loss > 0.95 * _mean(constant, sizes):
        return (
            f"the model predicts little more than the mean (loss {own_loss:.4g}, of the mean "
            f"{_mean(constant, sizes):.4g}). Train longer, with a higher learning rate or a larger code"
        )
    if max(sizes) > 1 and swapped_loss < 1.05 * own_loss:
        return (
            f"the model ignores its code (loss {own_loss:.4g} with its own codes, {swapped_loss:.4g} with those of "
            "other sequences). Train longer, or take a weaker decoder or a smaller penalty"
        )
    return None


def _mean(losses: list[Tensor], sizes: list[int]) -> float:
    """Return the mean loss of batches, weighted by their sizes."""
    weight = torch.tensor(sizes, dtype=torch.float64)
    return float((torch.stack(losses).double().cpu() * weight).sum() / weight.sum())
