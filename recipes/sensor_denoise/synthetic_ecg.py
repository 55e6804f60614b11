"""Electrocardiograms of people who do not exist: sums of bells, after McSharry et al. 2003.

https://doi.org/10.1109/TBME.2003.808805. Every person has a rhythm and a shape of the beat of their own; no two beats
of a person are quite alike, some are early and wide, and the baseline wanders with the breath.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

RATE = 100  # steps a second
# Time from the R wave [s], width [s] and height [mV] of the waves P, Q, R, S and T of a usual beat.
WAVES = np.array(
    [[-0.17, 0.022, 0.15], [-0.035, 0.009, -0.12], [0, 0.010, 1.1], [0.03, 0.010, -0.25], [0.26, 0.05, 0.3]]
)


@dataclass(frozen=True)
class Person:
    """How one person's heart beats.

    Attributes:
        waves: Time from the R wave in seconds, width in seconds and height in millivolts of each wave, `(wave, 3)`.
        interval: Mean seconds from beat to beat.
        variation: Deviation of the intervals and heights, as fractions.
        early: Fraction of the beats that are early and wide.
        breath: Breaths a second.
        wander: How far the breath moves the baseline, in millivolts.
    """

    waves: np.ndarray
    interval: float
    variation: float
    early: float
    breath: float
    wander: float

    @classmethod
    def drawn(cls, random: Generator) -> "Person":
        """Return a person drawn at random."""
        times, widths, heights = WAVES.T
        waves = np.stack(
            [
                times * random.uniform(0.8, 1.2, len(times)),
                widths * random.uniform(0.7, 1.5, len(times)),
                heights * random.uniform(0.5, 1.6, len(times)),
            ],
            axis=1,
        )
        waves[0, 2] *= random.random() > 0.1  # some have no P wave
        waves[4, 2] *= 1 if random.random() > 0.15 else -1  # or a T wave upside down
        early = random.uniform(0.05, 0.2) if random.random() < 0.25 else 0.0
        return cls(
            waves,
            interval=60 / random.uniform(50, 115),
            variation=random.uniform(0.01, 0.08),
            early=early,
            breath=random.uniform(0.15, 0.4),
            wander=random.uniform(0.02, 0.25),
        )

    def recording(self, steps: int, random: Generator) -> np.ndarray:
        """Return the potential at each step in millivolts, `(time, 1)` float32."""
        time = np.arange(steps) / RATE
        phase = random.uniform(0, 2 * np.pi, 2)
        breath = np.sin(2 * np.pi * self.breath * time + phase[0])
        slow = np.sin(2 * np.pi * 0.07 * time + phase[1])
        potential = self.wander * (breath + 0.5 * slow)
        at = -random.uniform(0, self.interval)
        while at < time[-1] + 0.5:
            is_early = random.random() < self.early
            potential += self._beat(time - at, is_early, random)
            at += self.interval * (0.65 if is_early else 1.0) * max(0.5, random.normal(1, self.variation))
        return np.float32(potential[:, None])

    def _beat(self, time: np.ndarray, is_early: bool, random: Generator) -> np.ndarray:
        """Return one beat, `(time,)`, given the seconds from its R wave."""
        times, widths, heights = self.waves.T
        heights = heights * random.normal(1, self.variation, len(heights))
        times = times * np.sqrt(self.interval)  # a quick heart also recovers sooner
        if is_early:
            widths, heights = widths * 2.2, heights * [0, 1, 1.2, 1.5, -1]
        return (heights * np.exp(-0.5 * ((time[:, None] - times) / widths) ** 2)).sum(axis=1)


def synthetic_ecg(people: int, recordings: int, seed: int) -> list[np.ndarray]:
    """Return recordings of 3 to 8 seconds at 100 Hz in millivolts, `(time, 1)` each, those of a person side by side."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(people):
        person = Person.drawn(random)
        found += [person.recording(int(random.integers(300, 801)), random) for _ in range(recordings)]
    return found
