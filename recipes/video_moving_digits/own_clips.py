"""Clips of videos of one's own: some frames to read, and as many to predict."""

from torch import Tensor

from seqae.data import read_video_folder
from seqae.datasets import SequenceDataset


def own_clips(folder: str, read: int) -> tuple[SequenceDataset, SequenceDataset, SequenceDataset]:
    """Return clips of twice as many frames as are read, overlapping by half: to learn from, to validate, for the test.

    Args:
        folder: Folder of videos; every fifth is for the test, and the one before each of these validates.
        read: Frames that are read.

    Raises:
        FileNotFoundError: There are fewer than five videos.
    """
    videos = list(read_video_folder(folder, (64, 64), 2 * read).values())
    if len(videos) < 5:
        raise FileNotFoundError(f"{len(videos)} videos in {folder!r}. Expected five or more; cut a long one into parts")
    parts: list[list[Tensor]] = [[], [], []]
    for number, video in enumerate(videos):
        clips = (video[at : at + 2 * read].float() / 255 for at in range(0, len(video) - 2 * read + 1, read))
        parts[max(0, number % 5 - 2)].extend(clips)
    train, valid, test = map(SequenceDataset, parts)
    return train, valid, test
