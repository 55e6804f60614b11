"""Images in memory: bytes in, numbers from 0 to 1 out, one step each."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqae import Batch
from seqae.datasets.images import ImageDataset, ShiftedImages, binarize, sample_binary, to_float
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler

SHAPES = st.tuples(st.integers(1, 5), st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6))


@given(arrays(np.uint8, SHAPES))
def test_batches_hold_the_pixels_in_order(pixels):
    images = ImageDataset.of(pixels)
    numbers = np.arange(len(pixels))[::-1]
    batch = images.batch(numbers)
    np.testing.assert_allclose(batch.values.numpy()[:, 0], pixels[::-1] / np.float32(255), rtol=1e-6)
    assert batch.lengths.tolist() == [1] * len(pixels)
    assert torch.equal(Batch.of(images).values, images.batch(np.arange(len(images))).values)
    np.testing.assert_array_equal(images.array(), Batch.of(images).values.flatten(1).numpy())


@given(arrays(np.uint8, SHAPES))
def test_binary_is_what_rounding_gives(pixels):
    values = ImageDataset.of(pixels).with_transform(binarize).array()
    np.testing.assert_array_equal(values, np.round(to_float(torch.from_numpy(pixels)).numpy()).reshape(len(pixels), -1))


@given(arrays(np.uint8, SHAPES))
def test_floats_truth_values_and_16_bits_become_bytes(pixels):
    kept = ImageDataset.of(pixels).pixels
    assert torch.equal(ImageDataset.of(pixels / 255).pixels, kept)
    assert torch.equal(ImageDataset.of(pixels.astype(np.uint16) * 257).pixels, kept)
    assert torch.equal(ImageDataset.of(pixels > 9).pixels, (kept > 9).to(torch.uint8) * 255)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((28, 28), np.uint8), r"shape \(28, 28\).*Expected \(image, height, width\)"),
        (np.zeros((0, 28, 28), np.uint8), "none of them 0"),
        (np.zeros((2, 28, 28, 3), np.uint8), "channels come last"),
        (np.zeros((2, 28, 28), np.int64), "type int64"),
        (np.full((2, 28, 28), 7.0), "Floats go from 0 to 1"),
        (np.full((2, 28, 28), np.nan), "Floats go from 0 to 1"),
        (np.array(["a"]), "shape"),
    ],
)
def test_what_is_no_images_is_refused(pixels, message):
    with pytest.raises(ValueError, match=message):
        ImageDataset.of(pixels)


def test_labels_must_match():
    with pytest.raises(ValueError, match=r"labels of shape \(3,\) for 2 images"):
        ImageDataset.of(np.zeros((2, 4, 4), np.uint8), np.zeros(3))


def test_a_later_change_of_the_array_changes_nothing():
    array = np.zeros((2, 3, 3), np.uint8)
    images = ImageDataset.of(array)
    array[:] = 9
    assert not images.pixels.any()


def test_split_parts_share_no_image_and_keep_labels_at_their_images():
    pixels = np.arange(20, dtype=np.uint8)[:, None, None]
    rest, held_out = ImageDataset.of(pixels, np.arange(20)).split(5, seed=1)
    assert (len(rest), len(held_out)) == (15, 5)
    assert sorted([*rest.labels, *held_out.labels]) == list(range(20))
    np.testing.assert_array_equal(rest.pixels.flatten().numpy(), rest.labels)
    with pytest.raises(ValueError, match="20 of 20 images to hold out"):
        ImageDataset.of(pixels).split(20)


def test_shifted_images_are_moved_by_up_to_so_many_pixels_and_stay_the_same_in_a_repeated_batch():
    pixels = np.zeros((200, 7, 7), np.uint8)
    pixels[:, 3, 3] = 255
    shifted = ShiftedImages(ImageDataset.of(pixels), pixels=2, seed=1)
    values = shifted.batch(np.arange(200)).values
    places = values.flatten(1).argmax(dim=1)
    assert torch.equal(values.sum(dim=(1, 2, 3, 4)), torch.ones(200))
    assert set(places.tolist()) == {7 * row + column for row in range(1, 6) for column in range(1, 6)}
    assert torch.equal(values, shifted.batch(np.arange(200)).values)
    assert not torch.equal(values, shifted.batch(np.arange(200)[::-1]).values)
    assert torch.equal(
        ShiftedImages(ImageDataset.of(pixels), pixels=0).batch(np.arange(3)).values[0], ImageDataset.of(pixels)[0]
    )


def test_a_loader_shows_each_image_once():
    images = ImageDataset.of(np.arange(30, dtype=np.uint8)[:, None, None])
    seen = torch.cat(
        [batch.values.flatten() for batch in DataLoader(images, LengthBucketSampler(images.lengths, 8, seed=3))]
    )
    np.testing.assert_allclose(np.sort(seen.numpy() * 255), np.arange(30), rtol=1e-5)


def test_drawn_pixels_are_white_as_often_as_they_are_bright_and_stay_so_once_they_are_fixed():
    images = ImageDataset.of(np.repeat(np.uint8([0, 51, 255]), 4000).reshape(3, 40, 100)).with_transform(sample_binary)
    fractions = images.array().mean(axis=1)
    assert fractions[0] == 0 and fractions[2] == 1 and abs(fractions[1] - 0.2) < 0.03
    assert not np.array_equal(images.array(), images.array())
    fixed = images.materialize()
    assert set(np.unique(fixed.array())) == {0, 1}
    assert np.array_equal(fixed.array(), fixed.array())
