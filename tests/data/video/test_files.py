"""Videos from files: every kind, every damage, and no more in memory than asked for."""

import itertools
import wave
import zipfile
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from seqae.data.video.files import read_video, video_chunks, video_frames
from seqae.report.figures.video import write_video

av = pytest.importorskip("av")


def ramp(count: int = 12, height: int = 16, width: int = 24) -> np.ndarray:
    """Frames (time, 3, height, width) of one brightness each, from black to nearly white."""
    levels = np.arange(count, dtype=np.uint8) * (240 // count)
    return np.broadcast_to(levels[:, None, None, None], (count, 3, height, width)).copy()


def encode(path, video: np.ndarray, times, codec: str = "mpeg4") -> None:
    """Write a video (time, 3, height, width) whose frames are seen at these times, in 24ths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.height, stream.width, stream.pix_fmt = *video.shape[2:], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 24)
        stream.codec_context.qmin = stream.codec_context.qmax = 1
        for pixels, time in zip(video, times):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 24)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture
def folder(tmp_path):
    """A folder of numbered images, of which the eleventh must not come second."""
    place = tmp_path / "video"
    place.mkdir()
    for number, pixels in enumerate(ramp()):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(place / f"frame{number}.png")
    (place / "notes.txt").write_text("no image")
    return place


@pytest.mark.parametrize("ending", ["mp4", "avi", "gif"])
def test_videos_come_back_frame_by_frame(tmp_path, ending):
    path = tmp_path / f"video.{ending}"
    if ending == "gif":
        write_video(path, {"video": ramp() / 255}, scale=1)
    else:
        encode(path, ramp(), range(12))
    video = read_video(path)
    assert video.dtype == torch.uint8 and video.shape == (12, 3, 16, 24)
    assert (video.float() - torch.from_numpy(ramp()).float()).abs().mean() < 4


def test_folders_zip_files_and_arrays_come_back_exactly(folder, tmp_path):
    truth = torch.from_numpy(ramp())
    assert torch.equal(read_video(folder), truth)
    with zipfile.ZipFile(tmp_path / "video.zip", "w") as packed:
        for file in folder.iterdir():
            packed.write(file, f"deep/{file.name}")
    assert torch.equal(read_video(tmp_path / "video.zip"), truth)
    np.save(tmp_path / "video.npy", ramp())
    assert torch.equal(read_video(tmp_path / "video.npy"), truth)
    np.save(tmp_path / "last.npy", ramp().transpose(0, 2, 3, 1))
    assert torch.equal(read_video(tmp_path / "last.npy"), truth)
    np.save(tmp_path / "grey.npy", ramp()[:, 0])
    assert torch.equal(read_video(tmp_path / "grey.npy"), truth[:, :1])
    many = np.random.default_rng(0).integers(0, 256, (3, 5, 8, 9), np.uint8)
    np.save(tmp_path / "five.npy", many)
    assert torch.equal(read_video(tmp_path / "five.npy"), torch.from_numpy(many))


def test_an_image_is_a_video_of_one_frame(folder):
    np.testing.assert_array_equal(read_video(folder / "frame3.png").numpy(), ramp()[3:4])


def test_size_and_grey_are_as_asked(folder, tmp_path):
    encode(tmp_path / "video.mp4", ramp(), range(12))
    for path in (folder, tmp_path / "video.mp4"):
        video = read_video(path, size=(8, 10), grey=True)
        assert video.shape == (12, 1, 8, 10)
        assert (video[:, 0].float().mean(dim=(1, 2)) - torch.from_numpy(ramp())[:, 0, 0, 0]).abs().max() < 6


@pytest.mark.parametrize(
    ("times", "rate", "seen"),
    [
        (range(0, 24, 2), 24, [0, 0, 1, 1, 2, 2]),
        (range(0, 24, 2), 4, [0, 3, 6, 9]),
        ([0, 1, 2, 12, 13, 14], 6, [0, 2, 2, 3]),  # the video stands still for a while
    ],
    ids=["more", "fewer", "uneven"],
)
def test_a_rate_shows_what_is_seen_at_each_moment(tmp_path, times, rate, seen):
    encode(tmp_path / "video.mp4", ramp()[: len(times)], times)
    levels = read_video(tmp_path / "video.mp4", frame_rate=rate, grey=True).float().mean(dim=(1, 2, 3))
    found = (levels / 20).round().int().tolist()
    assert found[: len(seen)] == seen


@pytest.mark.parametrize("ending", ["mp4", "avi", "mkv"])
def test_a_video_has_at_any_rate_as_many_frames_as_moments(tmp_path, ending):
    encode(tmp_path / f"video.{ending}", ramp(), range(12))  # half a second
    asked = {1: 1, 5: 3, 10: 5, 24: 12, 29.97: 15, 30: 15, 60: 30}
    assert {rate: len(read_video(tmp_path / f"video.{ending}", frame_rate=rate)) for rate in asked} == asked


def test_pieces_are_the_video(folder):
    parts = list(video_chunks(folder, 5))
    assert [len(part) for part in parts] == [5, 5, 2]
    assert torch.equal(torch.cat(parts), read_video(folder))


def test_a_long_video_is_read_as_far_as_it_is_used(folder):
    (folder / "frame11.png").write_bytes(b"damaged")
    assert len(list(itertools.islice(video_frames(folder), 11))) == 11
    with pytest.raises(ValueError, match=r"frame11\.png"):
        read_video(folder)


def test_a_video_that_is_too_long_is_refused_early(tmp_path):
    np.save(tmp_path / "long.npy", np.zeros((1000, 64, 64), np.uint8))
    with pytest.raises(ValueError, match=r"more than 24 frames of 1 x 64 x 64 .*0 MiB"):
        read_video(tmp_path / "long.npy", max_bytes=100_000)


def test_a_video_cut_short_is_no_whole_video(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 3, 32, 32), np.uint8)
    for ending in ("avi", "mp4"):
        path = tmp_path / f"video.{ending}"
        encode(path, noise, range(30))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ValueError, match=r"(damaged video|cut short).*video\."):
            read_video(path)


@pytest.mark.parametrize("name", ["video.mp4", "video.avi", "video.gif", "video.npy", "video.zip"])
@pytest.mark.parametrize("content", [b"", b"some text"], ids=["empty", "text"])
def test_what_is_no_video_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        read_video(tmp_path / name)


def test_sound_alone_is_no_video(tmp_path):
    with wave.open(str(tmp_path / "sound.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(4000))
    with pytest.raises(ValueError, match=r"no pictures in it, only audio .*sound\.wav"):
        read_video(tmp_path / "sound.wav")


def test_frames_of_several_sizes_are_an_error_unless_a_size_is_asked_for(folder):
    Image.new("RGB", (5, 5)).save(folder / "frame7.png")
    with pytest.raises(ValueError, match="frame 7 is 3 x 5 x 5, frame 0 3 x 16 x 24"):
        read_video(folder)
    assert read_video(folder, size=(4, 4)).shape == (12, 3, 4, 4)


def test_other_mistakes_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no such video .*absent\.mp4"):
        video_frames(tmp_path / "absent.mp4")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match=r"without frames .*nothing"):
        video_frames(tmp_path / "nothing")
    with pytest.raises(ValueError, match="without times"):
        video_frames(folder, frame_rate=5)
    with pytest.raises(ValueError, match="rate of 0"):
        video_frames(folder, frame_rate=0)
    with pytest.raises(ValueError, match="chunks of 0 frames"):
        list(video_chunks(folder, 0))
    np.save(tmp_path / "floats.npy", np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match=r"float64 of shape \(3, 4, 4\)"):
        video_frames(tmp_path / "floats.npy")
