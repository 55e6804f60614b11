"""Few labels: what unlabelled rows add, and what a projection takes away."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from few_labels import ClassBalancedSelfTraining, NuisanceProjection, normalized_by_speaker
from sklearn.linear_model import RidgeClassifier


def three_classes(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of three classes that lie apart in two directions and are loud in ten others."""
    random = np.random.default_rng(seed)
    y = np.arange(count) % 3
    X = random.normal(size=(count, 12))  # noqa: N806
    X[:, :2] = 4 * np.stack([np.cos(2 * np.pi * y / 3), np.sin(2 * np.pi * y / 3)], axis=1) + random.normal(
        size=(count, 2)
    )
    return X, y


@pytest.mark.parametrize("seed", range(3))
def test_rows_without_labels_help(seed):
    X, y = three_classes(seed)  # noqa: N806
    known = np.where(np.arange(len(y)) < 6, y, -1)
    alone = RidgeClassifier().fit(X[:6], y[:6]).score(X[6:], y[6:])
    found = ClassBalancedSelfTraining(RidgeClassifier()).fit(X, known)
    assert found.score(X[6:], y[6:]) > max(alone, 0.97)


def test_without_rows_that_have_no_label_it_is_the_classifier():
    X, y = three_classes(0)  # noqa: N806
    known = RidgeClassifier().fit(X, y).predict(X)
    assert np.array_equal(ClassBalancedSelfTraining(RidgeClassifier()).fit(X, y).predict(X), known)


def test_classes_keep_their_fraction_and_their_names():
    X, y = three_classes(1)  # noqa: N806
    names = np.array([3, 7, 40])[y]
    found = ClassBalancedSelfTraining(RidgeClassifier()).fit(X, np.where(np.arange(len(y)) < 9, names, -1)).predict(X)
    assert set(found) == {3, 7, 40}
    assert max(np.abs(np.mean(found == name) - 1 / 3) for name in (3, 7, 40)) < 0.05


def test_two_classes_are_refused():
    with pytest.raises(ValueError, match="labels of 2 classes"):
        ClassBalancedSelfTraining(RidgeClassifier()).fit(np.eye(4), np.array([0, 1, -1, -1]))


def test_projected_groups_have_one_mean_and_other_differences_stay():
    random = np.random.default_rng(0)
    X, groups = random.normal(size=(200, 9)), np.repeat([0, 1, 2, 3], 50)  # noqa: N806
    X[:, :3] += 5 * random.normal(size=(4, 3))[groups]
    projection = NuisanceProjection().fit(X, groups)
    found = projection.transform(X)
    means = np.stack([found[groups == group].mean(axis=0) for group in range(4)])
    np.testing.assert_allclose(means, np.tile(means[0], (4, 1)), atol=1e-9)
    np.testing.assert_allclose(projection.transform(found), found, atol=1e-9)
    assert np.linalg.matrix_rank(X - found, tol=1e-9) == 3


def test_one_group_takes_nothing_away():
    X = np.random.default_rng(0).normal(size=(20, 4))  # noqa: N806
    np.testing.assert_allclose(NuisanceProjection().fit(X, np.zeros(20)).transform(X), X)


def test_a_gain_and_an_offset_of_a_speaker_change_nothing_after_normalization():
    random = np.random.default_rng(0)
    versions, speakers = random.normal(size=(2, 40, 5)), np.repeat(["a", "b"], 20)
    gain, offset = random.uniform(0.5, 2, 5), random.normal(size=5)
    changed = np.where((speakers == "a")[:, None], versions * gain + offset, versions)
    found = normalized_by_speaker(changed, speakers)
    np.testing.assert_allclose(found, normalized_by_speaker(versions, speakers), atol=1e-9)
    np.testing.assert_allclose(found[0, :20].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found[0, 20:].std(axis=0), 1, atol=1e-9)
