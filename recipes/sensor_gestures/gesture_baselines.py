"""What sorts recordings without training."""

from elastic_distances import means_and_deviations, resampled, time_warping_distances
from grouping import scores_of_codes, scores_of_distances
from own_gestures import Gestures
from sklearn.decomposition import PCA


def baselines(known: Gestures, new: Gestures, code_size: int, seed: int) -> dict[str, dict[str, float]]:
    """Return the scores of what needs no training."""
    even, new_even = (resampled(part.sequences, 32) for part in (known, new))
    components = PCA(min(code_size, len(even))).fit(even)
    moments, new_moments = (means_and_deviations(part.sequences) for part in (known, new))
    scale = moments.std(axis=0)
    to_known = time_warping_distances(new.sequences, known.sequences)
    among_new = time_warping_distances(new.sequences, new.sequences)
    return {
        f"PCA of 32 steps, {code_size} components": scores_of_codes(
            components.transform(even), components.transform(new_even), known, new, seed
        ),
        "means and deviations": scores_of_codes(moments / scale, new_moments / scale, known, new, seed),
        "dynamic time warping, no code": scores_of_distances(to_known, among_new, known, new),
    }
