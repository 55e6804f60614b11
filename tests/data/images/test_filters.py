"""Filters for images, against the same things written as loops."""

import numpy as np

from seqae.data.images.filters import median_filter, non_local_means


def noisy(channels=2):
    return np.random.default_rng(0).random((2, channels, 6, 7))


def patch(image, row, column, reach):
    """The square around a pixel, (channel, row, column), the edge repeated outwards."""
    rows = np.clip(np.arange(row - reach, row + reach + 1), 0, image.shape[1] - 1)
    columns = np.clip(np.arange(column - reach, column + reach + 1), 0, image.shape[2] - 1)
    return image[:, rows][:, :, columns]


def test_median_filter_takes_the_middle_of_nine():
    images = noisy()
    found = median_filter(images)
    for number, channel, row, column in np.ndindex(images.shape):
        assert found[number, channel, row, column] == np.median(patch(images[number], row, column, 1)[channel])


def test_non_local_means_weighs_pixels_by_their_patches():
    images = noisy(channels=1)
    found = non_local_means(images, noise=0.2, reach=2)
    image = images[0]
    for row in range(1, 5):
        total = weights = 0
        for down in range(-2, 3):
            for right in range(-2, 3):
                # Beyond the edge an image is its edge again, and so are the patches there.
                framed = np.pad(image, ((0, 0), (3, 3), (3, 3)), mode="edge")
                own = patch(image, row, 3, 1)
                other = framed[:, row + 2 + down : row + 5 + down, 5 + right : 8 + right]
                weight = np.exp(-max(np.mean((own - other) ** 2) - 2 * 0.2**2, 0) / 0.2**2)
                total, weights = total + weight * other[0, 1, 1], weights + weight
        np.testing.assert_allclose(found[0, 0, row, 3], total / weights)


def test_both_leave_a_plain_image_alone_and_lower_noise():
    plain = np.full((1, 1, 20, 20), 0.5)
    noise = plain + 0.2 * np.random.default_rng(0).normal(size=plain.shape)
    for clean in (median_filter, lambda images: non_local_means(images, 0.2)):
        np.testing.assert_allclose(clean(plain), plain)
        assert np.square(clean(noise) - plain).mean() < 0.3 * np.square(noise - plain).mean()
