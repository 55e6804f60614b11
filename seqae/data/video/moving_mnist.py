"""Digits that move across a black square and bounce off its walls: a test bed for video, generated as it is needed.

Moving MNIST of Srivastava et al. 2015, https://arxiv.org/abs/1502.04681: two digits, 20 frames of 64 x 64, the larger
of both values where they overlap.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.images import ImageDataset


class MovingMNIST:
    """A dataset of videos, (time, 1, height, width) from 0 to 1. A video is a function of the seed and its index.

    A digit starts anywhere, goes into any direction at one speed, and stops for a moment at a wall, from where it goes
    on in the mirrored direction. Positions are whole pixels, rounded down.

    Args:
        images: The digits, of one channel.
        num_videos: The number of videos.
        frames: The number of frames in a video.
        size: Height and width of a frame.
        digits: The number of digits in a video.
        step: The distance that a digit goes from frame to frame, as a fraction of the way from wall to wall.
        seed: Seed of the digits and their paths.

    Raises:
        ValueError: A digit has more than one channel, or is as large as a frame.
    """

    def __init__(
        self,
        images: ImageDataset,
        num_videos: int,
        frames: int = 20,
        size: int = 64,
        digits: int = 2,
        step: float = 0.1,
        seed: int = 0,
    ):
        channels, height, width = images.size
        if channels != 1 or max(height, width) >= size:
            raise ValueError(
                f"digits of {channels} x {height} x {width} for frames of {size} x {size}. Expected digits of one "
                "channel that are smaller than a frame"
            )
        self.images = images
        self.num_videos = num_videos
        self.frames = frames
        self.size = size
        self.digits = digits
        self.step = step
        self.seed = seed

    @property
    def lengths(self) -> np.ndarray:
        """The number of frames of each video, (video,) int64."""
        return np.full(self.num_videos, self.frames, dtype=np.int64)

    def __len__(self) -> int:
        return self.num_videos

    def __getitem__(self, index: int) -> Tensor:
        """Return one video, (time, 1, height, width) float32 from 0 to 1."""
        if not 0 <= index < self.num_videos:
            raise IndexError(f"video {index} of {self.num_videos}")
        return self.batch(np.array([index])).values[0]

    def batch(self, indices: np.ndarray) -> Batch:
        """Return some videos, (video, time, 1, height, width) float32 from 0 to 1."""
        values = np.stack([self._video(int(index)) for index in indices])
        return Batch.full(torch.from_numpy(values).to(torch.float32).div_(255).unsqueeze(2))

    def paths(self, index: int) -> np.ndarray:
        """Return where the upper left corners of the digits of a video are, (digit, time, 2): row and column."""
        return self._digits_and_paths(index)[1]

    def _video(self, index: int) -> np.ndarray:
        chosen, paths = self._digits_and_paths(index)
        video = np.zeros((self.frames, self.size, self.size), dtype=np.uint8)
        for image, path in zip(self.images.pixels[chosen, 0].numpy(), paths):
            height, width = image.shape
            for frame, (row, column) in zip(video, path):
                covered = frame[row : row + height, column : column + width]
                np.maximum(covered, image, out=covered)
        return video

    def _digits_and_paths(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the digits of a video, (digit,), and their paths, (digit, time, 2)."""
        random = np.random.default_rng((self.seed, index))
        chosen = random.integers(len(self.images), size=self.digits)
        start, angle = random.random((self.digits, 2)), 2 * np.pi * random.random(self.digits)
        way = self.step * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        canvas = self.size - np.array(self.images.size[1:])
        return chosen, (canvas * bounce(start, way, self.frames)).astype(np.int64).swapaxes(0, 1)


class EpochSampler:
    """Batches of indices for a DataLoader, other ones in each epoch: generated videos never repeat.

    Args:
        num_videos: The number of videos in an epoch.
        batch_size: The number of videos in a batch.
    """

    def __init__(self, num_videos: int, batch_size: int):
        self.num_videos = num_videos
        self.batch_size = batch_size
        self.epoch = 0
        self.start = 0

    @property
    def sampler(self) -> EpochSampler:
        """This sampler: Lightning looks for `set_epoch` here."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the videos of this epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_videos // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        indices = self.num_videos * self.epoch + np.arange(self.num_videos)
        start, self.start = self.start, 0
        yield from np.array_split(indices, len(self))[start:]


def bounce(start: np.ndarray, step: np.ndarray, frames: int) -> np.ndarray:
    """Return positions from 0 to 1 after each of several steps, (time, *start).

    Args:
        start: Positions before the first step, any shape.
        step: The change in each step, of the same shape; its sign changes at 0 and at 1.
        frames: The number of steps.
    """
    position, step, positions = start.copy(), step.copy(), []
    for _ in range(frames):
        position = position + step
        step = np.where((position <= 0) | (position >= 1), -step, step)
        position = position.clip(0, 1)
        positions.append(position)
    return np.stack(positions)


def entropy(frames: Tensor) -> float:
    """Return the mean over frames of the entropy of all pixels in nats, below which no cross-entropy can be.

    A grey pixel of 0.5 costs at least 0.69 nats. With Moving MNIST it is 86.4 nats per frame.

    Args:
        frames: (frame, channel, height, width) from 0 to 1.
    """
    pixels = torch.special.entr(frames) + torch.special.entr(1 - frames)
    return float(pixels.flatten(start_dim=1).sum(dim=1).mean())
