"""Files of one's own in a folder: found by the endings of their names, parted for training and test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqae._files import only_files


def own_files(folder: str | Path, endings: Sequence[str], layout: str) -> list[Path]:
    """Return the files in a folder and below it whose names have one of these endings, sorted by path.

    Args:
        folder: The folder. Names that begin with a dot are left out.
        endings: Endings in small letters.
        layout: What the folder must look like, for the error message.

    Raises:
        FileNotFoundError: There is no such folder, or no such file in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}. Expected {layout}")
    below = [path for path in sorted(folder.rglob("*")) if not path.name.startswith(".")]
    files = only_files(path for path in below if path.suffix.lower() in endings)
    if not files:
        others = sorted({path.suffix for path in below if path.suffix})
        there = f", but {' '.join(others[:5])}" if others else ""
        raise FileNotFoundError(
            f"no file in {str(folder)!r} or below whose name ends in {' '.join(endings)}{there}. Expected {layout}"
        )
    return files


def normal_and_new(folder: str | Path, endings: Sequence[str], layout: str) -> tuple[list[Path], list[Path]]:
    """Return the files in the folders `normal` and `new` of a folder; the other parameters are those of `own_files`.

    Raises:
        FileNotFoundError: There is no such folder, it holds no such files, or fewer than five are normal.
    """
    normal, new = (own_files(Path(folder) / name, endings, layout) for name in ("normal", "new"))
    if len(normal) < 5:
        raise FileNotFoundError(f"{len(normal)} files in {str(Path(folder) / 'normal')!r}. Expected {layout}")
    return normal, new


def every_fifth(classes: Sequence[str] | np.ndarray) -> np.ndarray:
    """Return for each file whether it is for the test, `(file,)` bool: every fifth of each class, else of all.

    Args:
        classes: The class of each file, `(file,)`.
    """
    names = np.array(classes)
    place = np.zeros(len(names), dtype=int)
    for name in np.unique(names):
        place[names == name] = np.arange((names == name).sum())
    is_test = place % 5 == 4
    return is_test if is_test.any() else np.arange(len(names)) % 5 == 4
