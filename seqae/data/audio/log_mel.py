"""Log-mel spectrograms as sequences of frames, and their inversion to audio."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._extras import require
from seqae.data.audio.files import Audio, audio_blocks
from seqae.data.audio.spectral_normalization import Reference

_MIN_POWER = 1e-10  # minimum power of a band; less is silence: -100 dB of full scale
_MOST_WEIGHTS = 2**24  # of samples in bands: more take hundreds of megabytes
_MARGIN = 0.04  # seconds that stay before and after a word: its first and last consonants are soft


class LogMel:
    """Turns audio of any sampling rate into log-mel frames, `(time, size)`, each dimension standardized.

    Audio is resampled and its channels mixed. Frames are in decibels, clipped at a floor below the loudest value, as in
    auDeep (Freitag et al. 2017, https://arxiv.org/abs/1712.04382). Fitting sets `mean_` and `scale_`, `(size,)`.

    Args:
        sample_rate: Samples per second to which audio is resampled.
        n_mels: Number of mel bands, evenly spaced on the mel scale up to half the sample rate.
        window: Seconds of audio in a frame.
        hop: Seconds from one frame to the next.
        floor: Decibels below the loudest value of a recording; weaker values are noise and clipped there.
        normalization: References that are subtracted from the bands, for example `SpectralMean()`. With several, the
            results are concatenated in a frame.
        deltas: Whether to append the changes over time; then a frame has twice the size.
        channel: The channel to read; None mixes all.
        trim_db: Decibels below the loudest frame; softer frames at the beginning and the end are cut off. None keeps
            all of them.

    Raises:
        ValueError: A setting is not positive, the window is shorter than the hop, or it takes too much memory.

    Example:
        >>> import numpy as np
        >>> from seqae.data import Audio, LogMel
        >>> tone = Audio(np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), sample_rate=8000)
        >>> log_mel = LogMel(sample_rate=8000, n_mels=20, hop=0.02).fit([tone])
        >>> tuple(log_mel.transform(tone).shape)
        (51, 20)
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_mels: int = 40,
        window: float = 0.025,
        hop: float = 0.01,
        floor: float = 60.0,
        normalization: tuple[Reference, ...] = (),
        deltas: bool = False,
        channel: int | None = None,
        trim_db: float | None = None,
    ):
        if min(sample_rate, n_mels, window, hop, floor) <= 0 or hop * sample_rate < 1 or window < hop:
            raise ValueError(
                f"sample_rate={sample_rate}, n_mels={n_mels}, window={window}, hop={hop}, floor={floor}. Give positive "
                "numbers, a hop of one sample at least, and a window that is no shorter than the hop"
            )
        if n_mels * window * sample_rate > _MOST_WEIGHTS:
            raise ValueError(
                f"n_mels={n_mels} bands of {window * sample_rate:.0f} samples take too much memory. Give fewer bands, "
                "a shorter window or a lower sample_rate"
            )
        if trim_db is not None and trim_db <= 0:
            raise ValueError(f"trim_db={trim_db}. Give a positive number of decibels below the loudest frame, or None")
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.window = window
        self.hop = hop
        self.floor = floor
        self.normalization = tuple(normalization)
        self.deltas = deltas
        self.channel = channel
        self.trim_db = trim_db

    @property
    def size(self) -> int:
        """The number of dimensions of a frame."""
        return self.n_mels * max(1, len(self.normalization)) * (2 if self.deltas else 1)

    @property
    def hop_length(self) -> int:
        """The number of samples from one frame to the next."""
        return round(self.hop * self.sample_rate)

    def fit(self, recordings: Iterable[Audio]) -> LogMel:
        """Fit the mean and the standard deviation of each dimension of a frame on some recordings; return self.

        Raises:
            ValueError: There are no recordings.
            MissingExtra: torchaudio is not installed.
        """
        return self.fit_decibels(map(self.decibels, recordings))

    def fit_decibels(self, recordings: Iterable[Tensor]) -> LogMel:
        """Fit mean and standard deviation on the decibels of each recording, `(time, band)`; return self."""
        count, mean, squares = 0, torch.zeros(()), torch.zeros(())
        for decibels in recordings:
            frames = self._normalized(decibels).double()
            own, more = frames.mean(dim=0), count + len(frames)
            squares = squares + (frames - own).square().sum(dim=0)
            squares = squares + (own - mean).square() * count * len(frames) / more  # Chan et al. 1979
            count, mean = more, mean + (own - mean) * len(frames) / more
        if count == 0:
            raise ValueError("no audio to learn from (an empty list). Give at least one recording")
        deviation = (squares / count).sqrt()
        scale = torch.where(deviation > 1e-3, deviation, 1.0)  # silence has none
        self.mean_, self.scale_ = mean.float().numpy(), scale.float().numpy()
        return self

    def check_soundness(self) -> None:
        """Raise a ValueError if it is fitted, and does not scale frames of its size."""
        if hasattr(self, "mean_") and not self.mean_.shape == self.scale_.shape == (self.size,):
            raise ValueError(f"it scales frames of {len(self.mean_)} numbers, and its frames have {self.size}")

    def transform(self, audio: Audio) -> Tensor:
        """Return the standardized frames of a recording, `(time, size)` float32.

        Raises:
            ValueError: `fit` has not been called.
        """
        return self.scaled(self.decibels(audio))

    def transform_file(self, path: str | Path, seconds: int = 60) -> Tensor:
        """Return the frames of a whole file, `(time, size)` float32, with few of its samples in memory at a time.

        Args:
            path: The path of the file.
            seconds: The length of the blocks that are read, about.

        Raises:
            ValueError: It is no audio file, is damaged or cut; or `fit` has not been called.
        """
        return self.scaled(torch.cat(list(self._blocks(path, seconds))))

    def decibels(self, audio: Audio) -> Tensor:
        """Return the power of each band in decibels of full scale, `(time, band)` float32."""
        samples = torch.from_numpy(audio.mono(self.channel))
        if audio.sample_rate != self.sample_rate:
            samples = _torchaudio("functional").resample(samples, audio.sample_rate, self.sample_rate)
        padded = F.pad(samples, (self._fft_length // 2,) * 2)  # so that frame n is centred on sample n * hop_length
        return 10 * self._mel(padded).clamp(min=_MIN_POWER).log10().T

    def trim_silence(self, decibels: Tensor) -> Tensor:
        """Return decibels `(time, band)` without silence at the beginning and the end, `(shorter time, band)`."""
        if self.trim_db is None:
            return decibels
        loudness = 10 * (10 ** (decibels / 10)).sum(dim=1).log10()
        loud = (loudness > loudness.max() - self.trim_db).nonzero()
        margin = round(_MARGIN / self.hop)
        return decibels[max(0, int(loud[0]) - margin) : int(loud[-1]) + 1 + margin]

    def scaled(self, decibels: Tensor) -> Tensor:
        """Return the standardized frames, `(time, size)`, of decibels `(time, band)` whose silence was not trimmed.

        Raises:
            ValueError: `fit` has not been called.
        """
        if not hasattr(self, "mean_"):
            raise ValueError("this LogMel is not fitted yet. Call fit(recordings) first")
        return (self._normalized(decibels) - torch.from_numpy(self.mean_)) / torch.from_numpy(self.scale_)

    def inverse_transform(self, frames: Tensor, like: Tensor) -> Tensor:
        """Return decibels `(time, band)` of standardized frames.

        Args:
            frames: `(time, size)`; only the bands under the first reference are used.
            like: Decibels `(time, band)` of the recording whose reference is added again.
        """
        own = slice(0, self.n_mels)
        decibels = frames[:, own] * torch.from_numpy(self.scale_[own]) + torch.from_numpy(self.mean_[own])
        return decibels + self.normalization[0](self._clipped(like)) if self.normalization else decibels

    def to_audio(self, decibels: Tensor, iterations: int = 60, seed: int = 0) -> Audio:
        """Return audio whose bands have about this power; its phases are estimated.

        Griffin & Lim 1984, https://doi.org/10.1109/TASSP.1984.1164317.

        Args:
            decibels: `(time, band)`, in decibels of full scale.
            iterations: The number of iterations.
            seed: Seed of the first phases.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            samples = _torchaudio("transforms").GriffinLim(
                self._fft_length, iterations, self._window_length, self.hop_length, power=2.0
            )(self._spectrum(10 ** (decibels.T / 10)))
        return Audio(samples.clamp(-1, 1).numpy(), self.sample_rate)

    def _spectrum(self, power: Tensor) -> Tensor:
        """Return the power at each frequency, `(frequency, time)`, with the least squared error in the bands.

        It is nowhere negative: multiplicative updates of Lee & Seung 1999, https://doi.org/10.1038/44565.
        torchaudio's InverseMelScale solves without that constraint and then clips: words and tones that went there and
        back are 1.9 dB off with it and 0.8 dB here (40 bands, 8 kHz, all drivers).

        Args:
            power: `(band, time)`.
        """
        filters = self._mel.mel_scale.fb  # (frequency, band)
        target = filters @ power
        spectrum = target / filters.sum(dim=1, keepdim=True).clamp(min=_MIN_POWER)
        for _ in range(50):
            spectrum = spectrum * target / (filters @ (filters.T @ spectrum)).clamp(min=1e-20)
        return spectrum

    def _normalized(self, decibels: Tensor) -> Tensor:
        """Return decibels minus the references, with their changes over time, `(time, size)`."""
        clipped = self._clipped(decibels)
        frames = (
            torch.cat([clipped - reference(clipped) for reference in self.normalization], dim=1)
            if self.normalization
            else clipped
        )
        if not self.deltas:
            return frames
        return torch.cat([frames, _torchaudio("functional").compute_deltas(frames.T).T], dim=1)

    def _clipped(self, decibels: Tensor) -> Tensor:
        """Return decibels without silence around and not below the floor, `(time, band)`."""
        return self.trim_silence(decibels).clamp(min=float(decibels.max()) - self.floor)

    def _blocks(self, path: str | Path, seconds: int) -> Iterator[Tensor]:
        """Yield the decibels of one block of a file after the other, each computed with some samples around it."""
        # After so many seconds, a frame begins with a second.
        unit = self.hop_length // math.gcd(self.sample_rate, self.hop_length)
        around = unit * math.ceil((1 + self.window) / unit)  # resampling and windows look less far
        length = max(unit * (seconds // unit), around)
        frames = {each: each * self.sample_rate // self.hop_length for each in (length, around)}
        for block in audio_blocks(path, length, around):
            decibels = self.decibels(block.audio)[frames[around] if block.before else 0 :]
            yield decibels if block.is_last else decibels[: frames[length]]

    @property
    def _window_length(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def _fft_length(self) -> int:
        """Length of the Fourier transform: longer than the window, else low bands fall between two frequencies."""
        return 2 ** (math.ceil(math.log2(self._window_length)) + 1)

    @cached_property
    def _mel(self) -> Any:
        return _torchaudio("transforms").MelSpectrogram(
            self.sample_rate, self._fft_length, self._window_length, self.hop_length, n_mels=self.n_mels, center=False
        )


def _torchaudio(part: str) -> ModuleType:
    return require(f"torchaudio.{part}", extra="audio", purpose="log-mel frames")
