"""Synthetic spoken words, to try recipes without data: voices that differ in pitch, size and speed say ten words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqae.data.audio.files import Audio
from seqae.data.audio.speech_sets import AudioClip

# Each word goes from one vowel to the next: the two lowest resonances of each, in hertz, for a voice of size 1.
_VOWELS = {"a": (750, 1300), "e": (500, 1900), "i": (300, 2300), "o": (450, 850), "u": (320, 1100)}
_WORDS = ("a", "ei", "i", "io", "oa", "u", "ue", "aoa", "iui", "eou")


@dataclass(frozen=True)
class _Voice:
    """A speaker.

    Attributes:
        pitch: The pitch in hertz.
        size: The factor of all resonances.
        pace: Seconds for a vowel.
        noise: The noise as a fraction of the voice.
    """

    pitch: float
    size: float
    pace: float
    noise: float


def synthetic_words(voices: int = 4, takes: int = 6, sample_rate: int = 8000, seed: int = 0) -> list[AudioClip]:
    """Return each of ten words said by each voice several times.

    Args:
        voices: The number of voices.
        takes: Recordings of each word by each voice; a sixth of them, at least one, is for the test.
        sample_rate: Sampling rate in Hz.
        seed: Seed of voices and takes.
    """
    random = np.random.default_rng(seed)
    clips = []
    for number in range(voices):
        voice = _Voice(random.uniform(90, 220), random.uniform(0.9, 1.15), random.uniform(0.1, 0.2), 0.01)
        for word, vowels in enumerate(_WORDS):
            for take in range(takes):
                audio = Audio(_said(vowels, voice, sample_rate, random), sample_rate, f"{word}_voice{number}_{take}")
                part = "test" if take < max(1, takes // 6) else "train"
                clips.append(AudioClip(audio.name, audio, str(word), f"voice{number}", part))
    return clips


def _said(vowels: str, voice: _Voice, sample_rate: int, random: np.random.Generator) -> np.ndarray:
    """Return samples `(time,)`: the harmonics of a falling pitch through two moving resonances."""
    seconds = (len(vowels) + 0.5) * voice.pace * random.uniform(0.8, 1.25)
    time = np.linspace(0, 1, int(seconds * sample_rate))
    pitch = voice.pitch * random.uniform(0.95, 1.05) * (1.1 - 0.2 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    centres = [
        voice.size * np.interp(time, np.linspace(0, 1, len(vowels)), [_VOWELS[vowel][formant] for vowel in vowels])
        for formant in (0, 1)
    ]
    samples = np.zeros(len(time))
    for harmonic in range(1, int(0.45 * sample_rate / pitch.max())):
        height = sum(1 / (1 + ((harmonic * pitch - centre) / 90) ** 2) for centre in centres)
        samples += height * np.sin(harmonic * phase)
    samples *= np.sin(np.pi * time) ** 0.5 / np.abs(samples).max()
    loudness = random.uniform(0.2, 0.8)
    return (loudness * (samples + voice.noise * random.normal(size=len(time)))).clip(-1, 1).astype(np.float32)
