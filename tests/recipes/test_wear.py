"""Films of wear: contact sheets as BSData's, and generated ones."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from wear import growing_pits, wear_films


def write_sheets(folder, count: int = 23, labels: int = 23) -> np.ndarray:
    """Write one sheet of 23 frames of 4 x 6 pixels; return the frames."""
    frames = np.repeat(np.arange(count, dtype=np.uint8) * 10, 24).reshape(count, 4, 6)
    sheet = np.zeros((12, 60), np.uint8)
    for number, frame in enumerate(frames):
        row, column = divmod(number, 10)
        sheet[4 * row : 4 * row + 4, 6 * column : 6 * column + 6] = frame
    content = io.BytesIO()
    Image.fromarray(sheet).save(content, "PNG")  # Pillow looks at the content, not at the name
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "wear_sequences.zip", "w") as packed:
        packed.writestr("spot.jpg", content.getvalue())
    listed = [
        {"location": "spot", "n_frames": count, "time": [], "labelled": [number > 20 for number in range(labels)]}
    ]
    (folder / "wear_sequences.json").write_text(json.dumps(listed))
    return frames


@pytest.mark.parametrize("place", ["", "bsdata_pitting"])
def test_frames_of_a_sheet_come_in_order_of_time(tmp_path, place):
    frames = write_sheets(tmp_path / place)
    (film,) = wear_films(tmp_path)
    assert film.name == "spot" and torch.equal(film.frames[:, 0], torch.from_numpy(frames))
    assert film.worn.tolist() == [False] * 21 + [True] * 2


def test_absent_and_wrong_sheets_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no wear_sequences\.zip"):
        wear_films(tmp_path)
    write_sheets(tmp_path, labels=5)
    with pytest.raises(ValueError, match=r"5 labels for 23 frames \(spot\.jpg\)"):
        wear_films(tmp_path)


def test_made_up_pits_are_dark_grow_and_come_again():
    for film, again in zip(growing_pits(4), growing_pits(4)):
        assert torch.equal(film.frames, again.frames)
        dark = (film.frames.float() / film.frames[:20].float().mean(dim=0) < 0.6).sum(dim=(1, 2, 3))
        assert dark[~film.worn].max() <= 3 < dark[film.worn][3:].min()
        assert dark[-1] > dark[film.worn][3]
