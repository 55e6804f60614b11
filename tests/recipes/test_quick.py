"""Quick runs have floors; what is below them, flat or hardly trained is told. The runs themselves are a step of CI."""

import json

import numpy as np
import pytest

from quick import FLOORS, failures, flat_rows, watch_pictures
from seqae import report
from seqae.cli.recipes import scripts

RULES = json.loads(FLOORS.read_text(encoding="utf-8"))
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.random((6, 1, 8, 8))


def test_every_recipe_has_floors():
    assert set(RULES) == set(scripts())
    assert all(RULES.values())


@pytest.mark.parametrize("name", RULES)
def test_a_run_that_has_learnt_nothing_passes_no_floor(name):
    rules = [rule for each in RULES[name].values() for rule in ([each] if isinstance(each, str) else each)]
    assert len(failures({}, RULES[name])) == len(rules)


@pytest.mark.parametrize(
    ("value", "rule", "passes"),
    [
        (0.95, "> 0.9", True),
        (0.9, "> 0.9", False),
        (0.1, "< 0.2", True),
        (0.3, "< 0.2", False),
        (0.75, "< 0.8 PCA-2: error", True),
        (0.85, "< 0.8 PCA-2: error", False),
        (0.1, "< 0.8 PCA-3: error", False),
        (float("nan"), "> 0", False),
        (float("nan"), "< 1", False),
    ],
)
def test_a_metric_passes_a_number_or_a_part_of_another_metric(value, rule, passes):
    found = failures({"error": value, "PCA-2: error": 1.0}, {"error": rule})
    assert (found == []) == passes
    assert all("error is" in line and rule in line for line in found)


def test_each_of_several_floors_counts():
    assert len(failures({"a": 0.5}, {"a": ["> 0.4", "< 0.4", "> 0.6"]})) == 2


@pytest.mark.parametrize("mean", [IMAGES.mean(axis=0), 0.5])
def test_a_reconstruction_that_is_the_same_for_all_images_is_flat(mean):
    same = np.broadcast_to(mean, IMAGES.shape)
    (line,) = flat_rows({"original": IMAGES, "good": IMAGES + 0.01, "bad": same + 0.01 * IMAGES})
    assert line.startswith("bad is flat")


def test_rows_of_errors_or_of_something_else_may_be_flat():
    assert flat_rows({"truth": IMAGES, "error x 3": 0 * IMAGES}) == []
    assert flat_rows({"map 1": IMAGES, "map 2": 0 * IMAGES}) == []


def test_recordings_of_different_lengths_are_compared_over_time():
    words = [RANDOM.normal(size=(length, 4)) for length in (5, 9)]
    assert flat_rows({"word": words, "reconstruction": [0.5 * word for word in words]}) == []
    assert flat_rows({"word": words, "reconstruction": [0.2 * word for word in words]})


def test_what_recipes_draw_is_watched(monkeypatch):
    for name in ("image_rows_figure", "filmstrip_figure", "spectrograms_figure", "sequences_figure"):
        monkeypatch.setattr(report, name, getattr(report, name))  # put back afterwards
    flat = watch_pictures()
    report.image_rows_figure({"original": IMAGES, "first": 0 * IMAGES})
    report.filmstrip_figure({"truth": IMAGES, "second": 0 * IMAGES})
    words = [RANDOM.normal(size=(5, 4))]
    report.spectrograms_figure({"word": words, "third": [0 * words[0]]}, ["a"], 0.1)
    report.sequences_figure({"fourth": words}, {"fourth": [0 * words[0]]})
    assert [line.partition(" ")[0] for line in flat] == ["first", "second", "third", "fourth"]
