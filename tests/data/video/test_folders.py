"""Videos of one's own in a folder."""

import numpy as np
import pytest

from seqae.data import read_captioned_folder, read_video_folder


def films(folder, count, frames=4):
    """Write videos of one brightness each as arrays."""
    for number in range(count):
        np.save(folder / f"v{number}.npy", np.full((frames, 8, 12), 10 * number, np.uint8))
    return folder


def test_videos_come_by_name_in_natural_order_grey_and_of_one_size(tmp_path):
    found = read_video_folder(films(tmp_path, 11), (4, 6))
    assert list(found) == [f"v{number}.npy" for number in range(11)]
    assert all(video.shape == (4, 1, 4, 6) for video in found.values())
    assert [int(video.unique()) for video in found.values()] == [10 * number for number in range(11)]


def test_a_video_that_is_too_short_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"4 frames \(.*v0.npy\). Expected 5 or more"):
        read_video_folder(films(tmp_path, 1), (4, 6), min_frames=5)


def test_a_folder_without_videos_is_refused_with_what_it_must_look_like(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no videos in .*Expected FOLDER/NAME.mp4 for each"):
        read_video_folder(tmp_path, (4, 6))
    (tmp_path / "frame0.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"but images: put those of one video into a folder of their own"):
        read_video_folder(tmp_path, (4, 6))


def test_captions_lie_beside_videos(tmp_path):
    films(tmp_path, 10)
    for number in range(9):
        (tmp_path / f"v{number}.txt").write_text(f"a  box of {number}\r\n\na second caption\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"no v9.txt beside .*v9.npy. Expected ten videos or more"):
        read_captioned_folder(tmp_path, (4, 6))
    (tmp_path / "v9.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"no caption \(.*v9.txt\)"):
        read_captioned_folder(tmp_path, (4, 6))
    (tmp_path / "v9.txt").write_bytes(b"\xef\xbb\xbfthe caf\xc3\xa9\n")
    clips = read_captioned_folder(tmp_path, (4, 6))
    assert clips[3].captions == ("a box of 3", "a second caption") and clips[9].caption == "the café"
    assert float(clips[3].frames.max()) == pytest.approx(30 / 255)
