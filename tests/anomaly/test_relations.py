"""Faults of the relations between channels, none of whose values is unusual by itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from plants import PlantCase, plant_cases
from seqae.anomaly.detector import AnomalyDetector

RELATIONS = ("replay", "phase", "lag", "sign", "swap", "frequency")
REPEATS = 4


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: whether it is found, by a baseline too, and whether its channel is named."""

    kind: str
    is_found: bool
    is_named: bool
    by_squares: bool


def is_alarmed(alarms: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a tenth of the rows of a fault raise an alarm."""
    return bool(alarms[labels].mean() >= 0.1)


def outcomes_of(case: PlantCase) -> list[Outcome]:
    detector = AnomalyDetector().fit(case.normal)
    mean, deviation = case.normal.mean(axis=0), case.normal.std(axis=0)

    def squares(values: np.ndarray) -> np.ndarray:
        return np.square((values - mean) / deviation).mean(axis=1)

    threshold, outcomes = np.quantile(squares(case.normal), 0.99), []
    for recording in case.recordings:
        (found,) = detector.detect(recording.values)
        events = [event for event in found.events if recording.labels[event.start : event.stop].any()]
        named = max(events, key=lambda each: each.score).channels[0].channel if events else ""
        outcomes.append(
            Outcome(
                recording.kind,
                is_alarmed(found.alarms, recording.labels),
                named in map(str, recording.channels),
                is_alarmed(squares(recording.values) > threshold, recording.labels),
            )
        )
    return outcomes


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    cases = plant_cases(3, normal=4000, held_out=100, repeats=REPEATS, rows=500, kinds=RELATIONS)
    return [outcome for case in cases for outcome in outcomes_of(case)]


@pytest.mark.parametrize("kind", RELATIONS)
def test_most_faults_of_a_relation_are_found(kind: str, outcomes: list[Outcome]):
    found = [each.is_found for each in outcomes if each.kind == kind]
    assert len(found) == 3 * REPEATS
    assert sum(found) >= len(found) / 2


def test_most_faults_of_all_kinds_are_found_and_squares_of_the_values_find_hardly_any(outcomes: list[Outcome]):
    assert np.mean([each.is_found for each in outcomes]) >= 0.7
    assert np.mean([each.by_squares for each in outcomes]) <= 0.1


def test_the_channel_at_fault_is_named(outcomes: list[Outcome]):
    assert np.mean([each.is_named for each in outcomes if each.is_found]) >= 0.8


def test_the_relations_hold_in_new_normal_rows():
    (case,) = plant_cases(1, normal=4000, held_out=4000, repeats=0)
    assert AnomalyDetector().fit(case.normal).predict(case.held_out).mean() < 0.02
