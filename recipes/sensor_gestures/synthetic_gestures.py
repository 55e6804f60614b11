"""Gestures of people who do not exist: strokes of eight kinds, `(time, 2)`, as a pen or a hand draws them."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from seqae.data import LabelledSequences

Path = Callable[[np.ndarray], np.ndarray]  # from the fraction of the stroke (time,) to positions (time, 2)


def _curve(x: Callable[[np.ndarray], np.ndarray], y: Callable[[np.ndarray], np.ndarray]) -> Path:
    return lambda done: np.stack([x(2 * np.pi * done), y(2 * np.pi * done)], axis=1)


def _corners(*points: tuple[float, float]) -> Path:
    """Return straight lines from point to point, at one speed."""
    places = np.array(points)
    lengths = np.r_[0, np.linalg.norm(np.diff(places, axis=0), axis=1).cumsum()]
    return lambda done: np.stack([np.interp(done, lengths / lengths[-1], axis) for axis in places.T], axis=1)


KINDS: dict[str, Path] = {
    "circle": _curve(np.cos, np.sin),
    "circle, clockwise": _curve(np.cos, lambda angle: -np.sin(angle)),
    "eight": _curve(np.sin, lambda angle: np.sin(2 * angle)),
    "spiral": _curve(lambda a: a / 6.3 * np.cos(2 * a), lambda a: a / 6.3 * np.sin(2 * a)),
    "square": _corners((1, 1), (-1, 1), (-1, -1), (1, -1), (1, 1)),
    "triangle": _corners((0, 1), (-1, -1), (1, -1), (0, 1)),
    "tick": _corners((-1, 0.2), (-0.4, -1), (1, 1)),
    "zigzag": _corners((-1, 1), (1, 0.6), (-1, -0.2), (1, -0.6), (-1, -1)),
}


def synthetic_gestures(people: int, repetitions: int, seed: int) -> LabelledSequences:
    """Return each kind of gesture `repetitions` times of each person, `(time, 2)` of 20 to 120 steps, in that order.

    People differ in size, proportions, slant, speed and tremor; the repetitions of one in all of that a little, in
    rotation, and in where they are quick and slow.
    """
    random = np.random.default_rng(seed)
    sequences, labels = [], []
    for _ in range(people):
        person = {
            "size": random.uniform(0.6, 1.6),
            "proportion": random.uniform(0.7, 1.4),
            "slant": random.uniform(-0.4, 0.4),
            "steps": random.uniform(30, 90),
            "turn": random.uniform(-0.3, 0.3),
            "tremor": random.uniform(0.01, 0.06),
        }
        for kind in KINDS:
            sequences += [_stroke(KINDS[kind], random=random, **person) for _ in range(repetitions)]
            labels += [kind] * repetitions
    return LabelledSequences(sequences, np.array(labels))


def _stroke(
    path: Path,
    size: float,
    proportion: float,
    slant: float,
    steps: float,
    turn: float,
    tremor: float,
    random: Generator,
) -> np.ndarray:
    """Return one gesture of a person, `(time, 2)` float32."""
    length = int(np.clip(steps * random.uniform(0.6, 1.5), 20, 120))
    even = np.linspace(0, 1, length)
    bends = random.uniform(-0.12, 0.12, 2)  # together below 1 in slope, so that time never turns back
    done = even + bends[0] * np.sin(np.pi * even) + bends[1] * np.sin(2 * np.pi * even) / 2
    angle = turn + random.normal(0, 0.15)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    drawn = path(done) @ np.array([[proportion, 0], [slant, 1 / proportion]]) @ turned.T
    moved = size * random.uniform(0.8, 1.25) * drawn + random.normal(0, 0.2, 2)
    return np.float32(moved + tremor * random.normal(size=moved.shape))
