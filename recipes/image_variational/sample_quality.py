"""Similarity of samples to test images."""

import numpy as np
from sklearn.decomposition import PCA

from seqae.generation import frechet_distance, two_sample_accuracy


def sample_quality(train: np.ndarray, test: np.ndarray, samples: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Compare samples with test images in fifty principal components of the training images.

    Fréchet distance (Heusel et al. 2017, https://arxiv.org/abs/1706.08500), and how often the nearest neighbour tells a
    sample from a test image (Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545), 0.5 if it cannot.

    Args:
        train: `(image, pixel)`.
        test: `(image, pixel)`, as many as there are samples.
        samples: Samples by the name of the model, `(image, channel, height, width)`.
    """
    pca = PCA(min(50, len(test) // 2, test.shape[1]), svd_solver="full").fit(train)
    true = pca.transform(test)
    drawn = {name: pca.transform(array.reshape(len(array), -1)) for name, array in samples.items()}
    return {
        name: {
            "Fréchet distance": frechet_distance(true, array),
            "two-sample accuracy": two_sample_accuracy(true, array),
        }
        for name, array in drawn.items()
    }
