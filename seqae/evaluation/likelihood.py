"""The likelihood of sequences under a variational autoencoder, and how much of its code it uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch, on_host, to_device
from seqae.datasets.sequences import Dataset
from seqae.inference import device_of, in_evaluation
from seqae.losses import binary_cross_entropy
from seqae.modules.codes import GaussianCode


def log_weights(
    model: Autoencoder, batch: Batch, num_samples: int, loss: Callable[[Tensor, Tensor], Tensor] = binary_cross_entropy
) -> Tensor:
    """Return the logarithms of importance weights in nats, `(batch, num_samples)`, with gradients.

    A weight is p(sequence, code) / q(code | sequence) of a code drawn from q. Their mean is the evidence lower bound,
    the logarithm of their mean weight the tighter bound of Burda et al. 2015, https://arxiv.org/abs/1509.00519.

    Args:
        model: An autoencoder whose code is a `GaussianCode`.
        batch: The sequences, `(batch, time, *step)`.
        num_samples: The number of codes that are drawn for each sequence.
        loss: The negative log-likelihood in nats, of `seqae.losses`: `binary_cross_entropy`, `gaussian_nll` or
            `token_cross_entropy`.

    Raises:
        ValueError: The model's code is no `GaussianCode`, or values between 0 and 1 have a binary likelihood.
    """
    _check(model, batch, loss)
    mean, log_variance = model.encoder(batch).chunk(2, dim=1)
    noise = torch.randn(num_samples, *mean.shape, device=mean.device)
    code = mean + noise * (0.5 * log_variance).exp()
    # The normalising constants of prior and posterior cancel.
    ratio = 0.5 * (noise.square() + log_variance - code.square()).sum(dim=2)
    lengths = to_device(_repeated(on_host(batch.lengths), num_samples), batch.lengths.device)
    many = Batch(_repeated(batch.values, num_samples), lengths)
    losses = loss(model.decoder(code.flatten(0, 1), many.lengths, targets=many).steps, many.steps)
    steps = torch.where(losses.isnan(), torch.zeros_like(losses), losses).reshape(len(losses), -1).sum(dim=1)
    sums = many.with_steps(steps).values.sum(dim=1)  # whose padding is zero
    return (ratio - sums.unflatten(0, ratio.shape)).T


def importance_bound(
    model: Autoencoder,
    batch: Batch,
    num_samples: int,
    loss: Callable[[Tensor, Tensor], Tensor] = binary_cross_entropy,
    batch_size: int = 2000,
) -> np.ndarray:
    """Return an upper bound of each sequence's negative log-likelihood in nats, `(batch,)`; lower is better.

    With one sample it is an estimate of the negative evidence lower bound, with many it comes near to the likelihood.
    Burda et al. 2015, https://arxiv.org/abs/1509.00519.

    Args:
        model: An autoencoder whose code is a `GaussianCode`.
        batch: The sequences, `(batch, time, *step)`.
        num_samples: The number of codes that are drawn for each sequence.
        loss: The negative log-likelihood in nats, as in `log_weights`.
        batch_size: The number of sequences that are decoded together; memory grows with it.

    Raises:
        ValueError: As in `log_weights`.
    """
    step = max(1, batch_size // len(batch))
    counts = [min(step, num_samples - done) for done in range(0, num_samples, step)]
    with in_evaluation(model) as evaluated:
        batch = batch.to(device_of(model))
        # The logarithm of each part's sum, so that the weights of only one part are in memory at a time.
        sums = [log_weights(evaluated, batch, count, loss).double().logsumexp(dim=1) for count in counts]
        return (math.log(num_samples) - torch.stack(sums).logsumexp(dim=0)).cpu().numpy()


def estimate_nll(
    model: Autoencoder, dataset: Dataset[Batch], num_samples: int, count: int, seed: int = 0
) -> tuple[float, float]:
    """Return the mean upper bound of all sequences' negative log-likelihood, and its standard error, in nats.

    Many samples of all sequences take long. So the bound of all is computed from 100 samples, and that of some from
    many, too; the mean difference between the two stands for the others, which is where the error comes from. Seeds
    torch's global generator.

    Args:
        model: An autoencoder whose code is a `GaussianCode`, with a binary likelihood.
        dataset: The sequences.
        num_samples: The number of codes that are drawn for each of some sequences.
        count: The number of these sequences.
        seed: Seed of the choice and of the codes.

    Raises:
        ValueError: As in `log_weights`.
    """

    def bounds(indices: np.ndarray, num_samples: int) -> np.ndarray:
        parts = np.split(indices, range(100, len(indices), 100))
        return np.concatenate([importance_bound(model, dataset.batch(part), num_samples) for part in parts])

    torch.manual_seed(seed)
    few = bounds(np.arange(len(dataset.lengths)), min(num_samples, 100))
    chosen = np.random.default_rng(seed).permutation(len(few))[:count]
    difference = bounds(chosen, num_samples) - few[chosen]
    missing = 1 - len(chosen) / len(few)
    return float(few.mean() + difference.mean()), float(difference.std() * np.sqrt(missing / len(chosen)))


def kl_per_unit(model: Autoencoder, batch: Batch) -> np.ndarray:
    """Return the Kullback-Leibler divergence of each code unit from the prior in nats, `(batch, code_size)`.

    Args:
        model: An autoencoder whose code is a `GaussianCode`.
        batch: The sequences, `(batch, time, *step)`.

    Raises:
        ValueError: The model's code is no `GaussianCode`.
    """
    _check_code(model)
    with in_evaluation(model) as evaluated:
        mean, log_variance = evaluated.encoder(batch.to(device_of(model))).chunk(2, dim=1)
        return (0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)).cpu().numpy()


def active_units(codes: np.ndarray, min_variance: float = 0.01) -> int:
    """Return the number of active code units: those whose means have more than `min_variance` between sequences.

    Burda et al. 2015, https://arxiv.org/abs/1509.00519, section 5.1.

    Args:
        codes: The means of the codes, `(sequences, code_size)`, of `seqae.encode`.
        min_variance: The variance above which a unit is active.
    """
    return int((np.var(codes, axis=0) > min_variance).sum())


def _check(model: Autoencoder, batch: Batch, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    _check_code(model)
    if loss is not binary_cross_entropy:
        return
    steps = batch.steps
    between = steps[(steps != 0) & (steps != 1) & ~steps.isnan()]
    if len(between):
        raise ValueError(
            f"a value of {float(between[0]):.3g} under a binary likelihood, which is of 0 and 1 only: the result would "
            "be no likelihood. Binarise first"
        )


def _check_code(model: Autoencoder) -> None:
    if not isinstance(model.code, GaussianCode):
        raise ValueError(f"the model's code is {type(model.code).__name__}. A likelihood needs a GaussianCode")


def _repeated(tensor: Tensor, times: int) -> Tensor:
    """Return a tensor `(batch, ...)` several times over, `(times * batch, ...)`."""
    return tensor.expand(times, *tensor.shape).flatten(0, 1)
