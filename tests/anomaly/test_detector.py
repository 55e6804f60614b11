from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import seqae
from generators import autoregressive, noisy_waves
from generators import wide_readings as readings
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.window_models import PCA, Linear, MovingAverage, Recurrent, WindowModelFactory
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "speed", "still")


def framed(values: np.ndarray, start: str = "2024-03-01 08:00") -> pd.DataFrame:
    times = pd.date_range(start, periods=len(values), freq="10s")
    return pd.DataFrame(dict(zip(CHANNELS, values.T)) | {"time": times})[["time", *CHANNELS]]


def fitted(normal: object, **settings: object) -> AnomalyDetector:
    return AnomalyDetector(**settings).fit(normal)


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return fitted(framed(readings(3000, seed=0)))


# Scores


def test_every_row_and_channel_has_a_score(detector: AnomalyDetector):
    for rows in (1, 15, 16, 17, 300):
        values = readings(rows, seed=1)
        assert detector.score_samples(values).shape == detector.predict(values).shape == (rows,)
        assert detector.channel_scores(values).shape == detector.reconstruct(values).shape == (rows, 4)
        assert np.isfinite(detector.score_samples(values)).all()
        assert np.isfinite(detector.channel_scores(values)).all()


def test_the_first_and_the_last_row_can_raise_an_alarm(detector: AnomalyDetector):
    values = readings(300, seed=1)
    values[[0, -1], 1] += 60
    assert detector.predict(values)[[0, -1]].all()


def test_a_recording_scores_the_same_alone_as_in_a_list(detector: AnomalyDetector):
    several = [readings(rows, seed=rows) for rows in (40, 700, 5)]
    for values, found in zip(several, detector.detect(several), strict=True):
        np.testing.assert_array_equal(found.scores, detector.score_samples(values))
        np.testing.assert_array_equal(found.channel_scores, detector.channel_scores(values))
        np.testing.assert_array_equal(found.reconstruction, detector.reconstruct(values))
        np.testing.assert_array_equal(found.alarms, detector.predict(values))
        assert found.events == detector.events(values)


def test_scoring_twice_gives_the_same_bits(detector: AnomalyDetector):
    values = readings(500, seed=1)
    np.testing.assert_array_equal(detector.score_samples(values), detector.score_samples(values))


def test_what_the_caller_holds_stays_as_it_is():
    values = readings(400, seed=0)
    values[7, 0] = np.nan
    before, torch_state, numpy_state = values.copy(), torch.get_rng_state(), np.random.get_state()[1]
    threads = torch.get_num_threads()
    found = AnomalyDetector(Recurrent(hidden_size=8), resolutions=(1,), epochs=1).fit(values)
    found.detect(values)
    np.testing.assert_array_equal(values, before)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.get_num_threads() == threads


def test_the_seed_decides_the_weights():
    def weights(seed: int) -> torch.Tensor:
        model = Recurrent(hidden_size=8)
        found = AnomalyDetector(model, resolutions=(1,), epochs=1, random_state=seed).fit(readings(400, seed=0))
        return torch.cat([each.flatten() for each in found.scorer_.resolutions[0].model.state_dict().values()])

    first = weights(3)
    torch.rand(5)
    np.random.rand(5)
    assert torch.equal(weights(3), first)
    assert not torch.equal(weights(4), first)


# Channels


@pytest.mark.parametrize(("factor", "shift"), [(1e12, 0.0), (1e-30, 0.0), (-1.0, 0.0), (1.0, 1e8)])
def test_the_unit_of_a_channel_changes_no_score(factor: float, shift: float, detector: AnomalyDetector):
    def converted(values: np.ndarray) -> np.ndarray:
        return np.column_stack([values[:, 0] * factor + shift, values[:, 1:]])

    values = readings(600, seed=1)
    values[300:320, 0] += 3
    found = fitted(framed(converted(readings(3000, seed=0))))
    np.testing.assert_allclose(found.score_samples(converted(values)), detector.score_samples(values), rtol=1e-3)
    np.testing.assert_allclose(found.channel_scores(converted(values)), detector.channel_scores(values), rtol=1e-3)


