"""Checkpoints that were made to do harm."""

from __future__ import annotations

import copy
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
import torch

from seqae.training.callbacks import checkpoints
from seqae.training.callbacks.checkpoints import ChecksummedCheckpointIO, valid_checkpoints


def written(path: Path, data: bytes) -> Path:
    """Write a checkpoint whose hash is right."""
    path.write_bytes(data + checkpoints._MARK + hashlib.sha256(data).hexdigest().encode())
    return path


def content(packing: int, numbers: int) -> bytes:
    """Return a checkpoint of zeros as torch writes it, packed in another way."""
    buffer, packed = io.BytesIO(), io.BytesIO()
    torch.save({"weights": torch.zeros(numbers)}, buffer)
    with zipfile.ZipFile(buffer) as parts, zipfile.ZipFile(packed, "w", packing) as archive:
        for part in parts.infolist():
            archive.writestr(part.filename, parts.read(part))
    return packed.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packed_checkpoint_is_refused_before_it_is_unpacked(tmp_path, packing, monkeypatch):
    path = written(tmp_path / "step=1.ckpt", content(packing, 10**6))
    assert path.stat().st_size < 10**5  # of four million bytes
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpacks it"))
    with pytest.raises(ValueError, match=r"step=1\.ckpt is no checkpoint of seqae"):
        ChecksummedCheckpointIO().load_checkpoint(path)


def test_parts_that_share_their_bytes_are_refused(tmp_path):
    buffer = io.BytesIO(content(zipfile.ZIP_STORED, 10**4))
    with zipfile.ZipFile(buffer, "a") as archive:
        largest = max(archive.infolist(), key=lambda part: part.file_size)
        for number in range(50):  # torch would read each of them, and the file holds one
            archive.filelist.append(copy.copy(largest))
            archive.filelist[-1].filename = f"archive/data/{number + 10}"
        archive.comment = b"."  # so that the list is written anew
    path = written(tmp_path / "step=1.ckpt", buffer.getvalue())
    with pytest.raises(ValueError, match=r"step=1\.ckpt is no checkpoint of seqae"):
        ChecksummedCheckpointIO().load_checkpoint(path)


def test_a_stored_checkpoint_is_read(tmp_path):
    path = written(tmp_path / "step=1.ckpt", content(zipfile.ZIP_STORED, 9))
    assert torch.equal(ChecksummedCheckpointIO().load_checkpoint(path)["weights"], torch.zeros(9))
    assert valid_checkpoints(tmp_path) == ([path], [])
