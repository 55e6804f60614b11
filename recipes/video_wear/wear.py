"""Videos of surfaces that wear: from BSData, or synthetic ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.data import read_pixels, read_video_folder

SIZE = (64, 160)  # height and width of a frame
_NAME = re.compile(r"\d+_(?P<time>\d{12})_(?P<location>\d+_\d+)_crop_2")


@dataclass(frozen=True, eq=False)
class WearVideo:
    """One spot while it wears.

    Attributes:
        name: The name of the spot.
        frames: `(time, 1, height, width)` uint8, in order of time.
        worn: `(time,)` bool, whether somebody marked a defect; for evaluation, not for training.
    """

    name: str
    frames: Tensor
    worn: np.ndarray


def read_wear(folder: str | Path) -> list[WearVideo]:
    """Return the wear developments of BSData, 15 spots of a ball screw, as grey frames of 64 x 160 pixels.

    BSData: pitting of ball screws, Schlagenhauf et al. 2021, https://arxiv.org/abs/2103.13003. An image is named
    `SCREW_TIME_POSITION_ANGLE_crop_2.jpg`. Those named `crop_1`, the last twelve of a spot, show another part of the
    screw and are left out.

    Args:
        folder: The repository, or a folder above it: `data` with the images, `label` with a JSON file for each image
            with a defect.

    Raises:
        FileNotFoundError: There are no such images.
    """
    spots: dict[str, list[tuple[str, Path]]] = {}
    for path in Path(folder).rglob("data/*_crop_2.jpg"):
        if match := _NAME.fullmatch(path.stem):
            spots.setdefault(match["location"], []).append((match["time"], path))
    if not spots:
        raise FileNotFoundError(
            f"no data/*_crop_2.jpg in {folder} or below. Clone https://github.com/2Obe/BSData and give its folder as "
            "--data-root, or none for synthetic videos"
        )
    return [_read_spot(name, [path for _, path in sorted(spots[name])]) for name in sorted(spots)]


def read_videos(folder: str, data_root: str, least: int, synthetic: int) -> list[WearVideo]:
    """Return videos of one's own of a least number of frames, those of BSData, or a number of synthetic ones."""
    if folder:
        own = read_video_folder(folder, SIZE, least)
        return [WearVideo(name, frames, np.zeros(len(frames), dtype=bool)) for name, frames in own.items()]
    return read_wear(data_root) if data_root else synthetic_pits(synthetic)


def _read_spot(name: str, paths: list[Path]) -> WearVideo:
    frames = torch.stack([_read_frame(path) for path in paths])
    worn = [(path.parents[1] / "label" / f"{path.stem}.json").is_file() for path in paths]
    return WearVideo(name, frames, np.array(worn))


def _read_frame(path: Path) -> Tensor:
    """Return an image in grey, `(1, height, width)` uint8."""
    pixels = torch.from_numpy(read_pixels(path.read_bytes(), str(path))).float().mean(dim=0, keepdim=True)
    scaled = F.interpolate(pixels[None], SIZE, mode="bilinear", antialias=True, align_corners=False)
    return scaled[0].round().clamp(0, 255).to(torch.uint8)


def synthetic_pits(videos: int, frames: int = 60, height: int = 32, width: int = 64, seed: int = 0) -> list[WearVideo]:
    """Return videos of brushed metal under unsteady light; a dark pit appears after half of the time and grows."""
    return [_synthetic(f"synthetic {index}", frames, height, width, (seed, index)) for index in range(videos)]


def _synthetic(name: str, frames: int, height: int, width: int, seed: tuple[int, int]) -> WearVideo:
    random = np.random.default_rng(seed)
    noise = torch.from_numpy(random.normal(size=(1, 1, height, width))).float()
    metal = 0.55 + 0.25 * F.avg_pool2d(noise, (1, 9), stride=1, padding=(0, 4))[0]
    light = torch.from_numpy(random.normal(1, 0.03, (frames, 1, 1, 1))).float()
    grain = torch.from_numpy(random.normal(0, 0.02, (frames, 1, height, width))).float()
    onset = frames // 2 + int(random.integers(0, frames // 6))
    radius = 0.12 * height * torch.from_numpy(np.clip(np.arange(frames) - onset, 0, None)).float().sqrt()
    center = random.uniform([0.3 * height, 0.3 * width], [0.7 * height, 0.7 * width])
    rows, columns = torch.meshgrid(torch.arange(height) - center[0], torch.arange(width) - center[1], indexing="ij")
    distance = (rows.square() + columns.square()).sqrt() + 0.8 * noise[0, 0]
    pit = torch.sigmoid(2 * (radius.reshape(-1, 1, 1, 1) - distance)) * (radius > 0).reshape(-1, 1, 1, 1)
    video = (metal * light + grain) * (1 - 0.6 * pit)
    return WearVideo(name, (255 * video.clamp(0, 1)).round().to(torch.uint8), np.arange(frames) > onset)
