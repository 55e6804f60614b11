"""Official sets of films, in torchvision's layouts: Moving MNIST and HMDB51."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqae.data.array_files import read_npy

_PARTS = {"train": 1, "test": 2}  # what the split files of HMDB51 say; 0 is for neither


def read_moving_mnist(root: str | Path) -> Tensor:
    """Return the 10,000 test films of Moving MNIST as bytes, `(film, time, 1, height, width)`.

    They are `ROOT/MovingMNIST/mnist_test_seq.npy`, as torchvision puts it, or `ROOT/mnist_test_seq.npy`: an array
    `(time, film, height, width)`. Srivastava et al. 2015, https://www.cs.toronto.edu/~nitish/unsupervised_video/.
    """
    places = [Path(root, "MovingMNIST", "mnist_test_seq.npy"), Path(root, "mnist_test_seq.npy")]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"no Moving MNIST (looked for {' and '.join(map(str, places))}). Put mnist_test_seq.npy there"
        )
    films = read_npy(path)
    if films.dtype != np.uint8 or films.ndim != 4:
        raise ValueError(f"{films.dtype} of shape {films.shape} ({path}). Expected bytes (time, film, height, width)")
    return torch.from_numpy(np.ascontiguousarray(films.swapaxes(0, 1))).unsqueeze(2)


@dataclass(frozen=True)
class Clip:
    """A film with its class.

    Attributes:
        path: Its file, for `seqae.data.films.video`.
        label: The number of its class.
    """

    path: Path
    label: int


@dataclass(frozen=True)
class Clips:
    """Films of several classes.

    Attributes:
        clips: Sorted by class and name.
        classes: Their names.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...]


def read_hmdb51(root: str | Path, annotations: str | Path, fold: int = 1, part: str = "train") -> Clips:
    """Return the clips of a part of HMDB51 (Kuehne et al. 2011, https://doi.org/10.1109/ICCV.2011.6126543).

    Args:
        root: Holds a folder of films for each class.
        annotations: Holds a file `CLASS_test_splitFOLD.txt` for each class: a name and 0, 1 (train) or 2 (test) a line.
        fold: 1, 2 or 3.
        part: "train" or "test".

    Raises:
        ValueError: A file is not as it should be; names it and the line.
        FileNotFoundError: There is no folder of a class, no split file, or no film that a split file names.
    """
    if part not in _PARTS:
        raise ValueError(f"no part {part!r}. Choose train or test")
    folders = sorted(place for place in Path(root).iterdir() if place.is_dir())
    if not folders:
        raise FileNotFoundError(f"no folders of classes in {root}. Expected one for each class, with its films")
    clips = []
    for label, folder in enumerate(folders):
        chosen = _chosen(Path(annotations, f"{folder.name}_test_split{fold}.txt"), _PARTS[part])
        if absent := [name for name in chosen if not (folder / name).is_file()]:
            raise FileNotFoundError(
                f"{len(absent)} films are absent, first {folder / absent[0]}. Unpack the class again"
            )
        clips += [Clip(folder / name, label) for name in sorted(chosen)]
    return Clips(tuple(clips), tuple(folder.name for folder in folders))


def _chosen(path: Path, wanted: int) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"no split file {path}. Unpack test_train_splits.rar of the set, and give its folder")
    names = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        name, _, said = line.strip().rpartition(" ")
        if not name or said not in ("0", "1", "2"):
            raise ValueError(f"a line {line!r} ({path}, line {number}). Expected a name of a film, and 0, 1 or 2")
        if int(said) == wanted:
            names.append(name.strip())
    return names
