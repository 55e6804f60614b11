"""Moving MNIST: digits that move across a black square and bounce off its walls, generated as it is read.

Srivastava et al. 2015, https://arxiv.org/abs/1502.04681: two digits, 20 frames of 64 x 64, the larger of both values
where they overlap.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from seqae.batch import Batch
from seqae.datasets.images import ImageDataset


class MovingMNIST:
    """A dataset of videos `(frames, 1, size, size)` float32 from 0 to 1, each a function of the seed and its index.

    A digit starts at a random position, moves in a random direction at one speed, and is reflected at the walls, where
    it stops for a moment. Positions are whole pixels, rounded down.

    Args:
        images: The digits, of one channel.
        num_videos: The number of videos.
        frames: The number of frames of a video.
        size: Height and width of a frame.
        digits: The number of digits in a video.
        step: Distance between frames, as a fraction of the distance between the walls.
        seed: Seed of the digits and their directions.

    Raises:
        ValueError: The images have several channels, or are not smaller than a frame.
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
        """The number of frames of each video, `(videos,)`."""
        return np.full(self.num_videos, self.frames, dtype=np.int64)

    def __len__(self) -> int:
        return self.num_videos

    def __getitem__(self, index: int) -> Tensor:
        """Return a video, `(frames, 1, size, size)`."""
        if not 0 <= index < self.num_videos:
            raise IndexError(f"video {index} of {self.num_videos}")
        return self.batch(np.array([index])).values[0]

    def batch(self, indices: np.ndarray) -> Batch:
        """Return a batch of the videos with these indices `(batch,)`."""
        values = np.stack([self._video(int(index)) for index in indices])
        return Batch.full(torch.from_numpy(values).to(torch.float32).div_(255).unsqueeze(2))

    def paths(self, index: int) -> np.ndarray:
        """Return row and column of the upper left corners of the digits of a video, `(digit, frame, 2)` int64."""
        return self._sample(index)[1]

    def _video(self, index: int) -> np.ndarray:
        chosen, paths = self._sample(index)
        video = np.zeros((self.frames, self.size, self.size), dtype=np.uint8)
        for image, path in zip(self.images.pixels[chosen, 0].numpy(), paths):
            height, width = image.shape
            for frame, (row, column) in zip(video, path):
                window = frame[row : row + height, column : column + width]
                np.maximum(window, image, out=window)
        return video

    def _sample(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the indices of the digits of a video, and their paths."""
        random = np.random.default_rng((self.seed, index))
        chosen = random.integers(len(self.images), size=self.digits)
        start, angle = random.random((self.digits, 2)), 2 * np.pi * random.random(self.digits)
        way = self.step * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        canvas = self.size - np.array(self.images.size[1:])
        return chosen, (canvas * bounce(start, way, self.frames)).astype(np.int64).swapaxes(0, 1)


class EpochSampler:
    """Indices of videos for a `seqae.DataLoader`, others in each epoch: generated videos need not be seen twice.

    Args:
        num_videos: The number of videos in an epoch.
        batch_size: The number of videos in a batch.
    """

    def __init__(self, num_videos: int, batch_size: int):
        self.num_videos = num_videos
        self.batch_size = batch_size
        self.epoch = 0

    @property
    def sampler(self) -> EpochSampler:
        """Itself: here Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the videos of this epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_videos // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        indices = self.num_videos * self.epoch + np.arange(self.num_videos)
        yield from np.array_split(indices, len(self))


def bounce(start: np.ndarray, step: np.ndarray, frames: int) -> np.ndarray:
    """Return positions between 0 and 1 after each of several steps, `(frames, *start)`.

    Args:
        start: Positions before the first step, any shape.
        step: The velocity, of the same shape; changes its sign at 0 and at 1.
        frames: Number of steps.
    """
    position, velocity, positions = start.copy(), step.copy(), []
    for _ in range(frames):
        position = position + velocity
        velocity = np.where((position <= 0) | (position >= 1), -velocity, velocity)
        position = position.clip(0, 1)
        positions.append(position)
    return np.stack(positions)


def entropy(frames: Tensor) -> float:
    """Return the entropy of frames in nats, a bound of any cross-entropy: the sum over pixels, the mean over frames.

    A pixel of 0.5 costs at least 0.69 nats. For Moving MNIST the entropy is 86.4 nats per frame.

    Args:
        frames: `(frame, channel, height, width)` from 0 to 1.
    """
    pixels = torch.special.entr(frames) + torch.special.entr(1 - frames)
    return float(pixels.flatten(start_dim=1).sum(dim=1).mean())
