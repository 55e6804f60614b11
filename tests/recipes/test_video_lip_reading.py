"""Mouths: in GRID's layout, and synthetic ones."""

import numpy as np
import pytest
import torch

pytest.importorskip("av")

import av
from grid import read_grid, synthetic_mouths
from mouth_features import OnFrames, frame_convolutions, in_pairs

import seqae
from seqae.transforms import TimeWarp, corruption_generator


def write_clip(folder, name: str, top: int, left: int, speaker: str = "s1") -> np.ndarray:
    """Write a video of 288 x 360 pixels in which noise moves in a window, and its alignment; return the window."""
    (folder / speaker).mkdir(parents=True, exist_ok=True)
    (folder / "align").mkdir(exist_ok=True)
    mouth = 255 * np.random.default_rng(0).random((5, 16, 24)).repeat(4, 1).repeat(4, 2)
    with av.open(str(folder / speaker / f"{name}.mpg"), "w", format="mpeg") as container:
        stream = container.add_stream("mpeg1video", rate=25, options={"qmin": "1", "qmax": "1", "g": "1"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 360, 288, "yuv420p", 20_000_000
        for window in mouth:
            frame = np.full((288, 360, 3), 128, np.uint8)
            frame[top : top + 64, left : left + 96] = window[..., None]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    lines = ["0 10000 sil", "10000 15000 bin", "15000 20000 blue", "20000 20000 sp", "20000 75000 sil"]
    (folder / "align" / f"{name}.align").write_text("\n".join(lines) + "\n")
    return mouth


def test_the_window_that_moves_is_found_and_the_words_are_those_that_are_said(tmp_path):
    mouth = write_clip(tmp_path, "bbaf2n", top=180, left=108)
    write_clip(tmp_path, "aaaa1a", top=144, left=200)
    first, clip = read_grid(tmp_path)
    assert (first.name, clip.name, clip.caption) == ("aaaa1a", "bbaf2n", "bin blue")
    assert clip.frames.shape == (5, 1, 32, 48)
    expected = torch.from_numpy(mouth).reshape(5, 32, 2, 48, 2).mean(dim=(2, 4)) / 255
    assert (clip.frames[:, 0] - expected).abs().mean() < 0.02


def test_absent_alignments_and_several_speakers_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no \*\.mpg"):
        read_grid(tmp_path)
    write_clip(tmp_path, "bbaf2n", 180, 108)
    write_clip(tmp_path, "bbaf2n", 180, 108, speaker="s2")
    with pytest.raises(ValueError, match="single speaker"):
        read_grid(tmp_path)
    (tmp_path / "s2" / "bbaf2n.mpg").rename(tmp_path / "s2" / "lwae3s.mpg")
    with pytest.raises(FileNotFoundError, match=r"no lwae3s\.align"):
        read_grid(tmp_path)


def test_a_seed_makes_the_same_synthetic_mouths_and_a_word_moves_alike_each_time():
    first, again = synthetic_mouths(40, seed=1), synthetic_mouths(40, seed=1)
    assert all(torch.equal(one.frames, other.frames) for one, other in zip(first, again))
    by_word = {}
    for clip in first:
        assert len(clip.caption.split()) == 6 and clip.frames.shape == (36, 1, 32, 48)
        by_word.setdefault(clip.caption.split()[0], []).append(clip.frames[:6])
    alike, different = list(by_word.values())[:2]
    assert (alike[0] - alike[1]).abs().mean() < (alike[0] - different[0]).abs().mean()


def test_steps_hold_two_frames_without_what_stands_still():
    frames = torch.arange(5.0).reshape(5, 1, 1, 1) + torch.rand(1, 1, 4, 6, generator=torch.Generator().manual_seed(0))
    steps = in_pairs(frames)
    assert steps.shape == (2, 2, 4, 6)
    torch.testing.assert_close(steps[:, :, 0, 0], torch.tensor([[-2.0, -1.0], [0.0, 1.0]]))


def test_frames_are_changed_one_by_one_and_steps_hold_the_same_two_again():
    frames = torch.arange(8.0).reshape(8, 1, 1, 1).expand(8, 1, 2, 3)
    steps = seqae.Batch.of([frames.reshape(4, 2, 2, 3), frames[:6].reshape(3, 2, 2, 3)])
    warped = OnFrames(TimeWarp(2.0))(steps, corruption_generator(0, 0, 0)).unpad()
    expected = TimeWarp(2.0)(seqae.Batch.of([frames, frames[:6]]), corruption_generator(0, 0, 0)).unpad()
    for found, one in zip(warped, expected):
        torch.testing.assert_close(found.reshape(-1, 1, 2, 3), one)


def test_a_step_is_read_alike_alone_and_beside_longer_clips():
    read = frame_convolutions((32, 48), 6, 0.2).eval()
    clips = [torch.rand(time, 2, 32, 48, generator=torch.Generator().manual_seed(time)) for time in (3, 5)]
    together = read(seqae.Batch.of(clips)).unpad()
    assert [tuple(each.shape) for each in together] == [(3, 6), (5, 6)]
    torch.testing.assert_close(together[0], read(seqae.Batch.full(clips[0][None])).values[0])
