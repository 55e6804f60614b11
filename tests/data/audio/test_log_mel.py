"""Log-mel frames: of any rate, by parts, on their own scale, and back to sound."""

import math

import numpy as np
import pytest
import torch

pytest.importorskip("soundfile")
pytest.importorskip("torchaudio")

import seqae
from seqae.data.audio.files import Audio
from seqae.data.audio.log_mel import LogMel
from seqae.data.audio.spectral_normalization import SpectralMean, SpectralQuantile, SpectralTilt

VIEWS = (SpectralQuantile(), SpectralTilt(), SpectralMean())


def tone(hertz=1000.0, seconds=0.5, rate=16000, loudness=0.5) -> Audio:
    return Audio((loudness * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)), rate)


def noise(count=8000, rate=8000, seed=0) -> Audio:
    return Audio(0.1 * np.random.default_rng(seed).normal(size=count), rate)


def test_each_band_is_the_power_under_its_triangle():
    """By the definition: Hann window, Fourier transform, triangles evenly spaced in 2595 log10(1 + f / 700)."""
    log_mel, sound = LogMel(sample_rate=8000, n_mels=12), noise(3000)
    points, window = log_mel._fft_length, 200
    frame = 7
    samples = np.pad(sound.samples[:, 0], points // 2)[frame * 80 :][:points].astype(float)
    hann = np.zeros(points)
    hann[(points - window) // 2 :][:window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    power = np.abs(np.fft.rfft(samples * hann)) ** 2
    corners = 700 * (10 ** (np.linspace(0, 2595 * math.log10(1 + 4000 / 700), 14) / 2595) - 1)
    frequencies = np.linspace(0, 4000, points // 2 + 1)
    for band in range(12):
        rising = (frequencies - corners[band]) / (corners[band + 1] - corners[band])
        falling = (corners[band + 2] - frequencies) / (corners[band + 2] - corners[band + 1])
        known = 10 * np.log10((np.clip(np.minimum(rising, falling), 0, None) * power).sum())
        assert float(log_mel.decibels(sound)[frame, band]) == pytest.approx(known, abs=1e-2)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
def test_a_tone_is_in_its_band_whatever_the_rate_of_the_file(rate):
    log_mel = LogMel(sample_rate=8000, n_mels=40)
    known = log_mel.decibels(tone(rate=8000))[10:40]
    found = log_mel.decibels(tone(rate=rate))[10:40]
    assert (found.argmax(dim=1) == known.argmax(dim=1)).all()
    torch.testing.assert_close(found.amax(dim=1), known.amax(dim=1), atol=0.5, rtol=0)


@pytest.mark.parametrize("count", [1, 10, 159, 160, 161, 4000])
def test_there_is_a_frame_for_each_hop_and_one_at_least(count):
    frames = LogMel().fit([noise()]).transform(noise(count, rate=16000))
    assert frames.shape == (1 + count // 160, 40) and frames.isfinite().all()


@pytest.mark.parametrize("references", [(), *[(view,) for view in VIEWS], VIEWS])
@pytest.mark.parametrize("deltas", [False, True])
def test_fitted_frames_have_mean_zero_and_deviation_one(references, deltas):
    sounds = [noise(4000 + 900 * seed, seed=seed) for seed in range(4)]
    log_mel = LogMel(sample_rate=8000, n_mels=10, normalization=references, deltas=deltas).fit(sounds)
    frames = torch.cat([log_mel.transform(sound) for sound in sounds]).double()
    assert frames.shape[1] == log_mel.size == 10 * max(1, len(references)) * (1 + deltas)
    torch.testing.assert_close(frames.mean(dim=0), torch.zeros(log_mel.size).double(), atol=1e-3, rtol=0)
    torch.testing.assert_close(frames.std(dim=0, unbiased=False), torch.ones(log_mel.size).double(), atol=1e-3, rtol=0)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: type(view).__name__)
def test_frames_minus_a_reference_do_not_depend_on_loudness(view):
    log_mel = LogMel(sample_rate=8000, normalization=(view,)).fit([noise()])
    louder = Audio(3 * noise().samples, 8000)
    torch.testing.assert_close(log_mel.transform(louder), log_mel.transform(noise()), atol=1e-3, rtol=0)


def test_references_are_what_they_say():
    decibels = torch.randn(101, 7)
    torch.testing.assert_close(SpectralMean()(decibels), decibels.mean(dim=0))
    found = (decibels <= SpectralQuantile(0.9)(decibels)).float().mean(dim=0)
    torch.testing.assert_close(found, torch.full((7,), 91 / 101))
    line = np.polyval(np.polyfit(np.arange(7), decibels.mean(dim=0).numpy(), 1), np.arange(7))
    torch.testing.assert_close(SpectralTilt()(decibels), torch.from_numpy(line).float(), atol=1e-5, rtol=1e-5)


def test_silence_around_a_word_goes_and_a_pause_in_it_stays():
    rest, first, second = (
        loudness * noise(count, seed=seed).samples[:, 0]
        for loudness, count, seed in ((1e-3, 4000, 2), (1, 2000, 0), (1, 2000, 1))
    )
    sound = Audio(np.concatenate([rest, first, rest[:800], second, rest]), 8000)
    log_mel = LogMel(sample_rate=8000, normalization=(SpectralQuantile(),), trim_db=25.0)
    decibels = log_mel.decibels(sound)
    heard = log_mel.trim_silence(decibels)
    begin, end = 50, 50 + (2000 + 800 + 2000) // 80
    at = next(place for place in range(len(decibels)) if torch.equal(decibels[place], heard[0]))
    assert torch.equal(decibels[at : at + len(heard)], heard)
    assert begin - 6 <= at <= begin and end <= at + len(heard) <= end + 7  # 40 ms and a window
    log_mel.fit([sound])
    assert len(log_mel.transform(sound)) == len(heard)
    assert log_mel.inverse_transform(log_mel.transform(sound), decibels).shape == heard.shape
    torch.testing.assert_close(
        log_mel.transform(Audio(np.concatenate([rest, sound.samples[:, 0]]), 8000)), log_mel.transform(sound)
    )


def test_a_trim_db_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="trim_db=0"):
        LogMel(trim_db=0)


def test_silence_is_a_sound_like_others():
    silence = Audio(np.zeros(4000), 8000)
    for log_mel in (
        LogMel(normalization=VIEWS).fit([silence]),
        LogMel(normalization=VIEWS).fit([noise()]),
        LogMel(normalization=VIEWS, trim_db=25.0).fit([noise()]),
    ):
        assert log_mel.transform(silence).isfinite().all()


@pytest.mark.parametrize(("rate", "own", "hop"), [(8000, 8000, 0.01), (11025, 16000, 0.01), (44100, 8000, 0.0125)])
def test_a_file_by_parts_gives_the_frames_of_the_whole(tmp_path, rate, own, hop):
    sound = noise(int(7.3 * rate), rate)
    sound = Audio(np.round(sound.samples * 2**15) / 2**15, rate)
    path = sound.write(tmp_path / "a.wav")
    log_mel = LogMel(sample_rate=own, hop=hop, normalization=(SpectralQuantile(),)).fit([sound])
    whole = log_mel.transform(sound)
    for seconds in (1, 2, 3, 60):
        torch.testing.assert_close(log_mel.transform_file(path, seconds), whole, atol=2e-3, rtol=0)


def test_one_channel_or_the_mixture_is_read():
    both = Audio(np.stack([tone(500).samples[:, 0], tone(3000).samples[:, 0]], axis=1), 16000)
    second = LogMel(channel=1).decibels(both)
    torch.testing.assert_close(second, LogMel().decibels(tone(3000)))
    mixed = LogMel().decibels(both)[10:-10].mean(dim=0)
    assert mixed[second[20].argmax()] > -10 and mixed[LogMel().decibels(tone(500))[20].argmax()] > -10


@pytest.mark.parametrize("references", [(), (SpectralTilt(), SpectralQuantile())])
def test_restored_decibels_are_those_above_the_floor(references):
    sound = noise()
    log_mel = LogMel(sample_rate=8000, normalization=references, floor=200).fit([noise(seed=1)])
    decibels = log_mel.decibels(sound)
    torch.testing.assert_close(
        log_mel.inverse_transform(log_mel.transform(sound), decibels), decibels, atol=1e-3, rtol=0
    )


def test_a_sound_from_its_bands_has_these_bands():
    log_mel, sound = LogMel(sample_rate=8000), tone(700, rate=8000)
    again = log_mel.to_audio(log_mel.decibels(sound))
    assert (again.sample_rate, len(again)) == (8000, 4000)
    spectrum = np.abs(np.fft.rfft(again.samples[:, 0]))
    assert abs(np.argmax(spectrum) * 8000 / len(again) - 700) < 40
    difference = (log_mel.decibels(again).amax(dim=1) - log_mel.decibels(sound).amax(dim=1))[5:-5]
    assert difference.abs().median() < 3
    np.testing.assert_array_equal(again.samples, log_mel.to_audio(log_mel.decibels(sound)).samples)


def test_it_is_saved_and_loaded_with_what_it_learnt(tmp_path):
    log_mel = LogMel(
        sample_rate=8000, normalization=(SpectralQuantile(0.8), SpectralTilt()), deltas=True, channel=0
    ).fit([noise()])
    model = seqae.RecurrentEncoder(seqae.GRU(log_mel.size, 8), 4).eval()
    seqae.save({"frames": log_mel, "encoder": model}, tmp_path / "model")
    loaded = seqae.load(tmp_path / "model")
    frames = log_mel.transform(noise(seed=2))
    assert torch.equal(loaded["frames"].transform(noise(seed=2)), frames)
    batch = seqae.Batch.of([frames])
    assert torch.equal(loaded["encoder"](batch), model(batch))


@pytest.mark.parametrize("wrong", [{"sample_rate": 0}, {"hop": 0.0}, {"hop": 0.05}, {"n_mels": 0}, {"floor": -1.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="Give positive numbers"):
        LogMel(**wrong)


def test_it_has_to_be_fitted_first():
    with pytest.raises(ValueError, match=r"Call fit\(recordings\) first"):
        LogMel().transform(noise())
    with pytest.raises(ValueError, match="no audio to learn from"):
        LogMel().fit([])


@pytest.mark.parametrize("settings", [{"sample_rate": 10**9}, {"n_mels": 10**9}, {"window": 1e9}])
def test_bands_that_take_too_much_memory_are_refused(settings):
    with pytest.raises(ValueError, match=r"take too much memory\. Give fewer bands"):
        LogMel(**settings)
