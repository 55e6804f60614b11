import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seqae.data.video.captions import read_sheets


def sheets(folder: Path, lines: list[str], names: tuple[str, ...] = ("one", "two")) -> Path:
    sheet = np.zeros((2 * 32, 15 * 48), dtype=np.uint8)
    for number in range(30):
        row, column = divmod(number, 15)
        sheet[32 * row : 32 * row + 32, 48 * column : 48 * column + 48] = 8 * number
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, format="JPEG", quality=95)
    with zipfile.ZipFile(folder / "frames.zip", "w") as archive:
        for name in names:
            archive.writestr(f"{name}.jpg", content.getvalue())
    (folder / "clips.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


def line(name: str, frames: int, split: str) -> str:
    return json.dumps({"id": name, "n_frames": frames, "text": "bin blue", "split": split})


def test_sheets_are_cut_into_frames_in_their_order(tmp_path: Path):
    clips = read_sheets(sheets(tmp_path, [line("one", 30, "train"), line("two", 17, "test"), ""]))
    assert [clip.frames.shape for clip in clips] == [(30, 1, 32, 48), (17, 1, 32, 48)]
    np.testing.assert_allclose(clips[0].frames.mean(dim=(1, 2, 3)), 8 * np.arange(30) / 255, atol=0.01)
    assert [clip.name for clip in read_sheets(tmp_path, "test")] == ["two"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line("one", 30, "train"), "{"], "line 2"),
        ([json.dumps({"id": "one"})], "no n_frames, split, text"),
        ([line("one", 31, "train")], "31 frames on a sheet of 2 x 15"),
        ([line("one", 0, "train")], "0 frames"),
    ],
)
def test_wrong_lines_are_named(lines: list[str], message: str, tmp_path: Path):
    with pytest.raises(ValueError, match=message):
        read_sheets(sheets(tmp_path, lines))


def test_absent_sheets_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"three\.jpg"):
        read_sheets(sheets(tmp_path, [line("three", 3, "train")]))
