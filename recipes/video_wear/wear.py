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


def read_videos(folder: str, data_root: str, least: int, synthetic: int, new: int) -> list[WearVideo]:
    """Return videos of one's own of a least number of frames, those of BSData, or a number of synthetic ones."""
    if folder:
        own = read_video_folder(folder, SIZE, least)
        return [WearVideo(name, frames, np.zeros(len(frames), dtype=bool)) for name, frames in own.items()]
    return read_wear(data_root) if data_root else synthetic_slides(synthetic, new=new)


def _read_spot(name: str, paths: list[Path]) -> WearVideo:
    frames = torch.stack([_read_frame(path) for path in paths])
    worn = [(path.parents[1] / "label" / f"{path.stem}.json").is_file() for path in paths]
    return WearVideo(name, frames, np.array(worn))


def _read_frame(path: Path) -> Tensor:
    """Return an image in grey, `(1, height, width)` uint8."""
    pixels = torch.from_numpy(read_pixels(path.read_bytes(), str(path))).float().mean(dim=0, keepdim=True)
    scaled = F.interpolate(pixels[None], SIZE, mode="bilinear", antialias=True, align_corners=False)
    return scaled[0].round().clamp(0, 255).to(torch.uint8)


def synthetic_slides(videos: int, frames: int = 100, new: int = 40, seed: int = 0) -> list[WearVideo]:
    """Return films of slides that move to and fro on brushed metal, under unsteady light and a camera that trembles.

    A slide moves smoothly between random places. In three films of four its guide is worn: three times after the first
    frames the slide sticks for two or three frames and then slips to where it would have been. Each frame alone looks
    as it did when all was new: what is wrong is seen in the order of the frames alone, at any time.

    Args:
        videos: Number of films, each of a machine of its own, 32 x 64 pixels.
        frames: Frames of a film.
        new: Frames at the beginning without sticking.
        seed: Seed of all random numbers.
    """
    return [_slide(f"slide {index}", frames, new, np.random.default_rng([seed, index])) for index in range(videos)]


def _slide(name: str, frames: int, new: int, random: np.random.Generator) -> WearVideo:
    height, width = (int(random.integers(low, low + 6)) for low in (12, 14))
    metal, part = 0.55 + _brushed(random, 32, 64), random.uniform(0.3, 0.45) + _brushed(random, height, width)
    part[0], part[-1], part[:, 0], part[:, -1] = 0.15, 0.15, 0.15, 0.15  # its edges
    row, places = int(random.integers(0, 32 - height)), _way(frames, 63 - width, random)
    places, worn = _stick(places, new, 3 if random.random() < 0.75 else 0, random)
    pictures = np.stack([_draw(metal, part, row, place) for place in places])[:, None]
    lit = torch.from_numpy(pictures * random.normal(1, 0.03, (frames, 1, 1, 1))).float()
    trembling = torch.from_numpy(random.normal(0, 0.3, (frames, 2, 1)) / [[32], [64]]).float()  # 2 is the whole width
    affine = torch.cat([torch.eye(2).expand(frames, 2, 2), trembling.flip(1)], dim=2)
    grid = F.affine_grid(affine, list(lit.shape), align_corners=False)
    seen = F.grid_sample(lit, grid, padding_mode="border", align_corners=False)
    blurred = F.avg_pool2d(seen, 3, stride=1, padding=1, count_include_pad=False)  # by the lens
    values = blurred + torch.from_numpy(random.normal(0, 0.015, blurred.shape)).float()
    return WearVideo(name, (255 * values.clamp(0, 1)).round().to(torch.uint8), worn)


def _brushed(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return an image of horizontal scratches around zero, `(height, width)`."""
    noise = torch.from_numpy(random.normal(size=(1, height, width)))
    return 0.25 * F.avg_pool1d(noise, 9, stride=1, padding=4, count_include_pad=False)[0].numpy()


def _way(frames: int, longest: float, random: np.random.Generator) -> np.ndarray:
    """Return places from 0 to `longest` pixels, `(time,)`: from one to the next with the smoothest acceleration.

    Flash and Hogan 1985, https://doi.org/10.1523/JNEUROSCI.05-07-01688.1985.
    """
    place, parts = random.uniform(0, longest), []
    while sum(map(len, parts)) < frames:
        distance = random.uniform(0, longest) - place
        if abs(distance) > longest / 3:
            steps = int(np.ceil(abs(distance) / random.uniform(1.1, 1.9)))  # pixels per frame
            time = np.arange(steps) / steps
            parts.append(place + distance * time**3 * (10 - 15 * time + 6 * time**2))
            place += distance
    return np.concatenate(parts)[:frames]


def _stick(places: np.ndarray, new: int, times: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of a slide that sticks some times, `(time,)`, and whether it sticks or slips in a frame."""
    stuck, worn = places.copy(), np.zeros(len(places), dtype=bool)
    fast = np.flatnonzero(np.abs(np.diff(places)) > 1.6)
    for start in random.permutation(fast[(fast > new) & (fast < len(places) - 5)]):
        if times and not worn[start - 6 : start + 10].any():
            end = start + int(random.integers(3, 5))
            stuck[start + 1 : end] = stuck[start]
            worn[start + 1 : end + 1] = True
            times -= 1
    return stuck, worn


def _draw(metal: np.ndarray, part: np.ndarray, row: int, place: float) -> np.ndarray:
    """Return metal with a part whose left edge is at a place between pixels, `(height, width)`."""
    whole, rest = divmod(place, 1)
    image, (height, width) = metal.copy(), part.shape
    shown = image[row : row + height, int(whole) : int(whole) + width + 1]
    covered = np.full((1, width + 1), 1.0)
    covered[0, 0], covered[0, -1] = 1 - rest, rest
    moved = (1 - rest) * np.pad(part, ((0, 0), (0, 1))) + rest * np.pad(part, ((0, 0), (1, 0)))
    shown[:] = moved + (1 - covered) * shown
    return image
