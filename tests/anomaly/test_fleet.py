"""Several machines of one kind with one model."""

import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae.anomaly.events import read_events_csv, read_events_json, write_events_csv, write_events_json
from seqae.anomaly.fleet import warn_of_levels
from seqae.anomaly.fleet_fitting import fleet_blocks, shrunk_scaler
from seqae.anomaly.online.detector import OnlineDetector
from seqae.data.signals.recordings import Recording
from seqae.transforms.scaler import Scaler

CHANNELS = ("temp", "press")
MACHINES = 6
LEVELS = np.random.default_rng(1).normal(0, 1, (MACHINES + 1, 2)) * [8, 3] + [60, 5]
SCALES = np.geomspace(0.2, 5, MACHINES + 1)[[3, 0, 5, 1, 6, 2, 4]]


def run(machine: int, seed: int, rows: int = 1200, fault: bool = False) -> Recording:
    """Return rows of a machine with its own level and scale; a fault is an offset of 15 deviations of the noise."""
    random, time = np.random.default_rng((machine, seed)), np.arange(rows)
    wave = np.sin(time / 30 + random.uniform(0, 6))
    values = np.stack([wave, 0.5 * wave], axis=1) + random.normal(0, [0.1, 0.05], (rows, 2))
    if fault:
        values[700:740, 0] += 1.5
    return Recording(values * SCALES[machine] + LEVELS[machine], CHANNELS, entity=f"m{machine}")


@pytest.fixture(scope="module")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector().fit([run(machine, seed) for machine in range(MACHINES) for seed in (0, 1)])


def is_found(detection) -> bool:
    return any(event.start < 745 and event.stop > 695 for event in detection.events)


def test_a_fault_is_found_on_every_machine_at_the_asked_rate_of_false_alarms(detector):
    assert detector.machines_ == tuple(f"m{machine}" for machine in range(MACHINES))
    assert all(is_found(each) for each in detector.detect([run(each, 9, fault=True) for each in range(MACHINES)]))
    rates = [np.mean(detector.predict(run(machine, 5, rows=6000))) for machine in range(MACHINES)]
    assert max(rates) < 2 * detector.false_alarm_rate
    assert np.mean(rates) < detector.false_alarm_rate


def test_a_machine_that_alarms_more_often_than_the_others_gets_a_threshold_of_its_own():
    def noisy(machine: int, seed: int, rows: int = 2000) -> Recording:
        random = np.random.default_rng((machine, seed))
        spikes = (random.random((rows, 2)) < (0.03 if machine == 0 else 0)) * random.standard_t(2, (rows, 2)) * 3
        return Recording(random.standard_normal((rows, 2)) + spikes, CHANNELS, entity=f"m{machine}")

    fleet = seqae.AnomalyDetector().fit([noisy(machine, 0) for machine in range(4)])
    rates = [np.mean(fleet.predict(noisy(machine, 1, rows=6000))) for machine in range(4)]
    assert max(rates) < 2.5 * fleet.false_alarm_rate
    assert fleet.scorer_.machines["m0"].inflation > 2 * fleet.scorer_.machines["m1"].inflation


def test_rows_of_no_machine_and_of_an_unknown_one_are_refused_with_what_helps(detector):
    nameless = replace(run(0, 3), entity="")
    with pytest.raises(ValueError, match=r"rows of no machine, .*'m0', 'm1'.*by='machine'.*entity='m0'"):
        detector.detect(nameless)
    with pytest.raises(ValueError, match=r"machine 'm6' is not one .*recalibrate\(normal_rows, entity='m6'\)"):
        detector.detect(run(6, 3))
    with pytest.raises(ValueError, match="rows of no machine"):
        OnlineDetector(detector)
    with pytest.raises(ValueError, match="1 of 2 recordings name no machine"):
        seqae.AnomalyDetector().fit([run(0, 0), nameless])
    expected = detector.score_samples(run(0, 3))
    frame = pd.DataFrame(nameless.values, columns=list(CHANNELS))
    np.testing.assert_array_equal(detector.score_samples(frame, entity="m0"), expected)


def test_a_new_machine_is_known_from_few_rows(detector):
    known = detector.recalibrate(replace(run(6, 0, rows=360), entity=""), entity="m6")
    assert known.machines_ == (*detector.machines_, "m6")
    assert "m6" not in detector.machines_
    assert is_found(known.detect(run(6, 9, fault=True))[0])
    assert np.mean(known.predict(run(6, 5, rows=6000))) < 3 * known.false_alarm_rate
    assert known.drift(run(6, 5, rows=3000)) == []
    np.testing.assert_array_equal(known.score_samples(run(2, 4)), detector.score_samples(run(2, 4)))


def test_the_level_of_a_known_machine_is_replaced_and_its_scale_stays(detector):
    def shifted(*arguments, **options) -> Recording:
        recording = run(2, *arguments, **options)
        return replace(recording, values=recording.values + 7.0)

    again = detector.recalibrate(shifted(5, rows=600))
    before, now = (each.scorer_.machines["m2"].scaler for each in (detector, again))
    np.testing.assert_array_equal(now.scale_, before.scale_)
    np.testing.assert_allclose(now.mean_, before.mean_ + 7.0, atol=0.3 * SCALES[2])
    assert np.mean(again.predict(shifted(6))) < 0.03 < np.mean(detector.predict(shifted(6)))


