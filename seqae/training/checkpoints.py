"""Checkpoints for going on after an interruption: written whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from seqae.files import write_atomically

_MARK = b"\nseqae-sha256:"


class CheckedCheckpoints(CheckpointIO):
    """Stages each checkpoint beside its target, with its hash inside, and renames it when it is on the disk.

    Lightning's own plug-in stages in `TMPDIR`: on another file system a kill leaves half a file.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getvalue()
        write_atomically(Path(path), data + _MARK + hashlib.sha256(data).hexdigest().encode())

    def load_checkpoint(
        self, path: str | Path, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        return torch.load(io.BytesIO(read_checked(Path(path))), map_location="cpu", weights_only=True)

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)


def newest_checkpoint(folder: Path) -> tuple[Path | None, list[str]]:
    """Return the newest checkpoint that is whole, and a remark for each damaged one, which is set aside."""
    remarks = []
    files = list(folder.glob("epoch=*.ckpt")) if folder.is_dir() else []
    for path in sorted(files, key=lambda file: int(file.stem.partition("=")[2]), reverse=True):
        try:
            read_checked(path)
        except ValueError as error:
            path.rename(path.with_suffix(".ckpt.damaged"))
            remarks.append(f"{error}. Going on from the one before")
        else:
            return path, remarks
    return None, remarks


def read_checked(path: Path) -> bytes:
    """Return the checkpoint in a file.

    Raises:
        ValueError: The hash in the file is absent or another one.
    """
    data = path.read_bytes()
    content, mark, digest = data.rpartition(_MARK)
    if not mark or hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError(f"checkpoint {path} is damaged (its SHA-256 does not match)")
    return content
