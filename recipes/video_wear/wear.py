"""Films of surfaces that wear: from BSData, or generated to try things without data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.data._files.archives import member_of, opened_zip
from seqae.data.images.files import read_pixels

_COLUMNS = 10  # of frames in a contact sheet


@dataclass(frozen=True, eq=False)
class WearFilm:
    """One spot while it wears.

    Attributes:
        name: Of the spot.
        frames: Bytes, `(time, 1, height, width)`, in order of time.
        worn: `(time,)`, whether somebody saw a defect; for judging, not for learning.
    """

    name: str
    frames: Tensor
    worn: np.ndarray


def wear_films(data_root: str | Path = "", made_up: int = 12) -> list[WearFilm]:
    """Return the films in BSData's `wear_sequences.zip`, or generated ones.

    BSData: pitting of ball screws, Schlagenhauf et al. 2021, https://arxiv.org/abs/2103.13003. The zip file holds a
    contact sheet of ten columns for each spot, `wear_sequences.json` beside it what is in the sheets.

    Args:
        data_root: The folder of data sets, or that of the two files; empty to generate films.
        made_up: How many films to generate.

    Raises:
        FileNotFoundError: The files are not there.
        ValueError: A sheet does not hold the frames that it should.
    """
    if not data_root:
        return growing_pits(made_up)
    folders = [Path(data_root), Path(data_root, "bsdata_pitting")]
    folder = next((each for each in folders if (each / "wear_sequences.zip").is_file()), None)
    if folder is None:
        raise FileNotFoundError(
            f"no wear_sequences.zip (looked in {' and '.join(map(str, folders))}). Give its folder as --data-root, or "
            "none to generate films"
        )
    listed = json.loads((folder / "wear_sequences.json").read_text(encoding="utf-8"))
    with opened_zip(folder / "wear_sequences.zip") as packed:
        return [_film(member_of(packed, f"{each['location']}.jpg"), each) for each in listed]


def growing_pits(films: int, frames: int = 60, height: int = 32, width: int = 64, seed: int = 0) -> list[WearFilm]:
    """Return films of brushed metal under unsteady light, in which a dark pit appears after half the time and grows."""
    return [_made_up(f"made up {number}", frames, height, width, (seed, number)) for number in range(films)]


def _film(sheet: bytes, listed: dict) -> WearFilm:
    name, count = listed["location"], listed["n_frames"]
    pixels = read_pixels(sheet, f"{name}.jpg")[:1]
    rows = -(-count // _COLUMNS)
    if pixels.shape[1] % rows or pixels.shape[2] % _COLUMNS or len(listed["labelled"]) != count:
        raise ValueError(
            f"a sheet of {pixels.shape[1]} x {pixels.shape[2]} pixels and {len(listed['labelled'])} labels for {count} "
            f"frames ({name}.jpg). Expected {rows} rows of {_COLUMNS} frames, and a label for each. Get it again"
        )
    parts = pixels.reshape(rows, pixels.shape[1] // rows, _COLUMNS, pixels.shape[2] // _COLUMNS).swapaxes(1, 2)
    frames = np.ascontiguousarray(parts.reshape(rows * _COLUMNS, 1, *parts.shape[2:])[:count])
    return WearFilm(name, torch.from_numpy(frames), np.array(listed["labelled"], dtype=bool))


def _made_up(name: str, frames: int, height: int, width: int, seed: tuple[int, int]) -> WearFilm:
    random = np.random.default_rng(seed)
    noise = torch.from_numpy(random.normal(size=(1, 1, height, width))).float()
    metal = 0.55 + 0.25 * F.avg_pool2d(noise, (1, 9), stride=1, padding=(0, 4))[0]
    light = torch.from_numpy(random.normal(1, 0.03, (frames, 1, 1, 1))).float()
    grain = torch.from_numpy(random.normal(0, 0.02, (frames, 1, height, width))).float()
    onset = frames // 2 + int(random.integers(0, frames // 6))
    radius = 0.12 * height * torch.from_numpy(np.clip(np.arange(frames) - onset, 0, None)).float().sqrt()
    middle = random.uniform([0.3 * height, 0.3 * width], [0.7 * height, 0.7 * width])
    rows, columns = torch.meshgrid(torch.arange(height) - middle[0], torch.arange(width) - middle[1], indexing="ij")
    away = (rows.square() + columns.square()).sqrt() + 0.8 * noise[0, 0]
    pit = torch.sigmoid(2 * (radius.reshape(-1, 1, 1, 1) - away)) * (radius > 0).reshape(-1, 1, 1, 1)
    film = (metal * light + grain) * (1 - 0.6 * pit)
    return WearFilm(name, (255 * film.clamp(0, 1)).round().to(torch.uint8), np.arange(frames) > onset)
