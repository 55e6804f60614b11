"""New sequences from codes: where in the space of codes to look, and how like true ones the results are."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import torch

from seqae.autoencoder import Autoencoder
from seqae.inference import evaluating


def decode_codes(model: Autoencoder, codes: np.ndarray, length: int = 1) -> np.ndarray:
    """Return what a model writes for codes `(sequence, code_size)`: `(sequence, time, *prediction)`.

    Args:
        model: An autoencoder.
        codes: Where to look.
        length: Steps of each sequence; an image has one.
    """
    rows = torch.as_tensor(np.asarray(codes, dtype=np.float32))
    with evaluating(model) as device:
        parts = [
            model.decode(part, torch.full((len(part),), length, device=device)) for part in rows.to(device).split(256)
        ]
        return torch.cat([part.values for part in parts]).cpu().numpy()


def sample_prior(count: int, code_size: int, seed: int = 0) -> np.ndarray:
    """Draw codes `(count, code_size)` from the standard normal distribution, the prior of a `GaussianCode`."""
    return np.random.default_rng(seed).standard_normal((count, code_size))


def sample_fitted_gaussian(codes: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Draw codes `(count, code_size)` from the normal distribution that fits given ones `(sequence, code_size)`.

    So a plain autoencoder can be drawn from, too: Ghosh et al. 2020, https://arxiv.org/abs/1903.12436.
    """
    codes = np.asarray(codes, dtype=np.float64)
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    return np.random.default_rng(seed).multivariate_normal(codes.mean(axis=0), covariance, count)


def manifold_grid(side: int) -> np.ndarray:
    """Return a grid over the plane, `(side * side, 2)`, row by row from the upper left.

    Its lines lie at quantiles of the standard normal distribution, so that each cell is as likely as any other (Kingma
    & Welling 2013, https://arxiv.org/abs/1312.6114, figure 4).
    """
    lines = [NormalDist().inv_cdf((number + 0.5) / side) for number in range(side)]
    across, up = np.meshgrid(lines, lines[::-1])
    return np.stack([across.ravel(), up.ravel()], axis=1)


def interpolate(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Return codes on the straight line from one to another, both included, `(pair, count, code_size)`.

    Args:
        first: `(pair, code_size)`.
        second: `(pair, code_size)`.
        count: Codes on a line, at least 2.
    """
    if count < 2:
        raise ValueError(f"{count} codes on the way from one to another. Ask for at least 2")
    share = np.linspace(0, 1, count)[None, :, None]
    return (1 - share) * np.asarray(first)[:, None] + share * np.asarray(second)[:, None]


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return how far the normal distributions lie apart that fit two sets of vectors `(thing, number)`; 0 is alike.

    Dowson & Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X; for pictures Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500. It is the square of a distance.
    """
    means = [np.mean(rows, axis=0) for rows in (first, second)]
    one, other = (np.cov(rows, rowvar=False).reshape(rows.shape[1], -1) for rows in (first, second))
    sizes, directions = np.linalg.eigh(one)
    root = (directions * np.sqrt(sizes.clip(0))) @ directions.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(np.square(means[0] - means[1]).sum() + np.trace(one) + np.trace(other) - 2 * shared)


def two_sample_accuracy(true: np.ndarray, written: np.ndarray) -> float:
    """Return how often a vector's nearest neighbour is of its own kind, true or written.

    0.5 if they can't be told apart, 1 if that is easy, less than 0.5 if the written ones are copies of the true ones.
    The two-sample test of Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545, with one nearest neighbour, each
    vector left out in turn.

    Args:
        true: `(thing, number)`.
        written: As many.
    """
    if len(true) != len(written):
        raise ValueError(f"{len(true)} true and {len(written)} written ones: chance would not be 0.5. Give as many")
    rows = np.concatenate([true, written]).astype(np.float64)
    squares = np.square(rows).sum(axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    kind = np.arange(len(rows)) < len(true)
    return float((kind[distances.argmin(axis=1)] == kind).mean())
