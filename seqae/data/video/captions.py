"""Clips with captions: the layouts of public sets, and clips as sheets of small frames."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqae._extras import require
from seqae.data._files.archives import member_of, opened_zip
from seqae.data._files.array_files import read_npy


@dataclass(frozen=True, eq=False)
class CaptionedClip:
    """A clip and what people wrote about it.

    Attributes:
        frames: `(time, channel, height, width)` from 0 to 1, or features computed before, `(time, feature)`.
        captions: One or more; words with spaces between them.
        name: Of its file, or what tells it from others.
    """

    frames: Tensor
    captions: tuple[str, ...]
    name: str = ""

    @property
    def caption(self) -> str:
        """The first caption."""
        return self.captions[0]


def read_featured_clips(annotations: str | Path, features: str | Path, split: str | None = None) -> list[CaptionedClip]:
    """Return clips whose features have been computed before, for example those of MSVD and MSR-VTT.

    Args:
        annotations: A JSON file: of MSR-VTT (Xu et al. 2016) with `videos` and `sentences`; of the COCO layout with
            `annotations`; or an object of captions by the clip's name, as MSVD (Chen & Dolan 2011) is passed on.
        features: A folder with a file `NAME.npy` for each clip, `(time, feature)`.
        split: Only clips that the annotations put there, for example "train"; MSR-VTT says so.

    Raises:
        ValueError: A file is not as it should be; names it.
        FileNotFoundError: A clip that has captions is not there.
    """
    captions = _captions(Path(annotations), split)
    folder = Path(features)
    absent = [name for name in captions if not (folder / f"{name}.npy").is_file()]
    if absent:
        raise FileNotFoundError(
            f"{len(absent)} of {len(captions)} clips with captions are absent "
            f"({', '.join(absent[:3])} ... in {folder}). "
            "Expected NAME.npy for each; get them, or take their captions out"
        )
    return [CaptionedClip(_features(folder / f"{name}.npy"), texts, name) for name, texts in captions.items()]


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


def _captions(path: Path, split: str | None) -> Mapping[str, tuple[str, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"not a JSON file ({path}: {error}). Expected annotations of clips") from error
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"no captions ({path}). Expected an object with `sentences`, `annotations` or captions by name"
        )
    if "sentences" in content:
        found = _by_name(content["sentences"], "video_id", path)
        parts = {each["video_id"]: each.get("split") for each in content.get("videos", [])}
        return {name: texts for name, texts in found.items() if split is None or parts.get(name) == split}
    if split is not None:
        raise ValueError(
            f"no splits ({path}). Only annotations with `videos` say where a clip belongs; leave split out"
        )
    if "annotations" in content:
        return _by_name(content["annotations"], "image_id", path)
    return {name: (texts,) if isinstance(texts, str) else tuple(texts) for name, texts in content.items()}


def _by_name(entries: Iterable[Mapping[str, object]], key: str, path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for number, entry in enumerate(entries):
        if key not in entry or "caption" not in entry:
            raise ValueError(f"no {key} or no caption (entry {number} of {path}). Expected both in each entry")
        found.setdefault(str(entry[key]), []).append(str(entry["caption"]))
    return {name: tuple(texts) for name, texts in found.items()}


def _features(path: Path) -> Tensor:
    features = read_npy(path)
    if features.ndim != 2 or not len(features) or not np.isfinite(features).all():
        raise ValueError(f"features of shape {features.shape} ({path}). Expected finite numbers (time, feature)")
    return torch.from_numpy(features.astype(np.float32))


def _entry(line: str, number: int, path: Path) -> dict[str, object]:
    try:
        entry = json.loads(line)
        missing = {"id", "n_frames", "text", "split"} - set(entry)
    except (ValueError, TypeError) as error:
        raise ValueError(f"not JSON ({path}, line {number}: {error}). Expected an object in each line") from error
    if missing:
        raise ValueError(f"no {', '.join(sorted(missing))} ({path}, line {number}). Expected id, n_frames, text, split")
    return entry


def _frames(content: bytes, entry: Mapping[str, object], width: int, height: int) -> Tensor:
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
