"""Images ranked by how anomalous their worst patch is."""

import numpy as np

from seqae.datasets import MaskedImage


def own_split(images: list[MaskedImage]) -> tuple[list[MaskedImage], ...]:
    """Return normal images to learn from, every fifth to choose the epoch, and every fifth with all others to rank."""
    normal, new = ([each for each in images if bool(each.mask.any()) == is_new] for is_new in (False, True))
    parts = np.minimum(np.arange(len(normal)) % 5, 2)  # 0, 1, 2, 2, 2
    valid, test, train = ([image for image, own in zip(normal, parts) if own == part] for part in range(3))
    return train, valid, test + new


def anomaly_scores(prediction: np.ndarray, truth: np.ndarray, starts: np.ndarray) -> list[float]:
    """Return for each image the largest error of a patch `(patch, pixel)` divided by the median one.

    Args:
        prediction: Patches of all images.
        truth: The same patches as they are.
        starts: The index of the first patch of the second and each further image.
    """
    errors = np.split(np.square(prediction - truth).mean(axis=1), starts)
    return [float(error.max() / max(np.median(error), 1e-9)) for error in errors]


def ranked_images(images: list[MaskedImage], scores: list[float], count: int = 12) -> dict[str, np.ndarray]:
    """Return some images from the highest score to the lowest, and their masks, `(image, channel, height, width)`."""
    order = np.argsort(-np.array(scores))[np.linspace(0, len(scores) - 1, count).astype(int)]
    pixels = np.stack([images[index].pixels.numpy() / 255 for index in order])
    masks = np.stack([images[index].mask.numpy() > 0 for index in order])
    return {"image": pixels, "truth": np.broadcast_to(masks[:, None], pixels.shape)}
