"""What operators said is kept with who and when, holds without training, and can be taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import plants
import seqae
from seqae.anomaly.events import read_events_csv, read_events_json, write_events_csv, write_events_json
from seqae.anomaly.feedback.applying import apply_feedback
from seqae.anomaly.feedback.log import FOLDER, LOG_FILE, FeedbackLog
from seqae.data.signals.recordings import Recording

ROWS = plants.make_plant(1, channels=8, rows=6000)
TRAIN, LIVE = ROWS[:4000], ROWS[4000:]
DEVIATION = TRAIN.std(axis=0)
START = np.datetime64("2026-03-01T00:00:00", "ns")
TIMES = START + np.arange(len(LIVE)) * np.timedelta64(1, "s")


@pytest.fixture(scope="module")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector(epochs=0).fit(TRAIN)


@pytest.fixture
def log(detector: seqae.AnomalyDetector, tmp_path: Path) -> FeedbackLog:
    return FeedbackLog(seqae.save(detector, tmp_path / "model"))


def cleaning(start: int, size: float = 1.0) -> np.ndarray:
    """Return live rows in which channel 2 falls and channel 5 rises for a minute, as when a machine is cleaned."""
    rows = LIVE.copy()
    course = np.concatenate([np.linspace(0, 1, 10), np.ones(40), np.linspace(1, 0, 10)])
    rows[start : start + 60, 2] -= size * 6 * DEVIATION[2] * course
    rows[start : start + 60, 5] += size * 4 * DEVIATION[5] * course
    return rows


def shifted(start: int, channel: int, deviations: float) -> np.ndarray:
    rows = LIVE.copy()
    rows[start : start + 60, channel] += deviations * DEVIATION[channel]
    return rows


def events_in(detector: seqae.AnomalyDetector, rows: np.ndarray, start: int) -> list[seqae.anomaly.Event]:
    return [event for event in detector.events(rows) if event.stop > start and event.start < start + 60]


def test_rows_like_accepted_ones_raise_no_alarm_and_other_faults_still_do(
    detector: seqae.AnomalyDetector, log: FeedbackLog
):
    log.accept(detector, cleaning(300), 295, 364, author="Ana", note="cleaning in place")
    taught = log.apply(detector)
    for start, size in ((300, 1.0), (900, 0.8), (1500, 1.15)):
        assert events_in(detector, cleaning(start, size), start)
        assert not events_in(taught, cleaning(start, size), start)
    assert events_in(taught, cleaning(900, 2.0), 900), "twice as far is not what was accepted"
    assert events_in(taught, cleaning(900, -1.0), 900), "the other way round is not what was accepted"
    for channel, deviations in ((2, 5), (5, -5), (1, 5), (1, -5)):
        assert events_in(taught, shifted(900, channel, deviations), 900)
    assert events_in(taught, shifted(900, 5, 6), 900), "the channel alone is not what was accepted"


def test_all_windows_that_cover_an_accepted_row_become_as_usual(detector: seqae.AnomalyDetector, log: FeedbackLog):
    log.accept(detector, cleaning(300), 310, 339, author="Ana")
    scorer = log.apply(detector).scorer_
    usual = scorer.calibration.evidence_of(scorer.threshold)
    rows = torch.from_numpy(scorer.scaled(cleaning(300), None).astype(np.float64))
    known = torch.zeros_like(rows, dtype=torch.bool)
    for own, taught, untaught in zip(
        scorer.resolutions, scorer.window_evidence(rows, known), detector.scorer_.window_evidence(rows, known)
    ):
        first = 310 - own.length + 1
        assert (taught[first:340].sum(dim=1) <= usual + 1e-9).all()
        assert untaught[first].sum() > usual


def test_a_channel_that_was_stuck_on_purpose_may_be_stuck_again(detector: seqae.AnomalyDetector, log: FeedbackLog):
    def stuck(start: int) -> np.ndarray:
        rows = LIVE.copy()
        rows[start : start + 60, 1] = rows[start - 20 : start + 80, 1].mean()
        return rows

    log.accept(detector, stuck(300), 295, 364, author="Ana", note="calibrated")
    taught = log.apply(detector)
    assert not events_in(taught, stuck(300), 300)
    for start in (300, 900, 1500):
        before, after = (each.detect(stuck(start))[0].alarms[start : start + 60].sum() for each in (detector, taught))
        assert before > 20 > 10 > after


def test_the_rows_that_are_kept_teach_what_the_whole_recording_would(detector: seqae.AnomalyDetector, log: FeedbackLog):
    kept = log.accept(detector, cleaning(300), 310, 339, author="Ana")
    whole = replace(kept, recording=detector.recording(cleaning(300)), start=310, stop=340)
    assert len(kept.recording) < 300
    taught, expected = log.apply(detector), apply_feedback(detector, [whole])
    np.testing.assert_allclose(taught.score_samples(cleaning(900)), expected.score_samples(cleaning(900)), rtol=1e-6)


def test_what_is_taken_back_leaves_the_detector_as_it_was(detector: seqae.AnomalyDetector, log: FeedbackLog):
    entry = log.accept(detector, cleaning(300), 300, 359, author="Ana")
    assert not np.array_equal(log.apply(detector).score_samples(cleaning(900)), detector.score_samples(cleaning(900)))
    log.undo(entry.id, author="Bo")
    assert np.array_equal(log.apply(detector).score_samples(cleaning(900)), detector.score_samples(cleaning(900)))
    (kept,) = log.entries()
    assert (kept.author, kept.undone_by) == ("Ana", "Bo")
    with pytest.raises(ValueError, match=r"no entry 1 .* In effect: none"):
        log.undo(entry.id, author="Bo")


def test_later_events_are_compared_with_named_faults(detector: seqae.AnomalyDetector, log: FeedbackLog, tmp_path: Path):
    shapes = {"high": (1, 5.0), "low": (1, -5.0), "leak": (3, 6.0)}
    for name, (channel, size) in shapes.items():
        log.name_fault(detector, shifted(300, channel, size), 298, 362, name, author="Ana")
    taught = log.apply(detector)
    for name, (channel, size) in shapes.items():
        for start in (700, 1400):
            (event, *_) = sorted(events_in(taught, shifted(start, channel, 0.8 * size), start), key=lambda e: -e.score)
            assert event.similar_fault == name
            assert event.fault_distance is not None and 0 <= event.fault_distance < 0.1
    events = taught.events(shifted(700, 6, 5.0))
    assert max(events, key=lambda e: e.score).fault_distance > 0.2, "a fault that nobody named"
    write_events_json(events, tmp_path / "events.json")
    write_events_csv(events, tmp_path / "events.csv")
    assert read_events_json(tmp_path / "events.json") == read_events_csv(tmp_path / "events.csv") == events


def test_spans_are_given_in_time_and_entries_keep_the_machine(detector: seqae.AnomalyDetector, log: FeedbackLog):
    recording = Recording(cleaning(300), tuple(map(str, range(8))), TIMES, name="today.csv")
    entry = log.accept(detector, recording, "2026-03-01T00:05:00", "2026-03-01T00:05:59", author="Ana")
    assert entry.span == ("2026-03-01T00:05:00", "2026-03-01T00:05:59")
    (read,) = log.entries()
    assert (read.span, read.author, read.recording.name, read.id) == (entry.span, "Ana", "today.csv", 1)
    assert np.array_equal(read.recording.values, entry.recording.values)
    assert np.array_equal(read.recording.times, entry.recording.times)


def test_a_detector_that_is_saved_keeps_what_it_was_told(
    detector: seqae.AnomalyDetector, log: FeedbackLog, tmp_path: Path
):
    log.accept(detector, cleaning(300), 300, 359, author="Ana")
    log.name_fault(detector, shifted(300, 1, 5), 300, 359, "high", author="Ana")
    taught = log.apply(detector)
    loaded = seqae.load(seqae.save(taught, tmp_path / "taught"))
    assert np.array_equal(loaded.score_samples(cleaning(900)), taught.score_samples(cleaning(900)))
    assert loaded.events(shifted(900, 1, 5)) == taught.events(shifted(900, 1, 5))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (5, 4000, r"start=5 and end=4000 are no rows .* 0 to 1999"),
        (9, 8, "start=9 and end=8 are no rows"),
        ("noon", 9, "start='noon' is no number of a row"),
    ],
)
def test_spans_without_rows_are_refused(
    detector: seqae.AnomalyDetector, log: FeedbackLog, start: str | int, end: str | int, message: str
):
    with pytest.raises(ValueError, match=message):
        log.accept(detector, LIVE, start, end, author="Ana")
    assert log.entries() == []


def test_times_outside_the_recording_are_refused(detector: seqae.AnomalyDetector, log: FeedbackLog):
    recording = Recording(LIVE, tuple(map(str, range(8))), TIMES)
    with pytest.raises(ValueError, match=r"no rows from start='2027-01-01' .* goes from 2026-03-01T00:00:00"):
        log.accept(detector, recording, "2027-01-01", "2027-01-02", author="Ana")
    with pytest.raises(ValueError, match="start='today' is not written as the times"):
        log.accept(detector, recording, "today", "2027-01-02", author="Ana")


def test_somebody_has_to_say_it_and_a_fault_has_a_name(detector: seqae.AnomalyDetector, log: FeedbackLog):
    with pytest.raises(ValueError, match="names nobody"):
        log.accept(detector, LIVE, 0, 9, author=" ")
    with pytest.raises(ValueError, match="has no name"):
        log.name_fault(detector, LIVE, 0, 9, "", author="Ana")


def test_damaged_entries_are_refused_by_name(detector: seqae.AnomalyDetector, log: FeedbackLog):
    log.accept(detector, LIVE, 0, 9, author="Ana")
    folder = Path(log.model) / FOLDER
    rows = folder / "1.safetensors"
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"1\.safetensors has another SHA-256"):
        log.apply(detector)
    rows.write_bytes(whole)
    records = json.loads((folder / LOG_FILE).read_text())
    (folder / LOG_FILE).write_text(json.dumps([records[0] | {"stop": 10**6}]))
    with pytest.raises(ValueError, match=r"log\.json is damaged"):
        log.apply(detector)
    (folder / LOG_FILE).write_text("{")
    with pytest.raises(ValueError, match=r"log\.json is damaged"):
        log.apply(detector)
    for record in ({"start": float("inf")}, {"id": 10**400}, {"channels": 5}):
        (folder / LOG_FILE).write_text(json.dumps([records[0] | record]))
        with pytest.raises(ValueError, match=r"an entry of .*log\.json is damaged"):
            log.apply(detector)
    (folder / LOG_FILE).write_text("[" * 10_000)
    with pytest.raises(ValueError, match=r"log\.json is damaged \(values in values"):
        log.apply(detector)
    (folder / LOG_FILE).write_text(json.dumps([records[0] | {"channels": list("abcdefgh")}]))
    with pytest.raises(ValueError, match="feedback does not fit the detector"):
        log.apply(detector)