def test_channels_in_another_order_have_the_same_scores(detector: AnomalyDetector):
    order, values = [2, 0, 3, 1], readings(600, seed=1)
    found = fitted(readings(3000, seed=0)[:, order])
    np.testing.assert_allclose(found.channel_scores(values[:, order]), detector.channel_scores(values)[:, order], 1e-4)
    np.testing.assert_allclose(found.score_samples(values[:, order]), detector.score_samples(values), rtol=1e-4)


def test_columns_are_matched_by_name(detector: AnomalyDetector):
    frame = framed(readings(300, seed=1))
    swapped = frame[["still", "speed", "time", "flow", "pressure"]]
    np.testing.assert_array_equal(detector.score_samples(swapped), detector.score_samples(frame))
    np.testing.assert_array_equal(detector.score_samples(frame.assign(other=1.0)), detector.score_samples(frame))
    with pytest.raises(ValueError, match=r"missing 'flow'.*there is 'Flow'"):
        detector.score_samples(frame.rename(columns={"flow": "Flow"}))
    with pytest.raises(ValueError, match=r"3 channels without names.*Expected 'flow', 'pressure', 'speed', 'still'"):
        detector.score_samples(readings(300, seed=1)[:, :3])


# Missing values


def test_a_missing_value_has_no_score_and_its_row_still_has_one(detector: AnomalyDetector):
    values = readings(400, seed=1)
    values[100, 0] = values[200:300, 2] = np.nan
    np.testing.assert_array_equal(np.isnan(detector.channel_scores(values)), np.isnan(values))
    assert np.isfinite(detector.score_samples(values)).all()


def test_a_row_without_values_has_no_score_and_spoils_no_other(detector: AnomalyDetector):
    values = readings(1200, seed=1)
    spoiled = values.copy()
    spoiled[600] = np.nan
    scores = detector.score_samples(spoiled)
    assert np.flatnonzero(np.isnan(scores)).tolist() == [600]
    assert not detector.predict(spoiled)[600]
    far = np.r_[: 600 - 78, 679 + 20 : 1200]  # further than any window reaches, also one that holds a filled value
    np.testing.assert_allclose(scores[far], detector.score_samples(values)[far], rtol=1e-5)


