"""Classifiers of recordings: with all labels, and with few labels and many recordings without."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

BASELINE = "log-mel means, RBF SVM (baseline)"
DRAWS = 10  # random draws of labels


def accuracy(
    name: str, versions: np.ndarray, digits: np.ndarray, train: np.ndarray, test: np.ndarray, penalty: float = 0.05
) -> float:
    """Return the fraction of test recordings that are named correctly.

    The classifier is a linear least-squares support vector machine, which is ridge regression of the classes (Suykens
    & Vandewalle 1999, https://doi.org/10.1023/A:1018628609742); the baseline has one with radial basis functions.

    Args:
        name: The name of the features.
        versions: Features, `(version, recording, feature)`: those of training are learnt in all versions, with noise.
        digits: `(recording,)`, classes.
        train: `(recording,)` bool.
        test: `(recording,)` bool.
        penalty: Weight of the squared weights, for each row that is learnt from; the baseline has none.
    """
    rows, known = np.concatenate(versions[:, train]), np.tile(digits[train], len(versions))
    classifier = SVC(C=10) if name == BASELINE else RidgeClassifier(penalty * len(rows))
    pipeline: Pipeline = make_pipeline(StandardScaler(), classifier)
    return float(pipeline.fit(rows, known).score(versions[0, test], digits[test]))


def few_label_accuracy(
    name: str,
    versions: np.ndarray,
    digits: np.ndarray,
    speakers: np.ndarray,
    train: np.ndarray,
    labelled: int,
    seed: int,
) -> tuple[float, float]:
    """Return the accuracy with some labels of each digit alone, and with the other training recordings unlabelled.

    Both are means over labels drawn at random. Directions in which training speakers differ are projected out before
    self-training.

    Args:
        name: The name of the features.
        versions: Features, `(version, recording, feature)`.
        digits: `(recording,)`, classes.
        speakers: `(recording,)`, the speakers' names; those of training are read.
        train: `(recording,)` bool; the others are the test.
        labelled: Labels for each digit.
        seed: Seed of the choice.
    """
    alone, with_unlabelled = [], []
    rows = StandardScaler().fit(versions[0, train]).transform(versions[0])
    rows = NuisanceProjection().fit(rows[train], speakers[train]).transform(rows)
    rows = PCA(0.98, svd_solver="covariance_eigh").fit(rows[train]).transform(rows)
    classifier = make_pipeline(StandardScaler(), SVC(C=10)) if name == BASELINE else RidgeClassifier(0.1 * train.sum())
    for draw in range(DRAWS):
        random = np.random.default_rng((seed, draw))
        of_digit = [np.flatnonzero(train & (digits == digit)) for digit in np.unique(digits)]
        chosen = np.concatenate([random.choice(indices, labelled, replace=False) for indices in of_digit])
        has_label = np.isin(np.arange(len(digits)), chosen)
        alone.append(accuracy(name, versions, digits, has_label, ~train, penalty=0.5))
        known = np.where(has_label, digits, -1)[train]
        model = ClassBalancedSelfTraining(classifier).fit(rows[train], known)
        with_unlabelled.append(model.score(rows[~train], digits[~train]))
    return float(np.mean(alone)), float(np.mean(with_unlabelled))


def normalized_by_speaker(versions: np.ndarray, speakers: np.ndarray) -> np.ndarray:
    """Return features without the mean of their speaker, in units of the speaker's deviation.

    Both are of all recordings of a speaker without noise; no label is read (after the cepstral normalization by speaker
    of Viikki & Laurila 1998, https://doi.org/10.1016/S0167-6393(98)00033-8). Words should be as frequent for each.

    Args:
        versions: Features, `(version, recording, feature)`; the first version is without noise.
        speakers: `(recording,)`, the speakers' names.
    """
    written = np.empty_like(versions)
    for speaker in np.unique(speakers):
        of_speaker = speakers == speaker
        scaler = StandardScaler().fit(versions[0, of_speaker])
        for written_version, version in zip(written, versions):
            written_version[of_speaker] = scaler.transform(version[of_speaker])
    return written


class NuisanceProjection(TransformerMixin, BaseEstimator):
    """Projects out the directions in which the means of groups differ, such as speakers, which are not the classes.

    Nuisance attribute projection (Solomonoff et al. 2005, https://doi.org/10.1109/ICASSP.2005.1415189). Groups are
    known for the training rows alone; the projection of another row does not depend on its group.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> NuisanceProjection:  # noqa: N803 (scikit-learn's name)
        """Learn from rows `(row, feature)` and the group of each `(row,)`: speakers, sensors, days."""
        X, y = np.asarray(X), np.asarray(y)  # noqa: N806
        centers = np.stack([X[y == group].mean(axis=0) for group in np.unique(y)])
        _, sizes, axes = np.linalg.svd(centers - centers.mean(axis=0), full_matrices=False)
        self.axes_ = axes[sizes > 1e-6 * max(sizes[0], 1e-30)]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the projected rows, `(row, feature)`."""
        check_is_fitted(self)
        return X - (X @ self.axes_.T) @ self.axes_


class ClassBalancedSelfTraining(ClassifierMixin, BaseEstimator):
    """Labels the rows with the most certain predictions, trains on them too, and repeats this with more rows.

    Self-training (Yarowsky 1995, https://aclanthology.org/P95-1026), class-balanced (Zou et al. 2018,
    https://arxiv.org/abs/1810.07911): each class receives as many pseudo-labels as its fraction of the labels asks for.
    scikit-learn's `SelfTrainingClassifier` does not balance and keeps every pseudo-label; here they are given anew in
    each round.

    Args:
        classifier: Has `decision_function`, `(row, class)`; it is copied, not changed. Three classes at least.
        rounds: Number of rounds; the fraction of unlabelled rows that it learns from grows evenly.
        max_fraction: The same fraction in the last round.
    """

    def __init__(self, classifier: BaseEstimator, rounds: int = 6, max_fraction: float = 0.9):
        self.classifier = classifier
        self.rounds = rounds
        self.max_fraction = max_fraction

    def fit(self, X: np.ndarray, y: np.ndarray) -> ClassBalancedSelfTraining:  # noqa: N803 (scikit-learn's name)
        """Learn from rows `(row, feature)` and their classes `(row,)` int, -1 where there is no label.

        Raises:
            ValueError: There are labels of fewer than three classes.
        """
        X, y = np.asarray(X), np.asarray(y)  # noqa: N806
        labelled, rest = X[y != -1], X[y == -1]
        self.classes_, counts = np.unique(y[y != -1], return_counts=True)
        if len(self.classes_) < 3:
            raise ValueError(f"labels of {len(self.classes_)} classes. Give rows of three classes at least")
        self.classifier_ = clone(self.classifier).fit(labelled, y[y != -1])
        for fraction in np.linspace(0, self.max_fraction, self.rounds + 1)[1:] if len(rest) else ():
            wanted = np.round(fraction * len(rest) * counts / counts.sum()).astype(int)
            rows, indices = _most_certain(self.classifier_.decision_function(rest), wanted)
            known = np.concatenate([y[y != -1], self.classes_[indices]])
            self.classifier_ = clone(self.classifier).fit(np.concatenate([labelled, rest[rows]]), known)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the class of each row, `(row,)`."""
        check_is_fitted(self)
        return self.classifier_.predict(X)


def _most_certain(scores: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the wanted number of rows of each class with the largest margin, and the indices of their classes."""
    indices = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    margin = ordered[:, -1] - ordered[:, -2]
    best_first = np.argsort(-margin, kind="stable")
    rows = [best_first[indices[best_first] == index][:count] for index, count in enumerate(wanted)]
    return np.concatenate(rows), indices[np.concatenate(rows)]
