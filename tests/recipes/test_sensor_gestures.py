"""The gestures, distances, scores and folders of the recipe that sorts recordings without labels."""

import numpy as np
import pytest
from elastic_distances import means_and_deviations, resampled, time_warping_distances
from grouping import choose_clusters, cluster_accuracy, scores_of_codes, scores_of_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from own_gestures import Gestures, read_gesture_folder
from scipy.spatial.distance import cdist
from sensor_gestures import main
from synthetic_gestures import KINDS, synthetic_gestures


def warping_distance(first: np.ndarray, second: np.ndarray) -> float:
    """By the textbook's recursion."""
    best = np.full((len(first) + 1, len(second) + 1), np.inf)
    best[0, 0] = 0
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            best[i + 1, j + 1] = np.square(one - other).sum() + min(best[i, j + 1], best[i + 1, j], best[i, j])
    return np.sqrt(best[-1, -1])


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 9), min_size=2, max_size=4), channels=st.integers(1, 3), seed=st.integers(0, 99))
def test_time_warping_is_that_of_the_textbook_whatever_else_is_compared(lengths, channels, seed):
    random = np.random.default_rng(seed)
    sequences = [random.normal(size=(length, channels)) for length in lengths]
    expected = [[warping_distance(one, other) for other in sequences] for one in sequences]
    np.testing.assert_allclose(time_warping_distances(sequences, sequences), expected, rtol=1e-3, atol=1e-3)


def test_resampling_keeps_a_straight_line_and_the_order_of_channels():
    line = np.linspace([0.0, 5.0], [1.0, -5.0], 11)
    (found,) = resampled([line], 4)
    np.testing.assert_allclose(found, [0, 5, 1 / 3, 5 / 3, 2 / 3, -5 / 3, 1, -5])
    np.testing.assert_allclose(means_and_deviations([line]), [[0.5, 0, line[:, 0].std(), line[:, 1].std()]])


def test_gestures_are_of_every_kind_of_many_lengths_and_of_other_people_with_another_seed():
    found = synthetic_gestures(people=3, repetitions=2, seed=0)
    assert sorted(set(found.labels)) == sorted(KINDS) and len(found.labels) == 3 * 8 * 2
    lengths = [len(rows) for rows in found.sequences]
    assert 20 <= min(lengths) < max(lengths) <= 120 and {rows.shape[1] for rows in found.sequences} == {2}
    others = synthetic_gestures(people=3, repetitions=2, seed=1)
    assert not {rows[0, 0] for rows in found.sequences} & {rows[0, 0] for rows in others.sequences}


def test_the_strokes_of_kinds_are_what_their_names_say():
    done = np.linspace(0, 1, 200)
    turns = {}
    for kind in ("circle", "circle, clockwise", "eight", "square"):
        steps = np.diff(KINDS[kind](done), axis=0)
        turns[kind] = np.sum(steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0])
    assert turns["circle"] == pytest.approx(-turns["circle, clockwise"]) and turns["circle"] > 0
    assert abs(turns["eight"]) < 1e-3 * turns["circle"]
    np.testing.assert_allclose(KINDS["square"](np.array([0.0, 1.0])), [[1, 1], [1, 1]])


def gestures(classes: list[str]) -> Gestures:
    return Gestures([np.zeros((2, 1))] * len(classes), np.array(classes), classes)


def test_clusters_are_named_after_one_class_each():
    assert cluster_accuracy(np.array([1, 1, 0, 0]), np.array(["a", "a", "b", "b"])) == 1
    assert cluster_accuracy(np.array([0, 0, 0, 0]), np.array(["a", "a", "b", "b"])) == 0.5


def test_codes_far_apart_are_sorted_without_error_and_distances_as_well():
    known, new = gestures(list("aaaaabbbbb")), gestures(list("bbaab"))
    codes = np.array([[0.0]] * 5 + [[9.0]] * 5) + np.linspace(0, 0.1, 10)[:, None]
    new_codes = np.array([[9.0], [9.1], [0.0], [0.1], [9.2]])
    expected = {"NMI": 1.0, "cluster accuracy": 1.0, "1-NN accuracy": 1.0, "purity of 5 neighbours": 1.0}
    assert scores_of_codes(codes, new_codes, known, new, 0) == pytest.approx(expected)
    among = cdist(new_codes, new_codes)
    assert scores_of_distances(cdist(new_codes, codes), among, known, new) == pytest.approx(expected)
    assert choose_clusters(codes, 0) == 2


def recordings(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        rows = np.random.default_rng(number).normal(size=(20 + number, 3))
        np.savetxt(folder / f"run{number}.csv", rows, delimiter=",", header="x,y,z", comments="")


def test_folders_in_a_folder_are_classes_and_every_fifth_of_each_is_new(tmp_path):
    for name in ("up", "down"):
        recordings(tmp_path / name, 6)
    known, new = read_gesture_folder(str(tmp_path), {})
    assert known.classes.tolist() == ["down"] * 5 + ["up"] * 5
    assert [name.endswith(end) for name, end in zip(new.names, ("down/run4.csv", "up/run4.csv"))] == [True, True]
    assert known.sequences[1].shape == (21, 3)


def test_recordings_without_classes_are_clustered_and_their_neighbours_named(tmp_path):
    recordings(tmp_path / "own", 15)
    numbers = main(smoke=True, folder=str(tmp_path / "own"), clusters=3, out=tmp_path)
    assert np.isfinite(list(numbers.values())).all()
    lines = (tmp_path / "sensor_gestures" / "latest" / "sorted.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["recording", "cluster", "nearest"] and len(lines) == 4
    assert all(line.split("\t")[1] in "012" and ".csv" in line.split("\t")[2] for line in lines[1:])


@pytest.mark.parametrize(("counts", "message"), [({"a": 6, "b": 3}, "9 recordings, 3 of 'b'"), ({}, "no folder")])
def test_too_few_recordings_are_refused(tmp_path, counts, message):
    for name, count in counts.items():
        recordings(tmp_path / "own" / name, count)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        read_gesture_folder(str(tmp_path / "own"), {})
