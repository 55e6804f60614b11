import json
from pathlib import Path

import numpy as np
import pytest
import torch

from seqae.data import read_featured_clips

MSR_VTT = {
    "videos": [{"video_id": "video0", "split": "train"}, {"video_id": "video1", "split": "test"}],
    "sentences": [
        {"video_id": "video0", "caption": "a dog runs", "sen_id": 0},
        {"video_id": "video1", "caption": "a cat sleeps", "sen_id": 1},
        {"video_id": "video0", "caption": "an animal is running", "sen_id": 2},
    ],
}
COCO = {"annotations": [{"image_id": each["video_id"], "caption": each["caption"]} for each in MSR_VTT["sentences"]]}
MSVD = {"video0": ["a dog runs", "an animal is running"], "video1": "a cat sleeps"}


@pytest.fixture
def features(tmp_path: Path) -> Path:
    folder = tmp_path / "features"
    folder.mkdir()
    for number in range(2):
        np.save(folder / f"video{number}.npy", np.full((3 + number, 5), number, dtype=np.float16))
    return folder


def written(folder: Path, content: object) -> Path:
    path = folder / "captions.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("content", [MSR_VTT, COCO, MSVD], ids=["MSR-VTT", "COCO", "MSVD"])
def test_clips_are_read_with_all_their_captions(content, features: Path, tmp_path: Path):
    first, second = read_featured_clips(written(tmp_path, content), features)
    assert first.name == "video0" and first.captions == ("a dog runs", "an animal is running")
    assert second.caption == "a cat sleeps"
    assert torch.equal(second.frames, torch.ones(4, 5))


def test_a_split_is_a_part(features: Path, tmp_path: Path):
    (found,) = read_featured_clips(written(tmp_path, MSR_VTT), features, split="test")
    assert found.name == "video1"
    with pytest.raises(ValueError, match="no splits"):
        read_featured_clips(written(tmp_path, MSVD), features, split="test")


def test_captions_of_absent_clips_are_refused(features: Path, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"1 of 3 clips with captions are absent \(video7"):
        read_featured_clips(written(tmp_path, MSVD | {"video7": ["a bird"]}), features)


@pytest.mark.parametrize("content", [[], {}, {"annotations": [{"image_id": "video0"}]}])
def test_annotations_of_another_kind_are_refused(content, features: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"captions\.json"):
        read_featured_clips(written(tmp_path, content), features)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"not an array"])
def test_damaged_features_are_named(content: bytes, features: Path, tmp_path: Path):
    (features / "video1.npy").write_bytes(content)
    with pytest.raises(ValueError, match=r"video1\.npy"):
        read_featured_clips(written(tmp_path, MSVD), features)
