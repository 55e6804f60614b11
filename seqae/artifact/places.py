"""Where a saved model lies: in a folder, in a repository of the Hugging Face Hub, or in seqae itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from seqae._files import require_local_path


def local_folder(place: str | os.PathLike[str]) -> Path:
    """Return the folder on this machine with the artifact of a place, downloaded if need be.

    Args:
        place: A folder; or `hf://OWNER/NAME`, a repository of the Hugging Face Hub, at its newest state or at a branch,
            tag or commit, `hf://OWNER/NAME@REVISION`; or `seqae://NAME`, a model that comes with seqae.

    Raises:
        ValueError: The place is none of these.
        FileNotFoundError: No model of that name is there.
        ConnectionError: The Hub does not answer, and nothing was downloaded before.
        ImportError: Extra `hub` is not installed.
    """
    if re.match("hf:/", os.fspath(place)):  # with one slash, as a path has it, too
        from seqae.artifact.hub import download

        return download(place)
    if re.match("seqae:/", os.fspath(place)):
        from seqae.artifact.included import included_folder

        return included_folder(place)
    return require_local_path(place)
