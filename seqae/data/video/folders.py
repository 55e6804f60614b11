"""Videos of one's own: those in a folder, with captions beside them or without."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from seqae._files import only_files, read_file
from seqae.data._files.endings import IMAGES, VIDEOS, natural_order
from seqae.data._files.text_files import text_of
from seqae.data.video.captions import CaptionedClip
from seqae.data.video.files import read_video

_ENDINGS = (*VIDEOS, ".tif", ".tiff", ".npy")
_LAYOUT = f"FOLDER/NAME.mp4 for each video ({' '.join(_ENDINGS)}), or FOLDER/NAME with its frames as images"


def read_video_folder(folder: str | Path, size: tuple[int, int], min_frames: int = 1) -> dict[str, Tensor]:
    """Return the videos in a folder by name, grey and scaled to one size: `(time, 1, height, width)` uint8.

    Args:
        folder: Holds video files, stacks of TIFF, arrays, or for each video a folder of images.
        size: Height and width in pixels.
        min_frames: The least number of frames of each.

    Raises:
        FileNotFoundError: There are no videos.
        ValueError: One is damaged or too short; names it.
    """
    found = {}
    for path in _videos(folder):
        frames = read_video(path, size=size, grey=True)
        if len(frames) < min_frames:
            raise ValueError(f"{len(frames)} frames ({path}). Expected {min_frames} or more in each video")
        found[path.name] = frames
    return found


def read_captioned_folder(folder: str | Path, size: tuple[int, int]) -> list[CaptionedClip]:
    """Return the videos in a folder, grey and scaled to one size, each with the captions in the text file beside it.

    Args:
        folder: Holds, besides `NAME.mp4`, `NAME.txt` with a caption in each line, words with spaces between them.
        size: Height and width in pixels.

    Raises:
        FileNotFoundError: There are fewer than ten videos, or one has no captions.
        ValueError: One is damaged, or its text is empty; names it.
    """
    videos = _videos(folder)
    layout = "ten videos or more, FOLDER/NAME.mp4, and beside each its captions, a line each, in FOLDER/NAME.txt"
    if len(videos) < 10:
        raise FileNotFoundError(f"{len(videos)} videos in {str(folder)!r}. Expected {layout}")
    found = []
    for path in videos:
        text = path.parent / f"{path.name if path.is_dir() else path.stem}.txt"
        if not text.exists():
            raise FileNotFoundError(f"no {text.name} beside {path}. Expected {layout}")
        lines = text_of(read_file(text), str(text)).decode().splitlines()
        captions = tuple(" ".join(line.split()) for line in lines if line.strip())
        if not captions:
            raise ValueError(f"no caption ({text}). Expected one in each line, words with spaces between them")
        frames = read_video(path, size=size, grey=True).float() / 255
        found.append(CaptionedClip(frames, captions, path.name))
    return found


def _videos(folder: str | Path) -> list[Path]:
    """Return the files and folders that are videos, sorted by name."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}. Expected {_LAYOUT}")
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    found = only_files(path for path in inside if path.suffix.lower() in _ENDINGS)
    found += [path for path in inside if path.is_dir() and _has_images(path)]
    if not found:
        why = ", but images: put those of one video into a folder of their own" if _has_images(folder) else ""
        raise FileNotFoundError(f"no videos in {str(folder)!r}{why}. Expected {_LAYOUT}")
    return sorted(found, key=lambda path: natural_order(path.name))


def _has_images(folder: Path) -> bool:
    return any(path.suffix.lower() in IMAGES for path in folder.iterdir())
