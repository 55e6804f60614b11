"""The recordings of the recipe: of people, of one's own folder, or heartbeats of ECG5000."""

import numpy as np
from synthetic_ecg import synthetic_ecg

import seqae
from seqae.data import ReadingKeywords, read_ts

Parts = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]  # to learn from, to tune filters on, to test


def read_ecg(folder: str, people: int, seed: int) -> Parts:
    """Return heartbeats of ECG5000, every fifth training beat for tuning; or three synthetic recordings a person.

    Args:
        folder: Holds ECG5000_TRAIN.ts and ECG5000_TEST.ts, also in a zip file; empty for synthetic recordings.
        people: The number of people to learn from; a quarter and half as many others are for tuning and test.
        seed: Seed of the people.

    Raises:
        FileNotFoundError: The files are not there.
    """
    if folder:
        train, test = read_ts(folder, "ECG5000")
        return [rows for at, rows in enumerate(train.sequences) if at % 5], train.sequences[::5], test.sequences
    learnt, tuning, test_recordings = (
        synthetic_ecg(count, 3, 3 * seed + part) for part, count in enumerate((people, people // 4, people // 2))
    )
    return learnt, tuning, test_recordings


def read_own(folder: str, reading: ReadingKeywords) -> Parts:
    """Return the recordings in a folder: of five one is for tuning and one for the test.

    Args:
        folder: Ten files or more of any format and length.
        reading: How they are read.

    Raises:
        ValueError: There are fewer, or values are missing.
    """
    recordings = seqae.as_recordings(folder, **reading)
    if len(recordings) < 10:
        raise ValueError(
            f"{len(recordings)} recordings ({folder}). Give ten or more, each in a file; cut long ones in several"
        )
    for recording in recordings:
        row, channel = (np.argwhere(np.isnan(recording.values)).tolist() or [[None, None]])[0]
        if row is not None:
            where = f"{recording.name}, row {row}, channel {recording.channels[channel]!r}"
            raise ValueError(f"a missing value ({where}). Fill in what is missing, or cut the recording there")
    values = [recording.values for recording in recordings]
    return [rows for at, rows in enumerate(values) if at % 5 < 3], values[3::5], values[4::5]
