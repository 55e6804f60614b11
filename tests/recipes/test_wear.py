"""Videos of wear: in BSData's layout, and synthetic ones."""

import numpy as np
import pytest
import torch
from PIL import Image
from wear import SIZE, read_wear, synthetic_pits

HEIGHT, WIDTH = SIZE


def write_frame(
    folder, time: int, grey: int, location: str = "277500_315", part: int = 2, marked: bool = False
) -> None:
    """Write an image of BSData, all of one grey value, of twice the size of a frame."""
    for name in ("data", "label"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    stem = f"01_2008281100{time:02d}_{location}_crop_{part}"
    Image.fromarray(np.full((2 * HEIGHT, 2 * WIDTH, 3), grey, np.uint8)).save(folder / "data" / f"{stem}.jpg")
    if marked:
        (folder / "label" / f"{stem}.json").write_text("{}")


def test_frames_of_a_spot_come_in_order_of_time_with_their_labels(tmp_path):
    for time in (30, 10, 20):
        write_frame(tmp_path / "BSData", time, grey=4 * time, marked=time == 30)
        write_frame(tmp_path / "BSData", time, grey=2 * time, location="305000_090")
    write_frame(tmp_path / "BSData", 40, grey=200, part=1)  # another part of the screw
    first, second = read_wear(tmp_path)
    assert (first.name, second.name) == ("277500_315", "305000_090")
    assert first.frames.shape == (3, 1, HEIGHT, WIDTH) and first.frames.dtype == torch.uint8
    assert first.frames.float().mean(dim=(1, 2, 3)).round().tolist() == [40, 80, 120]
    assert second.frames.float().mean(dim=(1, 2, 3)).round().tolist() == [20, 40, 60]
    assert first.worn.tolist() == [False, False, True] and not second.worn.any()


def test_a_folder_without_images_is_named_with_what_to_download(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no data/\*_crop_2\.jpg .*github\.com/2Obe/BSData") as error:
        read_wear(tmp_path)
    assert str(tmp_path) in str(error.value)


def test_synthetic_pits_are_dark_grow_and_come_again():
    for video, again in zip(synthetic_pits(4), synthetic_pits(4)):
        assert torch.equal(video.frames, again.frames)
        dark = (video.frames.float() / video.frames[:20].float().mean(dim=0) < 0.6).sum(dim=(1, 2, 3))
        assert dark[~video.worn].max() <= 3 < dark[video.worn][3:].min()
        assert dark[-1] > dark[video.worn][3]
