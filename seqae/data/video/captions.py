"""Clips with captions."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class CaptionedClip:
    """A clip and its captions.

    Attributes:
        frames: `(time, channel, height, width)` float32 from 0 to 1, or features computed before, `(time, feature)`.
        captions: One or more captions, words with spaces between them.
        name: The name of its file, or of the clip.
    """

    frames: Tensor
    captions: tuple[str, ...]
    name: str = ""

    @property
    def caption(self) -> str:
        """The first caption."""
        return self.captions[0]
