"""Official sets of images: MNIST, Fashion-MNIST, and the digits that scikit-learn carries.

MNIST: LeCun, Cortes, Burges 1998, http://yann.lecun.com/exdb/mnist/. Fashion-MNIST: Xiao, Rasul, Vollgraf 2017,
https://arxiv.org/abs/1708.07747.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqae.data._files.downloads import Remote, fetch
from seqae.data.images.folders import read_image_folder
from seqae.data.images.idx import read_idx
from seqae.datasets.images import ImageDataset

_SYSTEM = Path("/usr/share/datasets")  # the folder of Debian's packages
_CLOTHES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")


@dataclass(frozen=True)
class ImageSet:
    """The four files of a set.

    Attributes:
        folder: The name of the set in torchvision's layout, `FOLDER/raw/`.
        mirrors: Addresses of folders, the best one first.
        files: Name, size in bytes and SHA-256 of the training images and labels, then of the test images and labels.
            They are the hashes of files that have the MD5 in torchvision's source.
        classes: The names of the classes.
    """

    folder: str
    mirrors: tuple[str, ...]
    files: tuple[tuple[str, int, str], ...]
    classes: tuple[str, ...]

    def remotes(self) -> list[Remote]:
        """Return the four files as they can be downloaded."""
        return [
            Remote(name, size, sha256, tuple(f"{mirror}{name}" for mirror in self.mirrors))
            for name, size, sha256 in self.files
        ]


SETS = {
    "mnist": ImageSet(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/",),
        (
            ("train-images-idx3-ubyte.gz", 9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            ("train-labels-idx1-ubyte.gz", 28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            ("t10k-images-idx3-ubyte.gz", 1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            ("t10k-labels-idx1-ubyte.gz", 4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
        tuple("0123456789"),
    ),
    "fashion-mnist": ImageSet(
        "FashionMNIST",
        ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
        (
            (
                "train-images-idx3-ubyte.gz",
                26421880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            ("train-labels-idx1-ubyte.gz", 29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            ("t10k-images-idx3-ubyte.gz", 4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            ("t10k-labels-idx1-ubyte.gz", 5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        _CLOTHES,
    ),
}
NAMES = (*SETS, "digits")


def read_images(dataset: str, data_root: str | Path = "", folder: str | Path = "") -> tuple[ImageDataset, ImageDataset]:
    """Return the official training and test images of a set, `(image, channel, height, width)`, with their labels.

    Files, packed or unpacked, are looked for in `DATA_ROOT/MNIST/raw` (torchvision's layout), in `DATA_ROOT/mnist`,
    where Debian's packages put them, and among earlier downloads. Nothing is written beside them. If they are nowhere,
    they are downloaded, to the data root if it was given and may be written, else to the user's cache.

    Args:
        dataset: "mnist", "fashion-mnist", or "digits": 1,797 images of 8 x 8 pixels that scikit-learn carries, for
            trying a recipe without data; every fifth one is for the test.
        data_root: The folder of data sets.
        folder: A folder of images of your own, which are read in place of the set: see `read_image_folder`.

    Raises:
        ValueError: There is no such set, or a file is damaged.
        FileNotFoundError: The set is not here and cannot be downloaded; the message explains what to do.
    """
    if os.fspath(folder):
        return read_image_folder(folder)
    if dataset == "digits":
        return _digits()
    if dataset not in SETS:
        raise ValueError(f"no set of images {dataset!r}. Choose one of {', '.join(NAMES)}")
    images, labels, test_images, test_labels = _files(dataset, data_root)
    names = SETS[dataset].classes
    return _labelled(images, labels, names), _labelled(test_images, test_labels, names)


def _files(dataset: str, data_root: str | Path) -> list[Path]:
    """Return the paths of the four files, downloaded if they are nowhere."""
    chosen = SETS[dataset]
    roots = [Path(data_root)] if data_root else []
    bases = [*roots, _SYSTEM, _cache()]
    for folder in (base / part for base in bases for part in (f"{chosen.folder}/raw", dataset)):
        found = [path for name, _, _ in chosen.files if (path := _packed_or_not(folder / name))]
        if len(found) == len(chosen.files):
            return found
    home = next(root for root in [*roots, _cache()] if root == _cache() or _is_writable(root)) / chosen.folder / "raw"
    try:
        return [fetch(remote, home) for remote in chosen.remotes()]
    except OSError as error:
        raise FileNotFoundError(
            f"no {dataset} (looked for {chosen.folder}/raw and {dataset} in {', '.join(map(str, bases))}; download: "
            f"{error}). Put its four files NAME-ubyte.gz into DATA/{chosen.folder}/raw and give --data-root DATA, or "
            "try --dataset digits, which needs none"
        ) from error


def _packed_or_not(path: Path) -> Path | None:
    return next((file for file in (path, path.with_suffix("")) if file.is_file()), None)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")  # ignored unless absolute, as its specification says
    return (Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache") / "seqae" / "images"


def _is_writable(folder: Path) -> bool:
    """Whether one can write there, or make it."""
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    return os.access(nearest, os.W_OK)


def _labelled(images: Path, labels: Path, names: tuple[str, ...]) -> ImageDataset:
    pixels, classes = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if len(pixels) != len(classes):
        raise ValueError(f"{len(pixels)} images ({images}) and {len(classes)} labels ({labels}). Get both files again")
    return ImageDataset.of(pixels, classes, names)


def _digits() -> tuple[ImageDataset, ImageDataset]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = ImageDataset.of(digits.images / 16, digits.target, tuple("0123456789"))  # they have 17 shades
    is_test = np.arange(len(images)) % 5 == 4
    return images.subset(np.flatnonzero(~is_test)), images.subset(np.flatnonzero(is_test))
