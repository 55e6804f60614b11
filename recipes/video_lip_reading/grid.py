"""Mouths that speak sentences: clips of the GRID corpus, or synthetic ones.

GRID: Cooke et al. 2006, https://doi.org/10.1121/1.2229005, data at https://zenodo.org/records/3625687. A sentence has
six words, such as "bin blue at f two now".
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.data import CaptionedClip, read_captioned_folder, read_video

HEIGHT, WIDTH = 64, 96  # pixels of a mouth in a GRID video; frames have half of each
WORDS = (
    ("bin", "lay", "place", "set"),
    ("blue", "green", "red", "white"),
    ("at", "by", "in", "with"),
    ("a", "b", "c", "d", "e"),
    ("one", "two", "three", "four", "five"),
    ("again", "now", "please", "soon"),
)
_FRAMES_PER_WORD = 6


def read_mouths(folder: str, data_root: str, synthetic: int) -> list[CaptionedClip]:
    """Return clips of one's own in a folder, those of a speaker of GRID, or a number of synthetic ones.

    Raises:
        ValueError: A sentence of one's own has not six words.
    """
    if not folder:
        return read_grid(data_root) if data_root else synthetic_mouths(synthetic)
    clips = read_captioned_folder(folder, (HEIGHT // 2, WIDTH // 2))
    for clip in clips:
        if (count := len(clip.caption.split())) != len(WORDS):
            raise ValueError(f"{count} words of {clip.name} in {folder}: {clip.caption!r}. Expected {len(WORDS)}")
    return clips


def read_grid(folder: str | Path) -> list[CaptionedClip]:
    """Return the clips of one speaker, sorted by name: frames `(time, 1, 32, 48)` from 0 to 1, without sound.

    Args:
        folder: Holds, at any depth, the videos of a speaker (s1/NAME.mpg) and their words (align/NAME.align).

    Raises:
        FileNotFoundError: There are no such videos, or one has no alignment.
        ValueError: A name occurs twice: the folder holds several speakers.
    """
    videos, alignments = (_by_name(Path(folder), ending) for ending in (".mpg", ".align"))
    if absent := sorted(videos.keys() - alignments.keys()):
        raise FileNotFoundError(
            f"no {absent[0]}.align in {folder} or below. Unpack the alignments of the speaker there"
        )
    return [CaptionedClip(_mouth(videos[name]), (_sentence(alignments[name]),), name) for name in videos]


def _by_name(folder: Path, ending: str) -> dict[str, Path]:
    paths = sorted(folder.rglob(f"*{ending}"), key=lambda path: path.stem)
    named = {path.stem: path for path in paths}
    if not paths:
        raise FileNotFoundError(f"no *{ending} in {folder} or below. Download s1.zip and alignments.zip of GRID")
    if len(named) < len(paths):
        raise ValueError(f"several files of one name *{ending} in {folder}. Give a folder with a single speaker")
    return named


def _sentence(path: Path) -> str:
    """Return the words of lines such as "23750 29500 bin", without silence."""
    words = [line.split()[2] for line in path.read_text().splitlines() if line.strip()]
    return " ".join(word for word in words if word not in ("sil", "sp"))


def _mouth(path: Path) -> Tensor:
    """Return the window of the lower half of a video with the most movement, at half the resolution."""
    frames = read_video(path, grey=True).float() / 255
    top = frames.shape[2] // 2
    motion = frames[:, :, top:].diff(dim=0).abs().mean(dim=0)
    windows = F.avg_pool2d(motion, (HEIGHT, WIDTH), stride=1)[0]
    row, column = divmod(int(windows.argmax()), windows.shape[1])
    return F.avg_pool2d(frames[:, :, top + row :, column:][:, :, :HEIGHT, :WIDTH], 2)


def synthetic_mouths(count: int, seed: int = 0) -> list[CaptionedClip]:
    """Return clips `(36, 1, 32, 48)` of an ellipse that opens and narrows differently for each word."""
    random = np.random.default_rng(seed)
    clips = []
    for _ in range(count):
        words = [str(random.choice(words)) for words in WORDS]
        shape = np.concatenate([_movement(word) for word in words]) + 0.05 * random.normal(size=(36, 2))
        shape = shape.astype(np.float32)
        rows, columns = np.mgrid[-1:1:32j, -1:1:48j].astype(np.float32)
        height, width = (shape[:, each, None, None] for each in (0, 1))
        inside = (rows / (0.1 + 0.6 * height)) ** 2 + (columns / (0.3 + 0.4 * width)) ** 2
        frames = 1 / (1 + np.exp(4 - 4 * inside)) + 0.05 * random.normal(size=inside.shape)
        clips.append(CaptionedClip(torch.from_numpy(frames.astype(np.float32)).unsqueeze(1), (" ".join(words),)))
    return clips


def _movement(word: str) -> np.ndarray:
    """Return how far the mouth is open and how wide it is while a word is said, `(frame, 2)` from 0 to 1."""
    random = np.random.default_rng(crc32(word.encode()))
    start, stop = random.random((2, 2))
    return np.linspace(start, stop, _FRAMES_PER_WORD)