def test_results_carry_the_machine(detector, tmp_path):
    (detection,) = detector.detect(run(3, 9, fault=True))
    assert detection.entity == "m3"
    assert set(detection.frame()["entity"]) == {"m3"}
    assert {event.entity for event in detection.events} == {"m3"}
    write_events_csv(detection.events, tmp_path / "events.csv")
    write_events_json(detection.events, tmp_path / "events.json")
    assert read_events_csv(tmp_path / "events.csv") == read_events_json(tmp_path / "events.json") == detection.events


def test_rows_one_after_the_other_get_the_results_of_the_whole(detector, tmp_path):
    recording = run(4, 9, fault=True)
    (whole,) = detector.detect(recording)
    online, updates = OnlineDetector(detector, entity="m4"), []
    for start, stop in pairwise([0, 1, 500, 720, 1200]):
        updates.append(online.push(recording.values[start:stop]))
    with pytest.raises(ValueError, match="belongs to another detector"):
        OnlineDetector(detector, entity="m3").load(online.save(tmp_path).parent)
    updates.append(online.finish())
    np.testing.assert_array_equal(np.concatenate([each.scores for each in updates]), whole.scores)
    assert [event for each in updates for event in each.events] == whole.events
    assert [drift for each in updates for drift in each.drifts] == detector.drift(recording)


def test_a_saved_fleet_is_the_same(detector, tmp_path):
    known = detector.recalibrate(run(6, 0, rows=300))
    loaded = seqae.load(seqae.save(known, tmp_path))
    for machine in (1, 6):
        np.testing.assert_array_equal(loaded.score_samples(run(machine, 3)), known.score_samples(run(machine, 3)))


def test_an_onnx_file_is_for_one_machine(detector, tmp_path):
    pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match="rows of no machine"):
        detector.to_onnx(tmp_path / "fleet.onnx")
    written = seqae.export.OnnxDetector(detector.to_onnx(tmp_path / "m1.onnx", entity="m1"))
    recording = run(1, 3)
    scores = detector.score_samples(recording)
    np.testing.assert_allclose(written.score(recording.values).scores, scores, atol=1e-5 * scores.max())


def test_a_detector_of_one_machine_scores_a_recording_of_any_name():
    recording = run(0, 0)
    plain = seqae.AnomalyDetector().fit(replace(recording, entity=""))
    assert plain.machines_ == ()
    (detection,) = plain.detect(run(0, 9, fault=True))
    np.testing.assert_array_equal(detection.scores, plain.score_samples(replace(run(0, 9, fault=True), entity="")))
    assert detection.entity == detection.events[0].entity == "m0"


@pytest.mark.parametrize("lengths", [(500,), (500, 60, 300), (40,), (100, 700, 20, 90)])
def test_each_row_of_a_fleet_is_held_out_once_at_most_and_every_machine_is_measured(lengths):
    import torch

    edges = np.cumsum([0, *lengths])
    parts = [torch.arange(start, stop)[:, None] for start, stop in pairwise(edges)]
    held_out, measured = [], set()
    for blocks, others in fleet_blocks(parts, 5, shortest=64, window=16):
        rows = {int(row) for _, block in blocks for row in block}
        assert not rows & {int(row) for piece in others for row in piece}
        held_out += rows
        measured |= {number for number, _ in blocks}
    assert len(held_out) == len(set(held_out))
    if sum(lengths) > 100:
        assert measured == set(range(len(lengths)))
        assert len(held_out) == sum(lengths)


def test_scales_are_drawn_to_the_fleet_as_far_as_machines_are_alike():
    def scaler(scale: float) -> Scaler:
        return Scaler().fit([np.array([[-scale, 3.0], [scale, 3.0]])])

    alike = [scaler(each) for each in (1.0, 1.01, 0.99)]
    different = [scaler(each) for each in (0.01, 1.0, 100.0)]
    assert shrunk_scaler(scaler(3.0), 5, alike).scale_[0] == pytest.approx(1, abs=0.02)
    assert shrunk_scaler(scaler(3.0), 5, different).scale_[0] == pytest.approx(3, rel=0.02)
    still = Scaler().fit([np.full((5, 2), 3.0)])
    assert shrunk_scaler(still, 5, alike).scale_ == pytest.approx([1, 1], abs=0.02)
    assert shrunk_scaler(still, 5, alike).is_constant_.tolist() == [False, True]


def test_runs_that_differ_in_level_or_spread_are_named_with_what_helps():
    with pytest.warns(UserWarning, match=r"differ in level or spread .*'temp', 'press'.*by='machine'"):
        warn_of_levels([replace(run(machine, seed), entity="") for machine in range(3) for seed in (0, 1)])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", ["noise", "walk", "cut walk", "wave", "degradation", "missing"])
def test_runs_of_one_machine_do_not_differ(kind, seed):
    random = np.random.default_rng(seed)
    runs = random.standard_normal((8, 400, 3))
    if kind == "walk":
        runs = runs.cumsum(axis=1)
    elif kind == "cut walk":
        runs = runs.reshape(3200, 3).cumsum(axis=0).reshape(8, 400, 3)
    elif kind == "wave":
        runs = 0.05 * runs + np.sin(np.arange(3200) / 150).reshape(8, 400, 1)
    elif kind == "degradation":  # a life each, from a slightly different start
        runs = runs + 3 * np.linspace(0, 1, 400)[:, None] ** 3 + random.standard_normal((8, 1, 3))
    else:
        runs[:, :, 2], runs[:3, :, 1] = 5.0, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_levels([Recording(each, ("a", "b", "c")) for each in runs])
