"""Normal rows that are not all normal, and what a detector says of what it learnt from."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seqae
from generators import autoregressive, noisy_waves
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.outliers import find_outliers
from seqae.data.signals.recordings import Recording
from seqae.data.signals.telemetry import telemetry_folder


def plant(rows: int, seed: int) -> np.ndarray:
    return noisy_waves(rows, seed, [25, 25], [2, 1], [50, 0], noise=0.1)


def with_spikes(
    rows: int, seed: int, fraction: float, channels: int, size: float = 3.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows with spikes of 30 deviations of the noise, `(row, channel)`, and where they are."""
    values, random = plant(rows, seed), np.random.default_rng(seed)
    spikes = random.random((rows, channels)) < fraction
    values[:, :channels] += spikes * random.choice([-size, size], (rows, channels))
    return values, np.pad(spikes, ((0, 0), (0, values.shape[1] - channels)))


def recorded(values: np.ndarray) -> Recording:
    return Recording(values, tuple(str(number) for number in range(values.shape[1])))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("fraction", [0.001, 0.01, 0.03])
def test_nearly_all_spikes_are_found_and_nothing_else(fraction: float, channels: int):
    pairs = [with_spikes(4000, seed, fraction, channels) for seed in range(6)]
    found = np.stack([find_outliers(recorded(values), 0.05) for values, _ in pairs])
    spikes = np.stack([each for _, each in pairs])
    assert (found & spikes).sum() >= 0.9 * spikes.sum()
    assert (found & ~spikes).sum() <= 0.01 * spikes.sum()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1.5, 2.0, 3.0, 5.0, 1e3]))
def test_no_tail_is_cut_off_however_heavy_it_is(seed: int, degrees: float):
    values = np.random.default_rng(seed).standard_t(degrees, size=(4000, 2))
    values[:, 1] = np.exp(2 * np.random.default_rng(seed).normal(size=4000))
    assert not find_outliers(recorded(values), 0.05).any()


@pytest.mark.parametrize(("rows", "expected"), [(1, True), (2, True), (3, False)])
def test_what_lasts_longer_than_two_rows_is_a_state_of_the_machine(rows: int, expected: bool):
    values, far = plant(4000, 0), np.zeros((4000, 2), dtype=bool)
    for start in (100, 777, 1500, 2900):
        far[start : start + rows, 0] = True
    assert np.array_equal(find_outliers(recorded(values + 9 * far), 0.05), far & expected)


def test_the_ends_of_a_counter_are_no_outliers_but_a_spike_there_is():
    values = np.stack([np.arange(4000) * 0.1, plant(4000, 0)[:, 0]], axis=1)
    values[0, 1] += 9
    assert np.argwhere(find_outliers(recorded(values), 0.05)).tolist() == [[0, 1]]


def test_what_recurs_or_lasts_or_is_a_state_is_no_outlier():
    values = np.random.default_rng(0).normal(scale=0.1, size=(6000, 4))
    values[50::100, 0] += 5  # each cycle has a pulse
    for start in range(200, 6000, 600):  # a start of the machine each hour
        values[start : start + 40, 1] += 8 * np.exp(-np.arange(40) / 10)
    values[:, 2] = np.random.default_rng(1).random(6000) < 0.01  # a switch
    values[3000:, 3] += 20  # another level
    assert not find_outliers(recorded(values), 0.05).any()


@pytest.mark.parametrize(("fraction", "channels"), [(0.001, 1), (0.01, 1), (0.01, 2), (0.03, 2)])
def test_a_fault_is_found_though_the_normal_rows_hold_spikes(fraction: float, channels: int):
    for seed in range(2):
        values, spikes = with_spikes(4000, seed, fraction, channels)
        with pytest.warns(UserWarning, match=r"of 4,000 normal rows hold values far outside.*max_left_out=0"):
            detector = AnomalyDetector().fit(values)
        assert detector.report_.left_out == pytest.approx(spikes.any(axis=1).sum(), rel=0.1)
        live = plant(2000, seed + 100)
        live[1500:1520, 0] += 1.5
        (detection,) = detector.detect(live)
        assert any(event.start < 1520 and event.stop > 1500 for event in detection.events)
        assert detection.alarms[:1480].mean() < 0.02


def test_the_warning_names_the_rows_and_its_advice_keeps_them():
    values = plant(2000, 0)
    values[[17, 203, 1400], 0] += 4
    with pytest.warns(UserWarning, match=r"3 of 2,000 normal rows .* in '0', first rows 17, 203, 1,400:"):
        AnomalyDetector().fit(values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert AnomalyDetector(max_left_out=0).fit(values).report_.left_out == 0


def test_heavy_tails_and_transients_that_are_normal_raise_few_alarms():
    def rows(seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        values = random.standard_t(3, size=(6000, 2))
        for start in range(int(random.integers(100, 300)), 5900, 300):
            values[start : start + 30, 0] += 12 * np.exp(-np.arange(30) / 8)
        return values

    detector = AnomalyDetector().fit(rows(0))
    assert detector.report_.left_out == 0
    assert np.mean([detector.predict(rows(seed)).mean() for seed in (1, 2, 3)]) <= 0.02


# The report


def test_ordinary_normal_rows_raise_no_warning():
    # One of its channels is a constant, which would be told.
    recordings = seqae.as_recordings(telemetry_folder() / "normal.csv.gz", ignore="processes")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = AnomalyDetector().fit(recordings).report_
    assert (report.warnings, report.left_out, report.resampling) == ((), 0, "")
    assert report.rows == sum(map(len, recordings))
    assert f"channels     {len(recordings[0].channels)}" in str(report)


def test_normal_rows_whose_level_moves_are_told():
    values = autoregressive(3000, 0)
    values[:, 1] += np.arange(3000) / 300
    with pytest.warns(UserWarning, match=r"level of '1' moved by .* deviations from the first to the last fifth"):
        AnomalyDetector().fit(values)


def test_normal_rows_that_change_and_few_rows_are_told():
    changed = np.concatenate([autoregressive(2000, 0), autoregressive(2000, 1) * [1, 4, 1]])
    with pytest.warns(UserWarning, match=r"would raise alarms in .*% of their rows .* where 1.0% is asked for"):
        detector = AnomalyDetector().fit(changed)
    assert any("what is normal changes" in each for each in detector.report_.warnings)
    with pytest.warns(UserWarning, match="the threshold is extrapolated"):
        AnomalyDetector().fit(autoregressive(300, 0))


def test_constants_and_copies_are_in_the_report_and_it_is_kept_with_the_detector(tmp_path):
    values = plant(1500, 0)
    with pytest.warns(UserWarning, match="constant|copy"):
        detector = AnomalyDetector().fit(np.column_stack([values, values[:, 0], np.full(1500, 7.0)]))
    assert sum("'2'" in each or "'3'" in each for each in detector.report_.warnings) >= 2
    seqae.save(detector, tmp_path / "model")
    assert seqae.load(tmp_path / "model").report_ == detector.report_
