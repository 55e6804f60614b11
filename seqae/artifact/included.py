"""Small trained models that come with seqae, see `seqae/checkpoints/README.md`."""

from __future__ import annotations

import os
import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "checkpoints"
_ADDRESS = re.compile(r"seqae:/+(?P<name>[\w.-]+)")


def included_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder with the artifact of an address.

    Args:
        place: `seqae://NAME`.

    Raises:
        ValueError: It is no such address.
        FileNotFoundError: No model of that name comes with seqae; names those that do.
    """
    names = sorted(path.parent.name for path in FOLDER.glob("*/seqae.json"))
    found = _ADDRESS.fullmatch(os.fspath(place))
    if not found:
        raise ValueError(f"{place} names no model. Expected seqae://NAME, with one of the names {', '.join(names)}")
    if found["name"] not in names:
        raise FileNotFoundError(f"seqae://{found['name']} does not come with seqae. There are {', '.join(names)}")
    return FOLDER / found["name"]