@pytest.mark.parametrize("model", [Linear(), PCA(), MovingAverage()])
def test_a_tenth_of_the_values_may_be_missing(model: WindowModelFactory):
    random = np.random.default_rng(5)
    normal, values = readings(2000, seed=0), readings(500, seed=1)
    normal[random.random(normal.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.1] = np.nan
    values[250:270, 1] = 190
    found = AnomalyDetector(model, epochs=2).fit(normal)
    assert np.isfinite(found.score_samples(values)).all()
    assert found.predict(values)[250:270].any()
    assert not found.predict(values)[16:150].any()  # a row at an end is in few windows, so its score is less certain


@pytest.mark.parametrize("model", [Linear(), PCA(), MovingAverage()])
def test_a_channel_without_any_value_leaves_the_others_as_they_are(model: WindowModelFactory):
    normal, values = readings(1200, seed=0), readings(300, seed=1)
    normal[:, 2] = values[:, 2] = np.nan
    values[150:160, 0] = 9
    found = AnomalyDetector(model, epochs=1).fit(normal)
    assert np.isfinite(found.score_samples(values)).all()
    assert np.isnan(found.channel_scores(values)[:, 2]).all()
    assert found.predict(values)[150:160].any()


# Faults

FAULTS = {
    "level shift": lambda rows: rows + 3,
    "stuck value": lambda rows: np.full_like(rows, rows[0]),
    "spike": lambda rows: rows + 8 * (np.arange(len(rows)) == len(rows) // 2),
    "noise": lambda rows: rows + np.random.default_rng(0).normal(size=len(rows)),
    "another frequency": lambda rows: np.sin(np.arange(len(rows)) * 1.1),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_fault_is_found_in_its_channel_at_its_time(fault: str, channel: int, detector: AnomalyDetector):
    values = readings(1000, seed=1)
    size, place = [(1.3, 0), (30, 100), (0.02, 5)][channel]
    values[500:560, channel] = FAULTS[fault]((values[500:560, channel] - place) / size) * size + place
    event = max(detector.events(framed(values)), key=lambda each: each.severity)
    assert event.start < 560 + 16 and event.stop > 500 - 16
    assert 480 <= event.peak < 580
    assert event.channels[0].channel == CHANNELS[channel]
    assert sum(each.fraction for each in event.channels) == pytest.approx(1)
    assert event.severity > 1


def test_a_still_channel_that_breaks_is_found_and_named(detector: AnomalyDetector):
    values = readings(600, seed=1)
    values[300:310, 3] += 2
    event = max(detector.events(values), key=lambda each: each.severity)
    assert 284 <= event.peak < 326
    assert event.channels[0].channel == "still"


def test_a_still_channel_that_stays_still_raises_no_alarm():
    normal = np.column_stack([np.full(400, 12.5), np.zeros(400)])
    found = fitted(normal)
    assert (found.score_samples(normal[:100]) == 0).all()
    broken = normal[:100].copy()
    broken[50, 1] = 1
    assert np.flatnonzero(found.predict(broken)).tolist() == [50]


def test_events_tell_when(detector: AnomalyDetector):
    values = readings(600, seed=1)
    values[300:330, 1] = 220
    frame = framed(values)
    event = max(detector.events(frame), key=lambda each: each.severity)
    for time, row in ((event.start_time, event.start), (event.end_time, event.stop - 1)):
        assert pd.Timestamp(time) == frame["time"][row]
    assert event.duration == 10 * (event.stop - event.start)


def test_the_frame_of_a_detection_shows_what_it_holds(detector: AnomalyDetector):
    frame = framed(readings(100, seed=1))
    (found,) = detector.detect(frame)
    table = found.frame()
    assert list(table.columns) == [
        "time",
        "score",
        "alarm",
        *(f"{channel} score" for channel in CHANNELS),
    ]
    np.testing.assert_array_equal(table["time"], frame["time"])
    np.testing.assert_array_equal(table["pressure score"], found.channel_scores[:, 1])
    assert detector.detect(frame.drop(columns="time"))[0].frame()["row"].tolist() == list(range(100))


def test_windows_never_span_a_gap_in_time(detector: AnomalyDetector):
    before, after = readings(200, seed=1), readings(150, seed=2)
    both = pd.concat([framed(before), framed(after, "2024-03-02 08:00")])
    for ask in (detector.score_samples, detector.channel_scores, detector.reconstruct, detector.encode):
        np.testing.assert_array_equal(ask(both), np.concatenate([ask(before), ask(after)]))


# Thresholds


def heavy_tailed(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(3, size=(rows, 4))


def daily(rows: int, seed: int) -> np.ndarray:
    return noisy_waves(rows, seed, [1440 / (2 * np.pi)] * 4, noise=0.3, phases=[0, 1, 2, 3])


@pytest.mark.parametrize(
    "process",
    [
        partial(autoregressive, alike=0.0, channels=4),
        partial(autoregressive, alike=0.9, channels=4),
        daily,
        heavy_tailed,
    ],
    ids=["white", "autoregressive", "daily", "heavy tails"],
)
def test_the_stated_rate_holds_for_new_rows_of_the_same_process(process: Callable[[int, int], np.ndarray]):
    found = fitted(process(20_000, 0))
    assert found.threshold_ == 2
    assert 0.005 < found.predict(process(20_000, 1)).mean() < 0.02
    assert 0.005 < found.empirical_false_alarm_rate_ < 0.02


@pytest.mark.parametrize("channels", [[0], [0, 1, 2, 3]])
def test_normal_rows_raise_no_more_alarms_than_stated(channels: list[int]):
    found = fitted(readings(5000, seed=0)[:, channels])
    assert found.predict(readings(5000, seed=1)[:, channels]).mean() < 0.01 * 2


def test_a_lower_rate_raises_the_threshold_and_changes_no_score(detector: AnomalyDetector):
    found = fitted(framed(readings(3000, seed=0)), false_alarm_rate=0.001)
    values = readings(500, seed=1)
    assert (found.threshold_, detector.threshold_) == (pytest.approx(3), pytest.approx(2))
    shift = detector.scorer_.calibration.inflation / found.scorer_.calibration.inflation
    scores = detector.score_samples(values)
    positive = (scores > 0.5) & (found.score_samples(values) > 0)
    positive[:15] = positive[-15:] = False  # near the ends it may be the other calibration's
    np.testing.assert_allclose(found.score_samples(values)[positive], scores[positive] + np.log10(shift), atol=1e-4)


def test_a_gradual_change_of_the_normal_rows_counts_as_normal():
    level = np.repeat(np.random.default_rng(0).normal(scale=2, size=20), 500)[:, None]
    found = fitted(autoregressive(5000, seed=0) + level[:5000])
    assert found.predict(autoregressive(5000, seed=1) + level[5000:]).mean() < 0.05
    assert fitted(autoregressive(5000, seed=0)).predict(autoregressive(5000, seed=1) + level[5000:]).mean() > 0.3


# Errors


@pytest.mark.parametrize("rows", [1, 20, 33, 47])
def test_too_few_rows_are_refused_with_their_number(rows: int):
    with pytest.raises(ValueError, match=f"longest segment of normal rows without a gap has {rows} rows.*give more"):
        fitted(readings(rows, seed=0))


@pytest.mark.parametrize("rows", [48, 60, 79, 80, 100])
def test_few_rows_are_enough(rows: int):
    found = fitted(readings(rows, seed=0))
    assert np.isfinite(found.score_samples(readings(rows, seed=1))).all()


def test_rows_with_gaps_everywhere_are_refused():
    frame = framed(readings(300, seed=0))
    frame["time"] += pd.to_timedelta(np.arange(300) // 20, unit="h")
    with pytest.raises(ValueError, match="without a gap has 20 rows"):
        fitted(frame)


def test_many_short_runs_are_enough():
    found = fitted([readings(50, seed=seed) for seed in range(12)])
    values = readings(50, seed=20)
    values[20:30, 1] = 250
    assert found.predict(values)[20:30].any()


def test_a_detector_that_is_not_fitted_says_so():
    for ask in ("score_samples", "channel_scores", "predict", "events", "reconstruct", "encode", "detect"):
        with pytest.raises(ValueError, match=r"is not fitted. Call fit\(normal\) first"):
            getattr(AnomalyDetector(), ask)(readings(100, seed=0))


def test_scores_are_those_of_one_recording(detector: AnomalyDetector):
    with pytest.raises(ValueError, match=r"2 recordings. This takes one; use detect\(data\) for several"):
        detector.score_samples([readings(100, seed=0), readings(100, seed=1)])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 1}, "a window of 1 steps at resolutions"),
        ({"resolutions": ()}, r"at resolutions \(\). Give"),
        ({"resolutions": (1, 0)}, r"at resolutions \(1, 0\). Give a window of 2 steps or more, and at least one"),
        ({"false_alarm_rate": 0.0}, "false_alarm_rate is 0.0. Give the fraction"),
        ({"false_alarm_rate": 1.0}, "false_alarm_rate is 1.0. Give the fraction"),
        ({"false_alarms_per_day": 0.0}, "false_alarms_per_day is 0.0. Give a number above 0"),
        ({"false_alarms_per_day": float("nan")}, "false_alarms_per_day is nan. Give a number above 0"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        AnomalyDetector(**settings)


def test_a_recording_may_be_scored_as_it_is(detector: AnomalyDetector):
    values = readings(100, seed=1)
    np.testing.assert_array_equal(detector.score_samples(Recording(values, CHANNELS)), detector.score_samples(values))


@pytest.mark.parametrize("rows", [1, 5, 15, 16, 40, 64])
def test_short_recordings_raise_no_alarm_for_being_short(rows: int, detector: AnomalyDetector):
    alarms = [detector.predict(readings(rows, seed=seed)) for seed in range(1, 31)]
    assert np.mean(alarms) < 0.05


def test_a_short_window_needs_few_rows():
    found = AnomalyDetector(window=4).fit(readings(14, seed=0))
    assert np.isfinite(found.score_samples(readings(9, seed=1))).all()


def test_a_saved_detector_is_the_same_after_loading(detector: AnomalyDetector, tmp_path: Path):
    frame = framed(readings(400, seed=1))
    frame.loc[200:220, "flow"] = 9
    frame.loc[50, "speed"] = np.nan
    loaded = seqae.load(seqae.save(detector, tmp_path / "detector"))
    np.testing.assert_array_equal(loaded.score_samples(frame), detector.score_samples(frame))
    np.testing.assert_array_equal(loaded.channel_scores(frame), detector.channel_scores(frame))
    np.testing.assert_array_equal(loaded.reconstruct(frame), detector.reconstruct(frame))
    np.testing.assert_array_equal(loaded.encode(frame), detector.encode(frame))
    assert loaded.events(frame) == detector.events(frame) != []
    assert loaded.drift(frame) == detector.drift(frame)
    assert (loaded.threshold_, loaded.channels_) == (detector.threshold_, detector.channels_)


# Where and when


def waves(rows: int, seed: int) -> np.ndarray:
    return noisy_waves(rows, seed, [8, 11, 5], noise=0.3, phases=[0, 1, 2])


@pytest.fixture(scope="module")
def wave_detector() -> AnomalyDetector:
    return fitted(waves(6000, seed=0), false_alarm_rate=0.001)


@pytest.mark.parametrize("deviations", [3, 4, 5])
@pytest.mark.parametrize("rows", [20, 50, 100, 200])
def test_a_level_shift_is_one_event_from_its_first_row_to_its_last(
    deviations: float, rows: int, wave_detector: AnomalyDetector
):
    for channel in range(3):
        values = waves(700, seed=channel + 1)
        start = 250 + 17 * channel
        values[start : start + rows, channel] += deviations * waves(6000, seed=0)[:, channel].std()
        (event,) = [each for each in wave_detector.events(values) if each.stop > start and each.start < start + rows]
        both = max(min(event.stop, start + rows) - max(event.start, start), 0)
        assert both / (max(event.stop, start + rows) - min(event.start, start)) >= 0.9
        assert event.channels[0].channel == str(channel)


def test_a_spike_is_a_short_event_that_peaks_in_its_row(wave_detector: AnomalyDetector):
    places, normal = np.random.default_rng(1).integers(50, 550, size=20), waves(600, seed=1)
    peaks, lengths = [], []
    for place in places:
        values = normal.copy()
        values[place, place % 3] += 8
        (event,) = [each for each in wave_detector.events(values) if each.start <= place < each.stop]
        peaks.append(event.peak == place)
        lengths.append(event.stop - event.start)
    assert sum(peaks) >= 19
    assert np.mean(np.array(lengths) <= 9) >= 0.9


def test_a_fit_that_fails_leaves_the_detector_as_it_was():
    detector, values = fitted(readings(600, seed=0)), readings(300, seed=1)
    before = detector.score_samples(values)
    detector.model = "pca"
    with pytest.raises(ValueError, match="longest segment"):
        detector.fit(readings(20, seed=0))
    assert type(detector.model_).__name__ == "Linear"
    np.testing.assert_array_equal(detector.score_samples(values), before)
