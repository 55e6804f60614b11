"""The SHA-256 at the end of an ONNX file, which finds a change that would give other numbers and no error."""

from __future__ import annotations

import hashlib
from pathlib import Path

from seqae._files import read_file

# An entry of the metadata, field 14 of a model in protobuf: its key, and the beginning of a value of 64 letters.
_ENTRY = b"\x72\x4a\x0a\x06sha256\x12\x40"
_LETTERS = 64


def with_checksum(content: bytes) -> bytes:
    """Return the content of a file with its SHA-256 as the last entry of its metadata."""
    return content + _ENTRY + hashlib.sha256(content).hexdigest().encode()


def refuse_changed(path: Path) -> None:
    """Raise a ValueError if a file ends in the SHA-256 of another content; a file of others, without one, may pass."""
    content = read_file(path)
    body, found = content[: -len(_ENTRY) - _LETTERS], content[-len(_ENTRY) - _LETTERS :]
    if found.startswith(_ENTRY) and with_checksum(body) != content:
        raise ValueError(
            f"{path} was changed after it was written (its SHA-256 is another one). Copy it again, or write it "
            "again; or give changed=True, if a tool changed it on purpose"
        )
