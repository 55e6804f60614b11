import numpy as np
import pandas as pd
import pytest
import torch

import seqae
from generators import wide_readings as readings
from seqae.anomaly import scorer as scorer_module
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.mahalanobis import Mahalanobis
from seqae.anomaly.window_models import PCA, Dense
from seqae.data.signals.recordings import Recording

CHANNELS = ("flow", "pressure", "speed", "still")


def framed(values: np.ndarray, start: str = "2024-03-01 08:00") -> pd.DataFrame:
    times = pd.date_range(start, periods=len(values), freq="10s")
    return pd.DataFrame(dict(zip(CHANNELS, values.T)) | {"time": times})[["time", *CHANNELS]]


def fitted(normal: object, **settings: object) -> AnomalyDetector:
    return AnomalyDetector(PCA(), **settings).fit(normal)


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


@pytest.mark.parametrize("stride", [1, 4, 16])
def test_scores_do_not_depend_on_how_many_rows_are_computed_together(stride: int, monkeypatch: pytest.MonkeyPatch):
    found = fitted(readings(1200, seed=0), stride=stride)
    values = readings(1111, seed=1)
    values[500:520, 0] = np.nan
    scores, channel_scores = found.score_samples(values), found.channel_scores(values)
    for chunk in (61, 1000):
        monkeypatch.setattr(scorer_module, "ROWS_PER_CHUNK", chunk)
        np.testing.assert_allclose(found.score_samples(values), scores, rtol=1e-5)
        np.testing.assert_allclose(found.channel_scores(values), channel_scores, rtol=1e-5)


def test_scoring_twice_gives_the_same_bits(detector: AnomalyDetector):
    values = readings(500, seed=1)
    np.testing.assert_array_equal(detector.score_samples(values), detector.score_samples(values))


def test_what_the_caller_holds_stays_as_it_is():
    values = readings(400, seed=0)
    values[7, 0] = np.nan
    before, torch_state, numpy_state = values.copy(), torch.get_rng_state(), np.random.get_state()[1]
    threads = torch.get_num_threads()
    found = AnomalyDetector(resolutions=(1,), epochs=1).fit(values)
    found.detect(values)
    np.testing.assert_array_equal(values, before)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.get_num_threads() == threads


def test_the_seed_decides_the_weights():
    def weights(seed: int) -> torch.Tensor:
        found = AnomalyDetector(Dense(), resolutions=(1,), epochs=1, random_state=seed).fit(readings(400, seed=0))
        return torch.cat([each.flatten() for each in found.scorer_.resolution_models[0].model.parameters()])

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
    np.testing.assert_allclose(found.scorer_.threshold_values, detector.scorer_.threshold_values, rtol=1e-3)
    np.testing.assert_allclose(found.scorer_.mean_chart.threshold_, detector.scorer_.mean_chart.threshold_, rtol=1e-3)


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
    far = np.r_[:320, 880:1200]  # further than any window reaches
    np.testing.assert_allclose(scores[far], detector.score_samples(values)[far], rtol=1e-5)


@pytest.mark.parametrize("model", [PCA(), Dense()])
def test_a_tenth_of_the_values_may_be_missing(model: PCA | Dense):
    random = np.random.default_rng(5)
    normal, values = readings(2000, seed=0), readings(500, seed=1)
    normal[random.random(normal.shape) < 0.1] = np.nan
    values[random.random(values.shape) < 0.1] = np.nan
    values[250:270, 1] = 190
    found = AnomalyDetector(model, epochs=2).fit(normal)
    assert np.isfinite(found.score_samples(values)).all()
    assert found.predict(values)[250:270].any()
    assert not found.predict(values)[:150].any()


@pytest.mark.parametrize("model", [PCA(), Dense()])
def test_a_channel_without_any_value_leaves_the_others_as_they_are(model: PCA | Dense):
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
    scores = found.score_samples(normal[:100])
    assert np.isfinite(scores).all()
    assert scores.max() < 1
    assert not found.predict(normal[:100]).any()


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
        "threshold_ratio",
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


