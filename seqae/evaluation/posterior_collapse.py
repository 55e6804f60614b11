"""Says in words when a model has learnt nothing that its error alone would show."""

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
    """Return what is wrong, or None.

    A model that ignores its code writes the same with the code of another sequence; a model that
    predicts the mean is no better than the mean of each value over all steps.

    Args:
        model: A trained autoencoder.
        batches: Held-out sequences.
        loss: The error that it was trained with.
    """
    own, swapped, constant, weights = [], [], [], []
    with evaluating(model) as device:
        for batch in (batch.to(device) for batch in batches):
            code = model.encode(batch)
            own.append(mean_loss(loss(model.decode(code, batch.lengths).steps, batch.steps)))
            other = model.decode(code.roll(1, dims=0), batch.lengths)
            swapped.append(mean_loss(loss(other.steps, batch.steps)) if len(batch) > 1 else own[-1])
            if batch.values.is_floating_point() and other.steps.shape == batch.steps.shape:
                center = batch.steps.nanmean(dim=0, keepdim=True).expand_as(batch.steps)
                constant.append(mean_loss(loss(center, batch.steps)))
            weights.append(len(batch))
    mean = [_weighted(errors, weights) for errors in (own, swapped)]
    if constant and mean[0] > 0.95 * _weighted(constant, weights):
        return (
            f"the model predicts little more than the mean (error {mean[0]:.4g}, of the mean "
            f"{_weighted(constant, weights):.4g}). Train longer, with a higher learning rate or a larger code"
        )
    if max(weights) > 1 and mean[1] < 1.05 * mean[0]:
        return (
            f"the model ignores its code (error {mean[0]:.4g} with its own codes, {mean[1]:.4g} with those of other "
            "sequences). Train longer, or take a weaker decoder or a smaller penalty"
        )
    return None


def _weighted(errors: list[Tensor], weights: list[int]) -> float:
    weight = torch.tensor(weights, dtype=torch.float64)
    return float((torch.stack(errors).double().cpu() * weight).sum() / weight.sum())
