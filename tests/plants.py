"""Synthetic plants whose channels depend on each other, and recordings of them with one known fault each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

KINDS = (
    "replay",
    "phase",
    "lag",
    "sign",
    "swap",
    "frequency",
    "missing_cycle",
    "variance",
    "level",
    "spike",
)
KEEPS_RANGE = KINDS[:7]  # kinds whose values are values that the channel takes when it is well
LARGEST_LAG = 10  # rows
WARM_UP = 50  # rows before the first one: what lags reach


@dataclass(frozen=True, eq=False)
class FaultyRecording:
    """A recording with one fault.

    Attributes:
        kind: One of KINDS.
        values: `(row, channel)`.
        labels: `(row,)` bool, the rows of the fault.
        channels: The channels at fault.
    """

    kind: str
    values: np.ndarray
    labels: np.ndarray
    channels: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PlantCase:
    """A plant: normal rows to learn from, `(row, channel)`, normal rows held out, and recordings with a fault."""

    normal: np.ndarray
    held_out: np.ndarray
    recordings: list[FaultyRecording]


def make_plant(seed: int, channels: int | None = None, rows: int = 6000) -> np.ndarray:
    """Return normal rows of a plant, `(row, channel)`, stationary from the first row to the last.

    Latent drivers (sines of periods of 20 to 120 rows, some of which wander, and AR(1) processes) drive the channels, 6
    to 10 if no number is given. Each is a mix of 1 to 3 drivers, late by 0 to 10 rows, some through tanh or a square,
    with noise of its own. Every driver drives at least two channels. Mean and deviation differ between channels.
    """
    return _plant(np.random.default_rng(seed), channels, rows)[0]


def plant_cases(
    n: int = 6,
    seed0: int = 0,
    *,
    normal: int = 6000,
    held_out: int = 3000,
    repeats: int = 8,
    rows: int = 600,
    kinds: tuple[str, ...] = KINDS,
) -> list[PlantCase]:
    """Return n plants, each with `repeats` recordings of these rows for every kind of fault, one fault in each."""
    return [_case(seed0 + number, normal, held_out, repeats, rows, kinds) for number in range(n)]


def _case(seed: int, normal: int, held_out: int, repeats: int, rows: int, kinds: tuple[str, ...]) -> PlantCase:
    random = np.random.default_rng(seed)
    learned = normal + held_out
    values, noise = _plant(random, None, learned + rows * repeats * len(kinds))
    recordings = []
    for number, kind in enumerate(kinds * repeats):
        place = slice(learned + number * rows, learned + (number + 1) * rows)
        recordings.append(_faulty(kind, values[place], noise[place], values[:normal], random))
    return PlantCase(values[:normal], values[normal:learned], recordings)


def _plant(random: np.random.Generator, channels: int | None, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the values, `(row, channel)`, and how much of each is the noise of its channel."""
    channels = int(random.integers(6, 11)) if channels is None else channels
    count = int(random.integers(min(2, channels // 2), min(4, channels // 2) + 1))
    drivers = np.stack([_driver(random, rows + WARM_UP, periodic=i % 2 == 0) for i in range(count)], axis=1)
    units = [(random.uniform(-50, 50), 10 ** random.uniform(-1, 2)) for _ in range(channels)]
    values, noises = np.empty((rows, channels)), np.empty((rows, channels))
    for channel, (mean, deviation) in enumerate(units):
        clean = _mix(random, drivers, first=channel % count, rows=rows)
        noise = random.uniform(0.05, 0.2) * _ar(random, rows, random.choice([0.0, 0.5, 0.8]))
        values[:, channel] = mean + deviation * (clean + noise)
        noises[:, channel] = deviation * noise
    return values, noises


def _driver(random: np.random.Generator, rows: int, *, periodic: bool) -> np.ndarray:
    """Return a driver, `(row,)`, of deviation 1: mostly sines, or mostly an AR(1) process."""
    time = np.arange(rows)
    sines = np.zeros(rows)
    for period in random.uniform(20, 120, size=random.integers(2, 4)):
        wander = np.cumsum(random.normal(0, random.choice([0, 0.02]), rows))
        sines += random.uniform(0.5, 1) * np.sin(2 * np.pi * time / period + random.uniform(0, 2 * np.pi) + wander)
    slow = _ar(random, rows, random.uniform(0.9, 0.98))
    mixed = sines / sines.std() + 0.4 * slow if periodic else 0.4 * sines / sines.std() + slow
    return mixed / mixed.std()


def _ar(random: np.random.Generator, rows: int, coefficient: float) -> np.ndarray:
    """Return an AR(1) process, `(row,)`, of deviation 1 from its first row."""
    steps = random.normal(size=rows) * np.sqrt(1 - coefficient**2)
    steps[0] /= np.sqrt(1 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], steps)


def _mix(random: np.random.Generator, drivers: np.ndarray, first: int, rows: int) -> np.ndarray:
    """Return a channel without noise, `(row,)`, of mean 0 and deviation 1: driver `first` weighs most."""
    others = [i for i in range(drivers.shape[1]) if i != first]
    chosen = [first, *random.permutation(others)[: random.integers(0, min(3, len(others) + 1))]]
    weights = random.choice([-1, 1], len(chosen)) * random.uniform(0.2, 0.6, len(chosen))
    weights[0] = random.choice([-1, 1])
    start = WARM_UP - int(random.integers(0, LARGEST_LAG + 1))
    mixed = drivers[start : start + rows, chosen] @ weights
    mixed = mixed / mixed.std()
    form = random.choice(["linear", "linear", "tanh", "square"])
    if form == "tanh":
        mixed = np.tanh(mixed)
    elif form == "square":
        mixed = mixed + 0.3 * mixed**2
    return (mixed - mixed.mean()) / mixed.std()


def _faulty(
    kind: str, values: np.ndarray, noise: np.ndarray, normal: np.ndarray, random: np.random.Generator
) -> FaultyRecording:
    """Return a recording with a fault around its middle; `normal` tells mean, deviation and range of each channel."""
    length = 1 if kind == "spike" else int(random.integers(60, 121))
    middle = len(values) // 2 + int(random.integers(-60, 61))
    fault = slice(middle - length // 2, middle - length // 2 + length)
    channel = int(random.integers(values.shape[1]))
    values, channels = values.copy(), (channel,)
    if kind == "swap":
        channels = (channel, _partner(channel, normal, random))
        mean, deviation = normal.mean(axis=0), normal.std(axis=0)
        standard = (values[fault] - mean) / deviation
        for one, other in (channels, channels[::-1]):
            values[fault, one] = mean[one] + deviation[one] * standard[:, other]
    elif kind == "variance":
        values[fault, channel] += random.uniform(1, 2) * noise[fault, channel]  # its deviation is 2 to 3 times as large
    else:
        values[fault, channel] = FORMS[kind](values[:, channel], fault, normal[:, channel], random)
    if kind in KEEPS_RANGE:
        changed = list(channels)
        values[fault, changed] = values[fault, changed].clip(normal.min(axis=0)[changed], normal.max(axis=0)[changed])
    labels = np.zeros(len(values), dtype=bool)
    labels[fault] = True
    return FaultyRecording(kind, values, labels, channels)


def _partner(channel: int, normal: np.ndarray, random: np.random.Generator) -> int:
    """Return a channel that goes another way: exchanging two that go the same way changes nothing."""
    likeness = np.corrcoef(normal.T)[channel]
    different = np.flatnonzero(likeness < 0.7)
    return int(random.choice(different)) if len(different) else int(likeness.argmin())


def _replay(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return another time of the channel that is unlike this one and fits best at both ends: the jump tells nothing."""
    length, here = fault.stop - fault.start, readings[fault]
    pieces = np.stack([normal[at : at + length] for at in random.integers(0, len(normal) - length, 300)])
    likeness = np.array([np.corrcoef(piece, here)[0, 1] for piece in pieces])
    jumps = abs(pieces[:, 0] - here[0]) + abs(pieces[:, -1] - here[-1])
    return pieces[np.where(likeness < max(0.3, likeness.min()), jumps, np.inf).argmin()]


def _phase(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the channel, 5 to 15 rows early or late from one row to the next."""
    shift = int(random.integers(5, 16)) * int(random.choice([-1, 1]))
    return readings[fault.start + shift : fault.stop + shift]


def _lag(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the channel, late by a delay that grows to 5 to 15 rows and falls back, without a jump."""
    time = np.arange(fault.start, fault.stop)
    delay = np.minimum(1, 4 * np.sin(np.pi * (time - fault.start + 0.5) / len(time)))
    return np.interp(time - int(random.integers(5, 16)) * delay, np.arange(len(readings)), readings)


def _frequency(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the channel at another speed: half to three quarters as fast, or 1.4 to 2 times as fast."""
    speed = random.uniform(0.5, 0.75) if random.random() < 0.5 else random.uniform(1.4, 2)
    time = fault.start + speed * np.arange(fault.stop - fault.start)
    return np.interp(time, np.arange(len(readings)), readings)


def _sign(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return 2 * normal.mean() - readings[fault]


def _missing_cycle(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.full(fault.stop - fault.start, readings[fault].mean())


def _level(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return readings[fault] + random.choice([-1, 1]) * random.uniform(1, 2) * normal.std()


def _spike(readings: np.ndarray, fault: slice, normal: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return readings[fault] + random.choice([-1, 1]) * random.uniform(6, 10) * normal.std()


FORMS: dict[str, Callable[[np.ndarray, slice, np.ndarray, np.random.Generator], np.ndarray]] = {
    "replay": _replay,
    "phase": _phase,
    "lag": _lag,
    "sign": _sign,
    "frequency": _frequency,
    "missing_cycle": _missing_cycle,
    "level": _level,
    "spike": _spike,
}
