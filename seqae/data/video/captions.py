"""Clips with captions, as sheets of small frames."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqae._extras import require
from seqae.data._files.archives import member_of, opened_zip


@dataclass(frozen=True, eq=False)
class CaptionedClip:
    """A clip and what people wrote about it.

    Attributes:
        frames: `(time, channel, height, width)` from 0 to 1, or features computed before, `(time, feature)`.
        captions: One or more; words with spaces between them.
        name: The name of its file, or another one.
    """

    frames: Tensor
    captions: tuple[str, ...]
    name: str = ""

    @property
    def caption(self) -> str:
        """The first caption."""
        return self.captions[0]


def read_sheets(folder: str | Path, split: str | None = None) -> list[CaptionedClip]:
    """Return clips that are stored as sheets: one image for each, all its frames in 15 columns, row by row.

    Args:
        folder: Holds `clips.jsonl` with `id`, `n_frames`, `text` and `split` in each line, and `frames.zip` with an
            image `ID.jpg` of frames of 48 x 32 pixels (width x height).
        split: Only the clips that belong to it.

    Raises:
        ValueError: A line or an image is not as it should be; names it.
        FileNotFoundError: A file or a clip that has a caption is absent.
    """
    path = Path(folder, "clips.jsonl")
    lines = path.read_text(encoding="utf-8").split("\n")
    about = [_entry(line, number, path) for number, line in enumerate(lines, start=1) if line.strip()]
    chosen = [each for each in about if split is None or each["split"] == split]
    with opened_zip(Path(folder, "frames.zip")) as archive:
        absent = [each["id"] for each in chosen if f"{each['id']}.jpg" not in archive.namelist()]
        if absent:
            raise FileNotFoundError(f"{len(absent)} clips are absent ({absent[0]}.jpg ... in {archive.filename})")
        return [
            CaptionedClip(_frames(member_of(archive, f"{each['id']}.jpg"), each, 48, 32), (each["text"],), each["id"])
            for each in chosen
        ]


def _entry(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        entry = json.loads(line)
        missing = {"id", "n_frames", "text", "split"} - set(entry)
    except (ValueError, TypeError) as error:
        raise ValueError(f"not JSON ({path}, line {number}: {error}). Expected an object in each line") from error
    if missing:
        raise ValueError(f"no {', '.join(sorted(missing))} ({path}, line {number}). Expected id, n_frames, text, split")
    return entry


def _frames(content: bytes, entry: dict[str, Any], width: int, height: int) -> Tensor:
    """Return the frames of a sheet, `(time, 1, height, width)`."""
    image = require("PIL.Image", extra="images", purpose="reading frames")
    try:
        sheet = np.asarray(image.open(io.BytesIO(content)).convert("L"))
    except OSError as error:
        raise ValueError(f"not an image, or a part of one ({entry['id']}.jpg). Get the set again") from error
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    count = int(entry["n_frames"])
    if not 1 <= count <= rows * columns:
        raise ValueError(f"{count} frames on a sheet of {rows} x {columns} ({entry['id']}). Expected 1 to all of them")
    tiles = sheet[: rows * height, : columns * width].reshape(rows, height, columns, width).swapaxes(1, 2)
    frames = tiles.reshape(-1, 1, height, width)[:count]
    return torch.from_numpy(frames.astype(np.float32) / 255)
