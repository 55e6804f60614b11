"""Where a saved model lies: in a folder, or in a repository of the Hugging Face Hub."""

from __future__ import annotations

import os
import re
from pathlib import Path

from seqae._files import require_local_path

# As a path, an address has a single slash; so both are read.
_HUB_ADDRESS = re.compile(r"hf:/+(?P<repository>[^@]*)(?:@(?P<revision>.*))?")


def local_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder on this machine with the artifact of a place, downloaded if need be.

    Args:
        place: A folder; or `hf://OWNER/NAME`, a repository of the Hugging Face Hub, at its newest state or at a branch,
            tag or commit, `hf://OWNER/NAME@REVISION`.

    Raises:
        ValueError: The place is none of these.
        FileNotFoundError: No model of that name is there.
        ConnectionError: The Hub does not answer, and nothing was downloaded before.
        ImportError: Extra `hub` is not installed.
    """
    if _HUB_ADDRESS.fullmatch(os.fspath(place)):
        from seqae.artifact.hub import download

        return download(*hub_repository(place))
    return require_local_path(place)


def hub_repository(place: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Return the repository of an address `hf://OWNER/NAME@REVISION`, and its revision, None if none is given.

    Raises:
        ValueError: It is no such address.
    """
    found = _HUB_ADDRESS.fullmatch(os.fspath(place))
    if not found or not re.fullmatch(r"[\w.-]+/[\w.-]+", found["repository"]) or found["revision"] == "":
        raise ValueError(f"{place} is no repository. Expected hf://OWNER/NAME, or hf://OWNER/NAME@REVISION")
    return found["repository"], found["revision"]
