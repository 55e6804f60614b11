"""Sound as a sequence of spectra: log-mel frames, and the way back to something to listen to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from seqae._extras import require
from seqae.data.audio.files import Audio, audio_blocks
from seqae.data.audio.spectral_normalization import Reference

_QUIET = 1e-10  # power below which there is nothing: -100 dB of full scale
_AROUND = 0.04  # seconds that stay before and after a word: its first and last consonants are soft


class LogMel:
    """Turns sounds of any sampling rate into frames `(frame, size)`, each number on a common scale.

    Sounds are resampled and mixed. Frames are in decibels, held at a floor below the loudest one, as in auDeep
    (Freitag et al. 2017, https://arxiv.org/abs/1712.04382). Fitting sets `mean_` and `scale_`, a number for each place
    of a frame.

    Args:
        sample_rate: Samples per second that sounds are brought to.
        n_mels: Evenly spaced on the mel scale, up to half the rate.
        window: Seconds of sound in a frame.
        hop: Seconds from one frame to the next.
        floor: Decibels below the loudest value of a recording; what is weaker is noise and is held there.
        normalization: What the bands are measured from, see `seqae.data.audio.spectral_normalization`. With several, their
            copies stand side by side in a frame.
        deltas: Whether the changes over time stand beside them; then a frame is twice as long.
        channel: Which channel of a sound is heard; None mixes all.
        trim_db: Decibels below the loudest frame; softer frames at the beginning and the end are left out. None keeps
            all of them.
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
        """Numbers in a frame."""
        return self.n_mels * max(1, len(self.normalization)) * (2 if self.deltas else 1)

    @property
    def hop_length(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop * self.sample_rate)

    def fit(self, sounds: Iterable[Audio]) -> LogMel:
        """Learn the mean and the deviation of each place of a frame over some sounds."""
        return self.fit_decibels(map(self.decibels, sounds))

    def fit_decibels(self, recordings: Iterable[Tensor]) -> LogMel:
        """Learn the same from decibels `(frame, band)` of each recording."""
        count, mean, squares = 0, torch.zeros(()), torch.zeros(())
        for decibels in recordings:
            frames = self._measured(decibels).double()
            own, more = frames.mean(dim=0), count + len(frames)
            squares = squares + (frames - own).square().sum(dim=0)
            squares = squares + (own - mean).square() * count * len(frames) / more  # Chan et al. 1979
            count, mean = more, mean + (own - mean) * len(frames) / more
        if count == 0:
            raise ValueError("no sounds to learn from (an empty list). Give at least one")
        deviation = (squares / count).sqrt()
        self.mean_ = mean.float().numpy()
        self.scale_ = torch.where(deviation > 1e-3, deviation, 1.0).float().numpy()  # silence has no deviation
        return self

    def transform(self, sound: Audio) -> Tensor:
        """Return the frames of a sound, `(frame, size)` float32."""
        return self.scaled(self.decibels(sound))

    def transform_file(self, path: str | Path, seconds: int = 60) -> Tensor:
        """Return the frames of a file of any length, of whose samples only some seconds are in memory at a time.

        The frames are those of the whole sound.
        """
        return self.scaled(torch.cat(list(self._parts(path, seconds))))

    def decibels(self, sound: Audio) -> Tensor:
        """Return the power of each band in decibels of full scale, `(frame, band)`."""
        samples = torch.from_numpy(sound.mono(self.channel))
        if sound.rate != self.sample_rate:
            samples = _torchaudio("functional").resample(samples, sound.rate, self.sample_rate)
        padded = F.pad(samples, (self._points // 2,) * 2)  # so that frame n stands around sample n * hop_length
        return 10 * self._mel(padded).clamp(min=_QUIET).log10().T

    def trim_silence(self, decibels: Tensor) -> Tensor:
        """Return the frames without silence at the beginning and the end, `(frame, band)`."""
        if self.trim_db is None:
            return decibels
        loudness = 10 * (10 ** (decibels / 10)).sum(dim=1).log10()
        places = (loudness > loudness.max() - self.trim_db).nonzero()
        around = round(_AROUND / self.hop)
        return decibels[max(0, int(places[0]) - around) : int(places[-1]) + 1 + around]

    def scaled(self, decibels: Tensor) -> Tensor:
        """Return the frames that a model reads, `(frame, size)`, given decibels `(frame, band)` with their silence."""
        if not hasattr(self, "mean_"):
            raise ValueError("this LogMel has not learnt the scale of its bands yet. Call fit(sounds) first")
        return (self._measured(decibels) - torch.from_numpy(self.mean_)) / torch.from_numpy(self.scale_)

    def inverse_transform(self, frames: Tensor, like: Tensor) -> Tensor:
        """Return decibels `(frame, band)`, given frames `(frame, size)` as a model writes them.

        Args:
            frames: Of them the first copy of the bands is taken.
            like: Decibels of the recording whose reference takes the place of the one that was taken away.
        """
        own = slice(0, self.n_mels)
        decibels = frames[:, own] * torch.from_numpy(self.scale_[own]) + torch.from_numpy(self.mean_[own])
        return decibels + self.normalization[0](self._held(like)) if self.normalization else decibels

    def sound(self, decibels: Tensor, iterations: int = 60, seed: int = 0) -> Audio:
        """Return a sound that has about this power in its bands, `(frame, band)`; its phases are guessed.

        Griffin & Lim 1984, https://doi.org/10.1109/TASSP.1984.1164317.

        Args:
            decibels: Of full scale.
            iterations: Of the guess.
            seed: Of the first phases.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            samples = _torchaudio("transforms").GriffinLim(
                self._points, iterations, self._window_length, self.hop_length, power=2.0
            )(self._spectrum(10 ** (decibels.T / 10)))
        return Audio(samples.clamp(-1, 1).numpy(), self.sample_rate)

    def _spectrum(self, power: Tensor) -> Tensor:
        """Return the power at each frequency `(frequency, frame)` that is least wrong about that of the bands.

        It is nowhere negative; multiplicative steps of Lee & Seung 1999, https://doi.org/10.1038/44565.
        """
        filters = self._mel.mel_scale.fb  # (frequency, band)
        wanted = filters @ power
        found = wanted / filters.sum(dim=1, keepdim=True).clamp(min=_QUIET)
        for _ in range(50):
            found = found * wanted / (filters @ (filters.T @ found)).clamp(min=1e-20)
        return found

    def _measured(self, decibels: Tensor) -> Tensor:
        """Return frames measured from the references, `(frame, size)`, with their changes."""
        held = self._held(decibels)
        frames = (
            torch.cat([held - reference(held) for reference in self.normalization], dim=1)
            if self.normalization
            else held
        )
        if not self.deltas:
            return frames
        return torch.cat([frames, _torchaudio("functional").compute_deltas(frames.T).T], dim=1)

    def _held(self, decibels: Tensor) -> Tensor:
        return self.trim_silence(decibels).clamp(min=float(decibels.max()) - self.floor)

    def _parts(self, path: str | Path, seconds: int) -> Iterator[Tensor]:
        """Yield the decibels of one part of a file after the other, each part computed with some sound around it."""
        unit = self.hop_length // math.gcd(
            self.sample_rate, self.hop_length
        )  # seconds after which a frame begins a second
        around = unit * math.ceil((1 + self.window) / unit)  # resampling and windows look less far
        length = max(unit * (seconds // unit), around)
        frames = {each: each * self.sample_rate // self.hop_length for each in (length, around)}
        for block in audio_blocks(path, length, around):
            found = self.decibels(block.sound)[frames[around] if block.before else 0 :]
            yield found if block.is_last else found[: frames[length]]

    @property
    def _window_length(self) -> int:
        return round(self.window * self.sample_rate)

    @property
    def _points(self) -> int:
        """Of the Fourier transform: more than the window needs, else low bands fall between two frequencies."""
        return 2 ** (math.ceil(math.log2(self._window_length)) + 1)

    @cached_property
    def _mel(self) -> torch.nn.Module:
        return _torchaudio("transforms").MelSpectrogram(
            self.sample_rate, self._points, self._window_length, self.hop_length, n_mels=self.n_mels, center=False
        )


def across_bands(frames: Tensor, bands: int, places: int = 32) -> Tensor:
    """Return frames read from the lowest band to the highest: `(band, copies * places)`.

    What a band does from the beginning to the end of a recording is read at as many places whatever its length.

    Args:
        frames: `(frame, copies * bands)`.
        bands: In a frame; frames may hold several copies of them.
        places: Evenly spaced in time.
    """
    read = F.interpolate(frames.T.unsqueeze(0), size=places, mode="linear", align_corners=True)[0]
    return read.unflatten(0, (-1, bands)).transpose(0, 1).flatten(1)


def _torchaudio(part: str) -> ModuleType:
    return require(f"torchaudio.{part}", extra="audio", purpose="log-mel frames")
