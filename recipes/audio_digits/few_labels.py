"""What helps a classifier that has few labels, by the rules of scikit-learn: other rows, and what does not matter."""

from __future__ import annotations

import numpy as np

from seqae._extras import require

require("sklearn", extra="sklearn", purpose="classifiers")

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone  # noqa: E402 (after the check)
from sklearn.utils.validation import check_is_fitted  # noqa: E402


class NuisanceProjection(TransformerMixin, BaseEstimator):
    """Takes out the directions in which groups of rows differ, if not groups but something else is asked for.

    Nuisance attribute projection (Solomonoff et al. 2005, https://doi.org/10.1109/ICASSP.2005.1415189). The groups are
    known of the rows that it learns from only; what is said of another row does not depend on its group.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> NuisanceProjection:  # noqa: N803 (scikit-learn's name)
        """Learn from rows and the group of each: speakers, sensors, days."""
        X, y = np.asarray(X), np.asarray(y)  # noqa: N806
        centres = np.stack([X[y == group].mean(axis=0) for group in np.unique(y)])
        _, sizes, axes = np.linalg.svd(centres - centres.mean(axis=0), full_matrices=False)
        self.axes_ = axes[sizes > 1e-6 * max(sizes[0], 1e-30)]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the rows without what told the groups apart, of the same size."""
        check_is_fitted(self)
        return X - (X @ self.axes_.T) @ self.axes_


class SelfTraining(ClassifierMixin, BaseEstimator):
    """Names the rows without labels that it is surest of, learns from them as well, and so on with more of them.

    Yarowsky 1995, https://aclanthology.org/P95-1026. Of each class come as many rows as its share among the labels
    asks for, so that no class swallows the others (Zou et al. 2018, https://arxiv.org/abs/1810.07911). Names are given
    anew in each round; a mistake can be taken back.

    Args:
        classifier: Has `decision_function`, `(row, class)`; it is copied, not changed. Three classes at least.
        rounds: How often it learns again; the share of the rows without labels that it learns from grows to `most`.
        most: Of them, in the last round.
    """

    def __init__(self, classifier: BaseEstimator, rounds: int = 6, most: float = 0.9):
        self.classifier = classifier
        self.rounds = rounds
        self.most = most

    def fit(self, X: np.ndarray, y: np.ndarray) -> SelfTraining:  # noqa: N803 (scikit-learn's name)
        """Learn from rows and their classes, whole numbers; -1 where there is no label."""
        X, y = np.asarray(X), np.asarray(y)  # noqa: N806
        labelled, rest = X[y != -1], X[y == -1]
        self.classes_, counts = np.unique(y[y != -1], return_counts=True)
        if len(self.classes_) < 3:
            raise ValueError(f"labels of {len(self.classes_)} classes. Give rows of three classes at least")
        self.classifier_ = clone(self.classifier).fit(labelled, y[y != -1])
        for part in np.linspace(0, self.most, self.rounds + 1)[1:] if len(rest) else ():
            wanted = np.round(part * len(rest) * counts / counts.sum()).astype(int)
            rows, names = _surest(self.classifier_.decision_function(rest), wanted)
            known = np.concatenate([y[y != -1], self.classes_[names]])
            self.classifier_ = clone(self.classifier).fit(np.concatenate([labelled, rest[rows]]), known)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:  # noqa: N803
        """Return the class of each row, `(row,)`."""
        check_is_fitted(self)
        return self.classifier_.predict(X)


def _surest(scores: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return of each class the wanted number of rows that stand furthest above every other class, and their classes."""
    names = scores.argmax(axis=1)
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, -1] - ordered[:, -2]
    best_first = np.argsort(-lead, kind="stable")
    rows = [best_first[names[best_first] == number][:count] for number, count in enumerate(wanted)]
    return np.concatenate(rows), names[np.concatenate(rows)]
