"""The filters, the noise, the people and the folders of the recipe that takes noise out of recordings."""

import numpy as np
import pytest
import torch
from denoiser import NoiseOfAnyLevel, denoised, new_denoiser, squared_errors, without_noise
from ecg_recordings import read_ecg, read_own
from filters import tuned, wavelet_shrinkage
from hypothesis import given, settings
from hypothesis import strategies as st
from sensor_denoise import main, scores
from synthetic_ecg import RATE, Person, synthetic_ecg

import seqae
from seqae.training import TrainingWarning


@settings(max_examples=20, deadline=None)
@given(steps=st.integers(2, 90), levels=st.integers(1, 5), soft=st.booleans(), seed=st.integers(0, 99))
def test_a_threshold_of_zero_leaves_a_recording_as_it_is(steps, levels, soft, seed):
    rows = np.random.default_rng(seed).normal(size=(steps, 2))
    np.testing.assert_allclose(wavelet_shrinkage(rows, 0.0, levels, soft), rows, atol=1e-7)


def test_wavelets_keep_a_cubic_and_take_noise_away():
    time = np.linspace(-1, 1, 300)[:, None]
    cubic = time**3 - time  # four vanishing moments: all its details are zero, but for the reflected ends
    np.testing.assert_allclose(wavelet_shrinkage(cubic, 9.9, 3, False)[60:-60], cubic[60:-60], atol=1e-6)
    noise = np.random.default_rng(0).normal(size=(300, 1))
    assert np.square(wavelet_shrinkage(cubic + noise, 4.0, 4, False) - cubic).mean() < 0.15


def test_the_filter_is_the_one_with_the_least_error_on_the_recordings_for_tuning():
    clean = [np.sin(np.arange(80) / 9)[:, None], np.cos(np.arange(50) / 9)[:, None]]
    impulses = [rows + 9 * (np.random.default_rng(1).random(rows.shape) < 0.05) for rows in clean]
    errors = {
        name: np.mean([np.square(each(rows) - truth).mean() for rows, truth in zip(impulses, clean)])
        for name, each in tuned(clean, impulses, 0.1)
    }
    assert list(errors) == ["median filter", "Savitzky-Golay", "wavelet threshold"]
    assert errors["median filter"] < 0.01 < min(errors["Savitzky-Golay"], errors["wavelet threshold"])


def test_noise_is_of_another_level_for_each_sequence_and_weak_as_often_as_strong():
    batch = seqae.Batch.full(torch.zeros(400, 500, 1))
    noisy = NoiseOfAnyLevel(0.1, 10.0)(batch, torch.Generator().manual_seed(0))
    deviations = noisy.values.std(dim=(1, 2)).numpy()
    assert 0.09 < deviations.min() < 0.12 and 8 < deviations.max() < 11
    assert np.mean(deviations < 1.0) == pytest.approx(0.5, abs=0.08)


def test_the_error_of_a_sequence_does_not_read_the_padding():
    truth = seqae.Batch.of([torch.zeros(2, 3), torch.zeros(5, 3)])
    spoilt = seqae.Batch(torch.full((2, 5, 3), 2.0), truth.lengths)
    spoilt.values[0, 2:] = torch.nan
    assert squared_errors(spoilt, truth).tolist() == [4.0, 4.0]


def test_recordings_of_any_lengths_are_denoised_as_in_a_batch():
    torch.manual_seed(0)
    model, rows = new_denoiser(2, 8, 3), [np.float32(np.random.default_rng(0).normal(size=(n, 2))) for n in (7, 40, 1)]
    together = without_noise(model, seqae.Batch.of(list(map(torch.from_numpy, rows)))).unpad()
    for alone, beside in zip(denoised(model, rows), together):
        np.testing.assert_allclose(alone, beside.detach(), atol=1e-6)


def test_hearts_beat_at_the_rate_of_their_person():
    person = Person.drawn(np.random.default_rng(3))
    person = Person(person.waves, interval=0.8, variation=0.01, early=0.0, breath=0.2, wander=0.0)
    potential = person.recording(2000, np.random.default_rng(0))[:, 0]
    peaks = np.flatnonzero(
        (potential[1:-1] > 0.6 * potential.max()) & (np.diff(potential)[:-1] > 0) & (np.diff(potential)[1:] <= 0)
    )
    assert np.diff(peaks).mean() / RATE == pytest.approx(0.8, rel=0.05)


def test_recordings_of_other_parts_are_of_other_people_and_of_many_lengths():
    first, again = synthetic_ecg(4, 3, seed=1), synthetic_ecg(4, 3, seed=1)
    assert all(np.array_equal(*each) for each in zip(first, again))
    assert len({len(rows) for rows in first}) > 6 and 300 <= min(map(len, first)) <= max(map(len, first)) <= 800
    parts = read_ecg("", 8, 0)
    assert [len(part) for part in parts] == [24, 6, 12]
    assert len({rows[0, 0] for part in parts for rows in part}) == 42


def test_the_score_is_that_of_a_formula():
    clean, noisy = [np.zeros((10, 1)), np.zeros((30, 1))], [np.full((10, 1), 2.0), np.full((30, 1), 1.0)]
    halved = [rows / 2 for rows in noisy]
    assert scores(clean, noisy, halved, 0.3) == {
        "RMSE at 0.3": pytest.approx(np.sqrt((10 * 1 + 30 * 0.25) / 40)),
        "SNR +dB at 0.3": pytest.approx(20 * np.log10(2)),
    }


def recordings(folder, count, missing=None):
    for number in range(count):
        rows = np.random.default_rng(number).normal(size=(20 + number, 2)).cumsum(axis=0)
        if number == missing:
            rows[3, 1] = np.nan
        np.savetxt(folder / f"run{number:02}.csv", rows, delimiter=",", header="left,right", comments="")


def test_own_recordings_are_taken_as_clean_and_a_denoiser_that_makes_them_worse_warns(tmp_path, capsys):
    (tmp_path / "own").mkdir()
    recordings(tmp_path / "own", 10)
    with pytest.warns(TrainingWarning, match=r"leaves [\d.]+ dB more noise than there is at level 0\.1"):
        numbers = main(smoke=True, folder=str(tmp_path / "own"), noise_levels=(0.1,), out=tmp_path)
    printed = capsys.readouterr().out
    assert "data   6 + 2 + 2 recordings of 20 to 29 steps" in printed and "taken as clean" in printed
    assert numbers["input: SNR +dB at 0.1"] == 0 > numbers["autoencoder: SNR +dB at 0.1"]


def test_too_few_recordings_and_missing_values_are_refused_with_their_place(tmp_path):
    recordings(tmp_path, 9)
    with pytest.raises(ValueError, match=r"9 recordings .*Give ten or more"):
        read_own(str(tmp_path), {})
    recordings(tmp_path, 10, missing=4)
    with pytest.raises(ValueError, match=r"a missing value \(.*run04\.csv, row 3, channel 'right'\)"):
        read_own(str(tmp_path), {})


def test_noise_levels_are_above_zero(tmp_path):
    with pytest.raises(ValueError, match=r"noise levels \(0\.0,\)"):
        main(smoke=True, noise_levels=(0.0,), out=tmp_path)
