"""Recordings of one's own: a folder of normal ones, and one of those to be judged."""

from __future__ import annotations

import os
from pathlib import Path

from seqae.data.audio.files import audio_files
from seqae.data.audio.speech_sets import AudioClip


def read_normal_and_new(normal: str | Path, new: str | Path) -> list[AudioClip]:
    """Return the recordings in two folders, labelled "normal" and "new".

    Every fifth normal one is for the test, as all the new ones are.

    Args:
        normal: The folder of normal recordings, searched with all below it.
        new: The folder of recordings to be judged.

    Raises:
        FileNotFoundError: There are no new recordings, or fewer than five normal ones.
        ValueError: No folder of new recordings is given.
    """
    if not os.fspath(new):
        raise ValueError("no folder of new recordings, only of normal ones. Give one: new='folder'")
    known, others = audio_files(normal), audio_files(new)
    if len(known) < 5:
        raise FileNotFoundError(f"{len(known)} normal recordings in {str(normal)!r}. Expected five or more")
    parts = ["test" if at % 5 == 4 else "train" for at in range(len(known))]
    clips = [AudioClip(path.name, path, "normal", "", part) for path, part in zip(known, parts)]
    return clips + [AudioClip(path.name, path, "new", "", "test") for path in others]
