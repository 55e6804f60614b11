"""Clips with captions, in the layouts of public sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqae.data._files.array_files import read_npy


@dataclass(frozen=True, eq=False)
class CaptionedClip:
    """A clip and its captions.

    Attributes:
        frames: `(time, channel, height, width)` float32 from 0 to 1, or features computed before, `(time, feature)`.
        captions: One or more; words with spaces between them.
        name: The name of its file, or of the clip.
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
