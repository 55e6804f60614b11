"""The text of a description: JSON that ends with its own hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqae._version import __version__

FORMAT = 1
_KEYS = {"format", "provenance", "parameters", "metrics", "frozen", "tree", "weights", "weight_bytes"}
# The text ends with the hash of all that comes before. This must stay so in later formats:
# it is checked before the number of the format is read.
_ENDING = b',\n  "sha256": "%s"\n}\n'


def add_checksum(content: Mapping[str, Any]) -> bytes:
    """Return the text of a description, with its hash at the end."""
    body = json.dumps(content, indent=2, allow_nan=False).removesuffix("\n}").encode()
    return body + _ENDING % hashlib.sha256(body).hexdigest().encode()


def read_verified(data: bytes, path: Path) -> dict[str, Any]:
    """Return the description in a text whose hash is right.

    Raises:
        ValueError: It is damaged, something else, or of a newer format; names the file.
    """
    body = data[: -len(_ENDING % bytes(64))]
    if data != body + _ENDING % hashlib.sha256(body).hexdigest().encode():
        raise ValueError(
            f"{path} is damaged or describes no artifact of seqae (the SHA-256 at its end is not that of its text). "
            "Copy the whole folder again, or save again"
        )
    try:
        content = json.loads(data)
        written_by = content["provenance"]["seqae"]
        is_newer = content["format"] > FORMAT
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} describes no artifact of seqae ({type(error).__name__}: {error})") from error
    if is_newer:
        raise ValueError(
            f"{path} has format {content['format']}; seqae {__version__} reads format {FORMAT}. "
            f"Install a newer one: pip install 'seqae>={written_by}'"
        )
    if absent := _KEYS - content.keys():
        raise ValueError(f"{path} describes no artifact of seqae ({', '.join(sorted(absent))} absent)")
    return content
