"""How likely a variational autoencoder holds sequences to be, and how much of its code it uses."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.datasets.sequences import Dataset
from seqae.inference import evaluating
from seqae.losses import binary_cross_entropy
from seqae.modules.codes import GaussianCode


def log_weights(
    model: Autoencoder, batch: Batch, samples: int, loss: Callable[[Tensor, Tensor], Tensor] = binary_cross_entropy
) -> Tensor:
    """Return the logarithms of importance weights in nats, `(batch, samples)`, with gradients.

    A weight is p(sequence, code) / q(code | sequence) of a code drawn from q. Their mean is the evidence lower bound,
    the logarithm of their mean weight the tighter bound of Burda et al. 2015, https://arxiv.org/abs/1509.00519.

    Args:
        model: Its code is a `GaussianCode`.
        batch: The sequences.
        samples: Codes that are drawn for each sequence.
        loss: Negative log-likelihoods in nats, of `seqae.losses`: `binary_error`, `gaussian_error`, `token_error`.

    Raises:
        ValueError: The model's code is not drawn, or values between 0 and 1 stand under a binary likelihood.
    """
    _check(model, batch, loss)
    mean, log_variance = model.encoder(batch).chunk(2, dim=1)
    noise = torch.randn(samples, *mean.shape, device=mean.device)
    code = mean + noise * (0.5 * log_variance).exp()
    # The normalising constants of prior and posterior cancel.
    ratio = 0.5 * (noise.square() + log_variance - code.square()).sum(dim=2)
    many = Batch(_repeated(batch.values, samples), _repeated(batch.lengths, samples))
    errors = loss(model.decoder(code.flatten(0, 1), many.lengths, targets=many).steps, many.steps)
    steps = torch.where(errors.isnan(), torch.zeros_like(errors), errors).reshape(len(errors), -1).sum(dim=1)
    sums = many.with_steps(steps).mask_padding().values.sum(dim=1)
    return (ratio - sums.unflatten(0, ratio.shape)).T


def importance_bound(
    model: Autoencoder,
    batch: Batch,
    samples: int,
    loss: Callable[[Tensor, Tensor], Tensor] = binary_cross_entropy,
    together: int = 2000,
) -> np.ndarray:
    """Return an upper bound of each sequence's negative log-likelihood in nats, `(batch,)`; lower is better.

    With one sample it is the evidence lower bound (a draw of it), with many it comes near to the likelihood.

    Args:
        model: Its code is a `GaussianCode`.
        batch: The sequences.
        samples: Codes that are drawn for each sequence.
        loss: Negative log-likelihoods in nats, as in `log_weights`.
        together: Sequences that are decoded together; memory grows with it.
    """
    share = max(1, together // len(batch))
    counts = [min(share, samples - done) for done in range(0, samples, share)]
    with evaluating(model) as device:
        batch = batch.to(device)
        # Each part's logarithm of a sum, so that no more than one part's weights are there at a time.
        sums = [log_weights(model, batch, count, loss).double().logsumexp(dim=1) for count in counts]
        return (math.log(samples) - torch.stack(sums).logsumexp(dim=0)).cpu().numpy()


def estimate_nll(model: Autoencoder, source: Dataset, samples: int, count: int, seed: int = 0) -> tuple[float, float]:
    """Return the mean upper bound of all sequences' negative log-likelihood, and its standard error, in nats.

    Many samples of all sequences take long. So all are bounded by 100 samples, and some by many; how much lower these
    come stands for the others, which is where the error comes from.

    Args:
        model: Its code is a `GaussianCode`, its likelihood binary.
        source: The sequences.
        samples: Codes that are drawn for each of some sequences.
        count: How many these are.
        seed: Of the choice and the draws.
    """

    def bounds(numbers: np.ndarray, samples: int) -> np.ndarray:
        parts = np.split(numbers, range(100, len(numbers), 100))
        return np.concatenate([importance_bound(model, source.batch(part), samples) for part in parts])

    torch.manual_seed(seed)
    few = bounds(np.arange(len(source.lengths)), min(samples, 100))
    chosen = np.random.default_rng(seed).permutation(len(few))[:count]
    lower = bounds(chosen, samples) - few[chosen]
    missing = 1 - len(chosen) / len(few)
    return float(few.mean() + lower.mean()), float(lower.std() * np.sqrt(missing / len(chosen)))


def kl_per_unit(model: Autoencoder, batch: Batch) -> np.ndarray:
    """Return the divergence of each code number's distribution from the prior in nats, `(batch, code_size)`."""
    _check_code(model)
    with evaluating(model) as device:
        mean, log_variance = model.encoder(batch.to(device)).chunk(2, dim=1)
        return (0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)).cpu().numpy()


def active_units(codes: np.ndarray, min_variance: float = 0.01) -> int:
    """Return how many code numbers say something: their means vary by more than `least` between sequences.

    Burda et al. 2015, https://arxiv.org/abs/1509.00519, section 5.1.

    Args:
        codes: Means, `(sequence, code_size)`, of `seqae.encode`.
        min_variance: Variance above which a number is active.
    """
    return int((np.var(codes, axis=0) > min_variance).sum())


def _check(model: Autoencoder, batch: Batch, error: Callable[[Tensor, Tensor], Tensor]) -> None:
    _check_code(model)
    if error is not binary_cross_entropy:
        return
    steps = batch.steps
    between = steps[(steps != 0) & (steps != 1) & ~steps.isnan()]
    if len(between):
        raise ValueError(
            f"a value of {float(between[0]):.3g} under a binary likelihood, which knows 0 and 1 only: the result would "
            "be no likelihood. Binarise first"
        )


def _check_code(model: Autoencoder) -> None:
    if not isinstance(model.code, GaussianCode):
        raise ValueError(f"the model's code is {type(model.code).__name__}. A likelihood needs a GaussianCode")


def _repeated(tensor: Tensor, times: int) -> Tensor:
    return tensor.expand(times, *tensor.shape).flatten(0, 1)
