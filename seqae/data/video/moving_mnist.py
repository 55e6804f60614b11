"""Digits that move across a black square and bounce off its walls: a test bed for films, made as it is needed.

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
    """A source of films `(frames, 1, size, size)` from 0 to 1. A film is a function of the seed and its number.

    A digit starts anywhere, goes into any direction at one speed, and stops for a moment at a wall, from where it goes
    on in the mirrored direction. Positions are whole pixels, rounded down.

    Args:
        images: The digits, of one channel.
        num_videos: How many films there are.
        frames: Of a film.
        size: Height and width of a frame.
        digits: In a film.
        step: That a digit goes between frames, as a share of the way from wall to wall.
        seed: Of digits and ways.
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
        """The number of frames of each film, `(films,)`."""
        return np.full(self.num_videos, self.frames, dtype=np.int64)

    def __len__(self) -> int:
        return self.num_videos

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < self.num_videos:
            raise IndexError(f"film {number} of {self.num_videos}")
        return self.batch(np.array([number])).values[0]

    def batch(self, indices: np.ndarray) -> Batch:
        values = np.stack([self._film(int(number)) for number in indices])
        return Batch.full(torch.from_numpy(values).to(torch.float32).div_(255).unsqueeze(2))

    def paths(self, number: int) -> np.ndarray:
        """Return where the upper left corners of the digits of a film are, `(digit, frame, 2)`: row and column."""
        return self._drawn(number)[1]

    def _film(self, number: int) -> np.ndarray:
        chosen, paths = self._drawn(number)
        film = np.zeros((self.frames, self.size, self.size), dtype=np.uint8)
        for image, path in zip(self.images.pixels[chosen, 0].numpy(), paths):
            height, width = image.shape
            for frame, (row, column) in zip(film, path):
                place = frame[row : row + height, column : column + width]
                np.maximum(place, image, out=place)
        return film

    def _drawn(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the digits of a film, and their paths."""
        random = np.random.default_rng((self.seed, number))
        chosen = random.integers(len(self.images), size=self.digits)
        start, angle = random.random((self.digits, 2)), 2 * np.pi * random.random(self.digits)
        way = self.step * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        canvas = self.size - np.array(self.images.size[1:])
        return chosen, (canvas * bounce(start, way, self.frames)).astype(np.int64).swapaxes(0, 1)


class EpochSampler:
    """Numbers of films for a `seqae.datasets.sequences.Loader`, other ones in each epoch: films are made, so none is worn.

    Args:
        num_videos: In an epoch.
        batch_size: Films in a batch.
    """

    def __init__(self, num_videos: int, batch_size: int):
        self.num_videos = num_videos
        self.batch_size = batch_size
        self.epoch = 0
        self.start = 0

    @property
    def sampler(self) -> EpochSampler:
        """Itself: here Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the films of this epoch; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.num_videos // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        numbers = self.num_videos * self.epoch + np.arange(self.num_videos)
        start, self.start = self.start, 0
        yield from np.array_split(numbers, len(self))[start:]


def bounce(start: np.ndarray, step: np.ndarray, frames: int) -> np.ndarray:
    """Return places between 0 and 1 after each of several steps, `(frames, *start)`.

    Args:
        start: Places before the first step, any shape.
        step: What is added to them each time, of the same shape; changes its sign at 0 and at 1.
        frames: How many steps are taken.
    """
    place, step, places = start.copy(), step.copy(), []
    for _ in range(frames):
        place = place + step
        step = np.where((place <= 0) | (place >= 1), -step, step)
        place = place.clip(0, 1)
        places.append(place)
    return np.stack(places)


def entropy(frames: Tensor) -> float:
    """Return the mean over frames of the entropy of all pixels in nats, below which no cross-entropy can be.

    Grey is uncertain: a pixel of 0.5 costs at least 0.69 nats. With Moving MNIST it is 86.4 nats per frame.

    Args:
        frames: From 0 to 1, `(frame, channel, height, width)`.
    """
    pixels = torch.special.entr(frames) + torch.special.entr(1 - frames)
    return float(pixels.flatten(start_dim=1).sum(dim=1).mean())
