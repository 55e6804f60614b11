"""Synthetic clips with captions: a shape that moves one way and then another.

A caption describes the clip completely, so that it can be exactly right. Some combinations of shape and directions are
kept for the test: a model that repeats whole training sentences fails there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import permutations, product

import numpy as np
import torch

from seqae.data import CaptionedClip, read_captioned_folder

SIDE = 32  # pixels
SIZES = {"small": 3.5, "large": 6.0}  # pixels from the middle to the edge
WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}  # rows, columns
MIN_FRAMES, MAX_FRAMES = 12, 24
_EDGE = 0.6  # pixels over which a shape fades
_NOISE = 0.04

# Signed distance of a position (row, column) to a shape, negative inside, in units of the shape's size.
SHAPES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ring": lambda row, column: np.abs(np.hypot(row, column) - 0.8) - 0.22,
    "disc": lambda row, column: np.hypot(row, column) - 1,
    "square": lambda row, column: np.maximum(np.abs(row), np.abs(column)) - 0.85,
    "triangle": lambda row, column: np.maximum(row - 0.7, np.abs(column) - row / 2 - 0.5),
    "cross": lambda row, column: np.maximum(np.minimum(np.abs(row), np.abs(column)) - 0.28, _larger(row, column) - 1),
    "bar": lambda row, column: np.maximum(np.abs(row) - 0.35, np.abs(column) - 1),
}


def captioned_clips(folder: str, count: int, seed: int) -> tuple[list[CaptionedClip], list[CaptionedClip]]:
    """Return clips to learn from and for the test: every fifth of one's own in a folder, or synthetic ones."""
    if folder:
        own = read_captioned_folder(folder, (SIDE, SIDE))
        return [clip for at, clip in enumerate(own) if at % 5 != 4], own[4::5]
    return synthetic_clips(count, seed), synthetic_clips(min(500, count), seed + 1, unseen=True)


def synthetic_clips(count: int, seed: int = 0, unseen: bool = False) -> list[CaptionedClip]:
    """Return clips `(time, 1, 32, 32)` of 12 to 24 frames with captions such as "a small ring moves left then up".

    Args:
        count: Number of clips.
        seed: Seed of all random numbers.
        unseen: Whether to show the combinations of shape and ways that are kept for the test, a sixth of all, in place
            of the others.
    """
    random = np.random.default_rng([seed, unseen])
    scenes = [scene for index, scene in enumerate(_scenes()) if _is_for_test(index) == unseen]
    return [_clip(*scenes[random.integers(len(scenes))], random) for _ in range(count)]


def most_frequent(captions: Sequence[str]) -> str:
    """Return the most frequent word of each position, of captions of the most frequent length."""
    words = [caption.split() for caption in captions]
    length = Counter(map(len, words)).most_common(1)[0][0]
    positions = zip(*(each for each in words if len(each) == length))
    return " ".join(Counter(position).most_common(1)[0][0] for position in positions)


def _scenes() -> list[tuple[str, tuple[str, str]]]:
    return list(product(SHAPES, permutations(WAYS, 2)))


def _is_for_test(scene: int) -> bool:
    """Whether a combination is for the test: each shape and each pair of ways is trained in other combinations."""
    shape, ways = divmod(scene, 12)
    return (ways + 2 * shape) % 6 == 0


def _clip(shape: str, ways: tuple[str, str], random: np.random.Generator) -> CaptionedClip:
    size = random.choice(list(SIZES))
    time = random.integers(MIN_FRAMES, MAX_FRAMES + 1)
    turn = round(time * random.uniform(0.35, 0.65))
    speed = random.uniform(11, 17) / time
    steps = np.array([WAYS[ways[0]]] * turn + [WAYS[ways[1]]] * (time - turn)) * speed
    path = np.cumsum(steps, axis=0)
    margin = 0.8 * SIZES[size]
    path += random.uniform(margin - path.min(axis=0), SIDE - 1 - margin - path.max(axis=0))
    frames = np.stack([_draw(shape, SIZES[size] * random.uniform(0.95, 1.05), position) for position in path])
    frames = np.clip(frames * random.uniform(0.7, 1) + random.normal(scale=_NOISE, size=frames.shape), 0, 1)
    pixels = torch.from_numpy(frames.astype(np.float32)).unsqueeze(1)
    return CaptionedClip(pixels, (f"a {size} {shape} moves {ways[0]} then {ways[1]}",))


def _draw(shape: str, size: float, position: np.ndarray) -> np.ndarray:
    """Return an image `(height, width)` of a shape, from 0 to 1."""
    rows, columns = ((np.arange(SIDE) - middle) / size for middle in position)
    return np.clip(0.5 - SHAPES[shape](rows[:, None], columns[None, :]) * size / _EDGE, 0, 1)


def _larger(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(row), np.abs(column))