@pytest.mark.parametrize("channels", [[0], [0, 1, 2, 3]])
def test_normal_rows_raise_no_more_alarms_than_stated(channels: list[int]):
    found = fitted(readings(5000, seed=0)[:, channels], false_alarm_rate=0.01)
    fresh = readings(5000, seed=1)[:, channels]
    assert found.predict(fresh).mean() < 0.01 * 3, "a threshold is as certain as the rows it was set on"
    assert 0 <= found.empirical_false_alarm_rate_ < 0.01 * 3


@pytest.mark.parametrize("dependence", [0.0, 0.9])
def test_the_stated_rate_holds_for_new_rows_of_the_same_process(dependence: float):
    def rows(count: int, seed: int) -> np.ndarray:
        found = np.random.default_rng(seed).normal(size=(count, 3))
        for row in range(1, count):
            found[row] += dependence * found[row - 1]
        return found

    rates = [fitted(rows(4000, seed), false_alarm_rate=0.01).predict(rows(8000, seed + 50)).mean() for seed in range(3)]
    assert 0.01 / 2 < np.mean(rates) < 0.01 * 2


def test_a_distance_in_view_of_all_channels_keeps_the_stated_rate_too():
    found = fitted(readings(5000, seed=0), distance=Mahalanobis(), false_alarm_rate=0.01)
    assert 0 < found.predict(readings(8000, seed=1)).mean() < 0.01 * 3
    faulty = readings(1000, seed=2)
    faulty[500:520, 1] += 60
    assert found.predict(faulty)[505:516].all()
    assert found.events(faulty)[0].channels[0].channel == "1"


def test_a_distance_is_that_of_the_errors_of_all_channels(tmp_path):
    found = fitted(readings(3000, seed=0), resolutions=(1,), distance=Mahalanobis())
    values = readings(300, seed=1)
    values[10, 2] = np.nan
    errors = (
        found.scorer_.resolution_models[0].errors(found.scorer_.scaler.transform(values), 1)
        / found.scorer_.error_scaler.row_scale_[0]
    )
    errors[10, 2] = np.nan
    (distance,) = found.scorer_.error_scaler.distances_
    np.testing.assert_allclose(found.score_samples(values), np.sqrt(distance.scores(errors)), rtol=1e-4)
    again = seqae.load(seqae.save(found, tmp_path / "detector"))
    np.testing.assert_array_equal(again.score_samples(values), found.score_samples(values))


def test_a_lower_rate_sets_a_higher_threshold(detector: AnomalyDetector):
    found = fitted(framed(readings(3000, seed=0)), false_alarm_rate=0.05)
    assert (detector.scorer_.threshold_values >= found.scorer_.threshold_values).all()
    assert (detector.scorer_.threshold_values > found.scorer_.threshold_values).any()
    assert (found.scorer_.threshold_values >= 1).all()
    assert (detector.scorer_.mean_chart.threshold_ >= found.scorer_.mean_chart.threshold_).all()


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


@pytest.mark.parametrize("stride", [0, 17])
def test_windows_have_to_cover_every_row(stride: int):
    with pytest.raises(ValueError, match=f"a stride of {stride} steps. Give 1 to 16"):
        AnomalyDetector(stride=stride)


def test_a_recording_may_be_scored_as_it_is(detector: AnomalyDetector):
    values = readings(100, seed=1)
    np.testing.assert_array_equal(detector.score_samples(Recording(values, CHANNELS)), detector.score_samples(values))


@pytest.mark.parametrize("rows", [1, 5, 15, 16, 40, 64, 100, 200])
def test_short_recordings_raise_no_alarm_for_being_short(rows: int, detector: AnomalyDetector):
    alarms = [detector.predict(readings(rows, seed=seed)).any() for seed in range(1, 9)]
    assert sum(alarms) <= 1


def test_a_window_shorter_than_that_of_the_charts_needs_no_more_rows():
    found = AnomalyDetector(PCA(), window=4).fit(readings(14, seed=0))
    assert np.isfinite(found.score_samples(readings(9, seed=1))).all()
