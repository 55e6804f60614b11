"""How well recordings are sorted by codes, or by distances, as far as classes are known."""

import numpy as np
from own_gestures import Gestures
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.metrics import normalized_mutual_info_score, silhouette_score

NEIGHBOURS = 5


def choose_clusters(codes: np.ndarray, seed: int) -> int:
    """Return the number of clusters, 2 to 12, whose silhouette is the best (Rousseeuw 1987).

    https://doi.org/10.1016/0377-0427(87)90125-7.

    Args:
        codes: `(sequence, code_size)`.
        seed: Seed of k-means.
    """
    tried = range(2, min(12, len(codes) - 1) + 1)
    return max(tried, key=lambda count: silhouette_score(codes, k_means(codes, count, seed).labels_))


def k_means(codes: np.ndarray, clusters: int, seed: int) -> KMeans:
    """Return k-means, the best of ten starts, fitted to codes `(sequence, code_size)`."""
    return KMeans(clusters, n_init=10, random_state=seed).fit(codes)


def scores_of_codes(
    codes: np.ndarray, new_codes: np.ndarray, known: Gestures, new: Gestures, seed: int
) -> dict[str, float]:
    """Return the scores of new recordings; k-means has seen the known ones alone.

    Args:
        codes: Of the known recordings, `(known, code_size)`.
        new_codes: Of the new ones, `(new, code_size)`.
        known: The known recordings, with their classes.
        new: The new ones.
        seed: Seed of k-means.
    """
    clusters = k_means(codes, len(set(known.classes)), seed).predict(new_codes)
    return _scores(clusters, cdist(new_codes, codes), known, new)


def scores_of_distances(
    to_known: np.ndarray, among_new: np.ndarray, known: Gestures, new: Gestures
) -> dict[str, float]:
    """Return the same scores where there are no codes: average linkage clusters the new recordings themselves.

    Args:
        to_known: `(new, known)`.
        among_new: `(new, new)`.
        known: The known recordings, with their classes.
        new: The new ones.
    """
    linkage = AgglomerativeClustering(len(set(known.classes)), metric="precomputed", linkage="average")
    return _scores(linkage.fit_predict(among_new), to_known, known, new)


def _scores(clusters: np.ndarray, distances: np.ndarray, known: Gestures, new: Gestures) -> dict[str, float]:
    nearest = known.classes[distances.argsort(axis=1, kind="stable")[:, :NEIGHBOURS]]
    return {
        "NMI": float(normalized_mutual_info_score(new.classes, clusters)),
        "cluster accuracy": cluster_accuracy(clusters, new.classes),
        "1-NN accuracy": float((nearest[:, 0] == new.classes).mean()),
        f"purity of {NEIGHBOURS} neighbours": float((nearest == new.classes[:, None]).mean()),
    }


def cluster_accuracy(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Return the accuracy of clusters `(sequence,)`, each named after another class, as favourably as can be."""
    names, numbers = np.unique(classes, return_inverse=True)
    counts = np.zeros((clusters.max() + 1, len(names)), dtype=int)
    np.add.at(counts, (clusters, numbers), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(classes))
