"""How the names of files end, by their content, and the order of numbered names.

Nothing else is imported here, so that the command line knows them before it needs a reader.
"""

from __future__ import annotations

import re

AUDIO: tuple[str, ...] = (".wav", ".wave", ".bwf", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3")
AUDIO += (".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".m4a", ".m4b")
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".gif")


def natural_order(name: str) -> list[tuple[int, str]]:
    """Return a key that puts frame2 before frame10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
