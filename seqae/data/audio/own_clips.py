"""Recordings of one's own: normal ones and those to be judged, or words in folders."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from seqae.data._files.endings import AUDIO
from seqae.data._files.own_folders import every_fifth, normal_and_new, own_files
from seqae.data.audio.speech_sets import AudioClip

_NORMAL = "FOLDER/normal with five recordings or more, and FOLDER/new with those to be judged"
_WORDS = (
    "five recordings or more of each of three words or more, FOLDER/WORD/NAME.wav, or of several speakers "
    "FOLDER/SPEAKER/WORD/NAME.wav"
)


def read_normal_and_new(folder: str | Path) -> list[AudioClip]:
    """Return the recordings in `FOLDER/normal` and `FOLDER/new`, labelled "normal" and "new".

    Every fifth normal one is for the test, as all the new ones are.

    Args:
        folder: The folder above both, which are searched with all below them.

    Raises:
        FileNotFoundError: There are no new recordings, or fewer than five normal ones.
    """
    known, others = normal_and_new(folder, AUDIO, _NORMAL)
    parts = ["test" if held_out else "train" for held_out in every_fifth(["normal"] * len(known))]
    clips = [AudioClip(path.name, path, "normal", "", part) for path, part in zip(known, parts)]
    return clips + [AudioClip(path.name, path, "new", "", "test") for path in others]


def read_word_folder(folder: str | Path) -> list[AudioClip]:
    """Return recordings that lie in folders of their words, and these perhaps in folders of their speakers.

    Every fifth of a word, sorted by path, is for the test.

    Args:
        folder: Holds `WORD/NAME.wav` or `SPEAKER/WORD/NAME.wav`, in any format.

    Raises:
        FileNotFoundError: There are fewer than three words, or fewer than five recordings of one.
        ValueError: A recording lies elsewhere.
    """
    paths = own_files(folder, AUDIO, _WORDS)
    places = [path.relative_to(folder).parts for path in paths]
    depth = len(places[0])
    if wrong := next((path for path, parts in zip(paths, places) if len(parts) != depth or depth not in (2, 3)), None):
        raise ValueError(f"a recording that lies elsewhere than the others ({wrong}). Expected {_WORDS}")
    words = [parts[-2] for parts in places]
    counts = Counter(words)
    if len(counts) < 3 or min(counts.values()) < 5:
        word, least = min(counts.items(), key=lambda each: each[1])
        raise FileNotFoundError(
            f"{len(counts)} words in {str(folder)!r}, and {least} recordings of {word!r}. Expected {_WORDS}"
        )
    is_test = every_fifth(words)
    return [
        AudioClip(path.name, path, word, parts[0] if depth == 3 else "", "test" if held_out else "train")
        for path, word, parts, held_out in zip(paths, words, places, is_test)
    ]
