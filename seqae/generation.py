"""New sequences from codes: codes to decode, and how similar the results are to real sequences."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import torch

from seqae.autoencoder import Autoencoder
from seqae.inference import device_of, in_evaluation


def decode_codes(model: Autoencoder, codes: np.ndarray, length: int = 1) -> np.ndarray:
    """Return the sequences that a model decodes from codes, `(sequences, time, *prediction)`.

    Args:
        model: An autoencoder.
        codes: Codes `(sequences, code_size)`.
        length: The number of steps of each sequence; an image has one.
    """
    device = device_of(model)
    rows = torch.as_tensor(np.asarray(codes, dtype=np.float32)).to(device)
    with in_evaluation(model) as evaluated:
        parts = [evaluated.decode(part, torch.full((len(part),), length, device=device)) for part in rows.split(256)]
        return torch.cat([part.values for part in parts]).cpu().numpy()


def sample_prior(count: int, code_size: int, seed: int = 0) -> np.ndarray:
    """Return codes `(count, code_size)` drawn from the standard normal distribution, the prior of a `GaussianCode`."""
    return np.random.default_rng(seed).standard_normal((count, code_size))


def sample_fitted_gaussian(codes: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Return codes `(count, code_size)` drawn from the normal distribution fitted to given ones.

    A plain autoencoder can generate from them, too: Ghosh et al. 2020, https://arxiv.org/abs/1903.12436.

    Args:
        codes: The codes of real sequences, `(sequences, code_size)`.
        count: The number of codes to draw.
        seed: Seed of the random codes.
    """
    codes = np.asarray(codes, dtype=np.float64)
    covariance = np.cov(codes, rowvar=False).reshape(codes.shape[1], -1)
    return np.random.default_rng(seed).multivariate_normal(codes.mean(axis=0), covariance, count)


def manifold_grid(side: int) -> np.ndarray:
    """Return codes of size 2 on a grid, `(side * side, 2)`, row by row from the upper left.

    The lines of the grid are at quantiles of the standard normal distribution, so that all cells have the same
    probability (Kingma & Welling 2013, https://arxiv.org/abs/1312.6114, figure 4).
    """
    quantiles = [NormalDist().inv_cdf((index + 0.5) / side) for index in range(side)]
    across, up = np.meshgrid(quantiles, quantiles[::-1])
    return np.stack([across.ravel(), up.ravel()], axis=1)


def interpolate(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """Return codes on the straight line from one code to another, both included, `(pairs, count, code_size)`.

    Args:
        first: First codes of the pairs, `(pairs, code_size)`.
        second: Second codes of the pairs, `(pairs, code_size)`.
        count: The number of codes on a line, at least 2.

    Raises:
        ValueError: `count` is below 2.
    """
    if count < 2:
        raise ValueError(f"{count} codes on the line from one to another. Ask for at least 2")
    fraction = np.linspace(0, 1, count)[None, :, None]
    return (1 - fraction) * np.asarray(first)[:, None] + fraction * np.asarray(second)[:, None]


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the squared Frechet distance between the normal distributions fitted to two sets of vectors.

    Dowson & Landau 1982, https://doi.org/10.1016/0047-259X(82)90077-X; for images (FID) Heusel et al. 2017,
    https://arxiv.org/abs/1706.08500. It is 0 if means and covariances are the same.

    Args:
        first: Vectors `(vectors, size)`.
        second: `(vectors, size)`; may be another number of vectors.
    """
    means = [np.mean(rows, axis=0) for rows in (first, second)]
    one, other = (np.cov(rows, rowvar=False).reshape(rows.shape[1], -1) for rows in (first, second))
    eigenvalues, eigenvectors = np.linalg.eigh(one)
    root = (eigenvectors * np.sqrt(eigenvalues.clip(0))) @ eigenvectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(np.square(means[0] - means[1]).sum() + np.trace(one) + np.trace(other) - 2 * shared)


def two_sample_accuracy(real: np.ndarray, generated: np.ndarray) -> float:
    """Return the leave-one-out accuracy of a nearest-neighbour classifier of real and generated vectors.

    0.5 if they cannot be distinguished, 1 if that is easy, below 0.5 if the generated ones are copies of the real
    ones. The two-sample test of Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545, with one nearest neighbour.

    Args:
        real: Real vectors `(vectors, size)`.
        generated: As many generated vectors, `(vectors, size)`.

    Raises:
        ValueError: There are not as many real as generated vectors.
    """
    if len(real) != len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated ones: chance would not be 0.5. Give as many")
    rows = np.concatenate([real, generated]).astype(np.float64)
    squares = np.square(rows).sum(axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    is_real = np.arange(len(rows)) < len(real)
    return float((is_real[distances.argmin(axis=1)] == is_real).mean())
