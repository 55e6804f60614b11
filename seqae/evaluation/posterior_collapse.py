"""Warn when an autoencoder has learnt nothing, or does not use its code, which its loss alone would not show."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.reconstruction_scores import Loss, predicted_values
from seqae.inference import device_of, in_evaluation
from seqae.losses import mean_loss, squared_error
from seqae.modules.codes import GaussianCode, TopKCode
from seqae.modules.encoders import NullEncoder

_LITTLE = 0.05  # by so much a loss has to differ from that of other codes, as a fraction of it
_LITTLE_LEARNT = 0.2  # and by so much from that of the mean
_NO_DIVERGENCE = 0.05  # nats
_ENOUGH = 16  # sequences: a unit may have one value for a few of them by chance


def collapse_warnings(
    model: Autoencoder, batches: Iterable[Batch], loss: Loss, teacher_forcing: bool = False
) -> list[str]:
    """Return what is wrong with a trained autoencoder, each in a sentence that says what to do; empty if nothing is.

    - It predicts little more than the mean of each value over all steps.
    - It ignores its code (posterior collapse, Bowman et al. 2016, https://arxiv.org/abs/1511.06349): it predicts as
      well from the code of another sequence, or its `GaussianCode` is the prior, nearly, for every sequence.
    - Units of its code are dead: the same for all sequences.

    Args:
        model: A trained autoencoder, or another module that has its `encode` and `decode`.
        batches: Held-out sequences, `(batch, time, *step)` each; a few are enough. All are in memory together.
        loss: The loss that it was trained with, see `seqae.losses`.
        teacher_forcing: Whether the decoder reads the true steps, as in the loss of an `ELBO`.
    """
    with in_evaluation(model) as model:
        moved = [batch.to(device_of(model)) for batch in batches]
        if not moved or isinstance(getattr(model, "encoder", None), NullEncoder):  # whose code is meant to say nothing
            return []
        codes = torch.cat([model.encode(batch) for batch in moved])
        own, constant = _losses(model, moved, codes, loss, teacher_forcing)
        found = [_mean_alone(own, constant), _dead_units(model, codes)]
        if found[0] is None:
            # From the sequence that is half of all away, since neighbours may be alike.
            swapped, _ = _losses(model, moved, codes.roll(len(codes) // 2, dims=0), loss, teacher_forcing)
            found.append(_no_divergence(model, moved) or (_ignored(own, swapped) if len(codes) > 1 else None))
    return [sentence for sentence in found if sentence is not None]


def _losses(
    model: Autoencoder, batches: list[Batch], codes: Tensor, loss: Loss, teacher_forcing: bool
) -> tuple[float, float]:
    """Return the mean loss of what a model predicts from codes, and that of the mean of each value, NaN for tokens."""
    steps = torch.cat([batch.steps for batch in batches])
    center = steps.nanmean(dim=0, keepdim=True) if steps.is_floating_point() else None
    found, constant, counts = [], [], []
    for batch, code in zip(batches, codes.split([len(batch) for batch in batches])):
        decoded = model.decoder(code, batch.lengths, batch) if teacher_forcing else model.decode(code, batch.lengths)
        predictions, truth = decoded.steps, batch.steps
        values = None if center is None else predicted_values(loss, predictions, truth)
        # The mean is a value: it can't be compared with logits, or with means and variances.
        error = loss if values is None or values is predictions else squared_error
        found.append(mean_loss(error(predictions if values is None else values, truth)))
        if values is not None and center is not None:
            constant.append(mean_loss(error(center.expand_as(truth), truth)))
        counts.append(len(truth))
    return _mean(found, counts), _mean(constant, counts) if constant else float("nan")


def _mean_alone(own: float, constant: float) -> str | None:
    if not own > (1 - _LITTLE_LEARNT) * constant > 0:
        return None
    return (
        f"the model predicts little more than the mean (loss {own:.4g}, of the mean {constant:.4g}). Train longer, "
        "with a higher learning rate or a larger code"
    )


def _ignored(own: float, swapped: float) -> str | None:
    if swapped - own >= _LITTLE * abs(own):
        return None
    return (
        f"the model ignores its code (loss {own:.4g} with its own codes, {swapped:.4g} with those of other sequences). "
        "Train longer, or take a weaker decoder or a smaller penalty"
    )


def _no_divergence(model: Autoencoder, batches: list[Batch]) -> str | None:
    if not isinstance(getattr(model, "code", None), GaussianCode):
        return None
    mean, log_variance = torch.cat([model.encoder(batch) for batch in batches]).chunk(2, dim=1)
    divergence = float(0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean())
    if divergence >= _NO_DIVERGENCE:
        return None
    return (
        f"the model ignores its code (the divergence from the prior is {divergence:.2g} nats, so a code says nothing "
        "of its sequence). Let the weight of the penalty rise slowly (LinearAnnealing), or give GaussianCode a smaller "
        "weight or free_nats"
    )


def _dead_units(model: Autoencoder, codes: Tensor) -> str | None:
    bottleneck, units = getattr(model, "code", None), codes[0].numel()
    if isinstance(bottleneck, GaussianCode):  # which leaves the units unused that it does not need
        return None
    needed = 8 * units // bottleneck.k if isinstance(bottleneck, TopKCode) else _ENOUGH
    if len(codes) < max(needed, _ENOUGH):
        return None
    values = codes.flatten(1).float()
    spread = values.amax(dim=0) - values.amin(dim=0)
    dead = int((spread <= 1e-6 * (values.abs().amax(dim=0) + spread.max())).sum())
    if not dead:
        return None
    return (
        f"{dead} of the {units} units of the code are dead, the same for all {len(codes)} sequences. Take a smaller "
        "code or penalty, or a lower learning rate"
    )


def _mean(losses: list[Tensor], counts: list[int]) -> float:
    """Return the mean loss of batches, weighted by their numbers of steps."""
    weight = torch.tensor(counts, dtype=torch.float64)
    return float((torch.stack(losses).cpu().double() * weight).sum() / weight.sum())
