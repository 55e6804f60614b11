"""Heartbeats of ECG5000 (UCR archive, https://www.timeseriesclassification.com), or synthetic ones."""

import numpy as np

from seqae.data import read_ts

KINDS = {1: "normal", 2: "R-on-T", 3: "premature ventricular", 4: "supraventricular", 5: "unclassifiable"}


def read_beats(folder: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return normal training beats and all test beats, `(beat, time, 1)` float32, and the kind of each test beat.

    Args:
        folder: Holds ECG5000_TRAIN.ts and ECG5000_TEST.ts, also in a zip file.

    Raises:
        FileNotFoundError: The files are not there.
    """
    train, test = read_ts(folder, "ECG5000")
    normal = np.stack(train.sequences)[train.labels.astype(float) == 1]
    return normal, np.stack(test.sequences), np.array([KINDS[int(float(label))] for label in test.labels])


def synthetic_beats(count: int = 800, normal: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return synthetic normal beats and test beats, `(beat, 100, 1)` each, and the kinds of the latter, `(beat,)`.

    A beat has three waves; in an abnormal one the second is late, or the third inverted.
    """
    random = np.random.default_rng(0)
    time = np.linspace(0, 1, 100)
    kinds = random.choice(["normal", "late", "turned over"], count, p=[0.6, 0.2, 0.2])
    kinds[:normal] = "normal"
    beats = np.zeros((count, len(time)))
    for center, width, height in ((0.2, 0.04, 0.3), (0.4, 0.02, 2.0), (0.7, 0.06, 0.6)):
        late = 0.12 * (kinds == "late") * (center == 0.4)
        sign = np.where((kinds == "turned over") & (center == 0.7), -1, 1)
        centers = center + late + random.normal(0, 0.01, count)
        heights = height * sign * random.normal(1, 0.1, count)
        beats += heights[:, None] * np.exp(-(((time - centers[:, None]) / width) ** 2))
    beats = (beats + random.normal(0, 0.05, beats.shape))[..., None].astype(np.float32)
    return beats[:normal], beats[normal:], kinds[normal:]
