"""Videos of moving digits: what the generator of Srivastava et al. 2015 makes."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqae.data import EpochSampler, MovingMNIST, bounce, entropy, read_images
from seqae.datasets import ImageDataset

SQUARES = ImageDataset.of(np.full((3, 4, 4), 255, np.uint8) // np.arange(1, 4, dtype=np.uint8)[:, None, None])


def test_a_video_is_a_function_of_seed_and_index():
    videos = MovingMNIST(SQUARES, 5, size=16, seed=1)
    assert torch.equal(videos[3], videos.batch(np.array([4, 3])).values[1])
    assert torch.equal(videos[3], MovingMNIST(SQUARES, 9, size=16, seed=1)[3])
    assert not torch.equal(videos[3], videos[4])
    assert not torch.equal(videos[3], MovingMNIST(SQUARES, 5, size=16, seed=2)[3])


def test_frames_hold_the_digits_at_their_paths_and_the_larger_value_where_they_overlap():
    videos = MovingMNIST(SQUARES, 40, frames=12, size=9)
    brightest = set(SQUARES.pixels.unique().tolist())
    for index in range(len(videos)):
        video, paths = videos[index], videos.paths(index)
        seen = torch.zeros(12, 9, 9, dtype=torch.bool)
        for path in paths:
            for time, (row, column) in enumerate(path):
                seen[time, row : row + 4, column : column + 4] = True
        assert torch.equal(video[:, 0] > 0, seen)
        assert set((255 * video[video > 0]).round().int().tolist()) <= brightest


@given(st.integers(0, 2**32), st.floats(0.01, 0.5))
def test_digits_go_straight_on_but_for_walls(seed, step):
    random = np.random.default_rng(seed)
    start, angle = random.random((6, 2)), 2 * np.pi * random.random(6)
    way = step * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    places = bounce(start, way, 30)
    assert places.min() >= 0 and places.max() <= 1
    moved = np.abs(np.diff(places, axis=0))
    free = (places[1:] > 0) & (places[1:] < 1)
    np.testing.assert_allclose(moved[free], np.broadcast_to(np.abs(way), moved.shape)[free], atol=1e-12)


def test_bouncing_leaves_its_arguments_alone():
    start, step = np.array([0.9]), np.array([0.2])
    np.testing.assert_allclose(bounce(start, step, 3)[:, 0], [1.0, 0.8, 0.6])
    assert start == 0.9 and step == 0.2


def test_entropy_of_grey_and_of_black():
    grey = torch.zeros(2, 1, 3, 3)
    grey[0, 0, 0, :2] = 0.5
    assert entropy(grey) == pytest.approx(math.log(2))
    assert entropy(torch.ones(1, 1, 2, 2)) == 0


def test_digits_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"digits of 1 x 4 x 4 for frames of 4 x 4"):
        MovingMNIST(SQUARES, 5, size=4)
    with pytest.raises(IndexError, match="video 5 of 5"):
        MovingMNIST(SQUARES, 5, size=16)[5]


def test_every_epoch_has_videos_of_its_own():
    indices = EpochSampler(10, batch_size=4)
    first = np.concatenate(list(indices))
    indices.set_epoch(1)
    later = list(indices)
    assert len(later) == len(indices) and not set(first) & set(np.concatenate(later))
    assert sorted(np.concatenate(list(indices))) == list(range(10, 20))


@pytest.mark.skipif(
    not any(Path(os.environ.get("SEQAE_DATA", "/-"), place).is_dir() for place in ("MNIST/raw", "mnist")),
    reason="SEQAE_DATA names no folder with MNIST",
)
def test_moving_mnist_is_as_uncertain_and_as_bright_as_published():
    # 86.3 nats a frame in Kalchbrenner et al. 2017 (https://arxiv.org/abs/1610.00527).
    images = read_images("mnist", os.environ["SEQAE_DATA"])[0]
    videos = torch.cat([MovingMNIST(images, 300, seed=seed).batch(np.arange(300)).steps for seed in range(3)])
    assert entropy(videos) == pytest.approx(86.4, abs=1.5)
