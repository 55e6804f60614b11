"""Recordings of one's own, in folders of their classes or all in one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import seqae
from seqae.data import LabelledSequences, ReadingKeywords


@dataclass(frozen=True)
class Gestures:
    """Recordings with their names and classes.

    Attributes:
        sequences: `(time, channel)` float32 each, of any lengths.
        classes: The class of each, `(recording,)`; "" if they are unknown.
        names: The name of each.
    """

    sequences: list[np.ndarray]
    classes: np.ndarray
    names: list[str]

    @classmethod
    def of(cls, labelled: LabelledSequences) -> "Gestures":
        """Return recordings that are named after their class and their place."""
        names = [f"{label} {number}" for number, label in enumerate(labelled.labels)]
        return cls(labelled.sequences, labelled.labels, names)

    def taken(self, places: np.ndarray) -> "Gestures":
        """Return the recordings at places `(taken,)`."""
        return Gestures([self.sequences[at] for at in places], self.classes[places], [self.names[at] for at in places])


def read_gesture_folder(folder: str, reading: ReadingKeywords) -> tuple[Gestures, Gestures]:
    """Return the recordings in a folder to learn from, and every fifth one, of each class, as new ones.

    Args:
        folder: Ten files or more of any format and length; folders in it are classes, else the classes are unknown, "".
        reading: How they are read.

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There are fewer recordings, or fewer than five of a class.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"no folder {folder!r}. Expected ten recordings or more, perhaps in folders of their classes"
        )
    classes = {path.name: str(path) for path in sorted(Path(folder).iterdir()) if path.is_dir()}
    recordings = seqae.as_recordings(classes or folder, **reading)
    labels = np.array([recording.entity if classes else "" for recording in recordings])
    names, counts = np.unique(labels, return_counts=True)
    if len(recordings) < 10 or counts.min() < 5:
        fewest = f", {counts.min()} of {str(names[counts.argmin()])!r}" if classes else ""
        raise ValueError(
            f"{len(recordings)} recordings{fewest} ({folder}). Give ten or more, each in a file, and five of each class"
        )
    place = np.zeros(len(labels), dtype=int)
    for name, count in zip(names, counts):
        place[labels == name] = np.arange(count)
    is_new = place % 5 == 4
    values = [recording.values.astype(np.float32) for recording in recordings]
    all_of_them = Gestures(values, labels, [f"{each.entity}/{each.name}".strip("/") for each in recordings])
    return all_of_them.taken(np.flatnonzero(~is_new)), all_of_them.taken(np.flatnonzero(is_new))
