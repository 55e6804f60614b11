"""Videos in pictures and files."""

import numpy as np
import pytest

from seqae.data.video.files import read_video
from seqae.report.figures.style import save_figure
from seqae.report.figures.video import filmstrip_figure, write_video


def video(frames: int, height: int = 6, width: int = 8, channels: int = 1) -> np.ndarray:
    return np.linspace(0, 1, frames)[:, None, None, None] * np.ones((1, channels, height, width))


@pytest.mark.parametrize("ending", ["gif", "mp4"])
def test_videos_stand_side_by_side_and_a_short_one_stops(tmp_path, ending):
    pytest.importorskip("av")
    path = write_video(tmp_path / f"videos.{ending}", {"truth": video(8), "found": 1 - video(5)}, scale=4)
    read = read_video(path, grey=True)[:, 0].float() / 255
    assert read.shape == (8, 24, 68)
    truth, gap, found = read[:, 4:20, 4:28], read[:, 4:20, 33:35], read[:, 4:20, 40:64]
    np.testing.assert_allclose(truth.mean(dim=(1, 2)), np.linspace(0, 1, 8), atol=0.06)
    np.testing.assert_allclose(found.mean(dim=(1, 2)), [1, 0.75, 0.5, 0.25, 0, 0, 0, 0], atol=0.06)
    assert gap.mean() > 0.85


def test_odd_sizes_and_colours_are_written(tmp_path):
    pytest.importorskip("av")
    path = write_video(tmp_path / "odd.mp4", {"video": video(3, 5, 7, channels=3)}, scale=1)
    assert read_video(path).shape == (3, 3, 6, 8)


def test_other_endings_and_shapes_are_named_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"video\.txt"):
        write_video(tmp_path / "video.txt", {"video": video(3)})
    with pytest.raises(ValueError, match=r"\(3, 2, 6, 8\)"):
        write_video(tmp_path / "video.gif", {"video": video(3, channels=2)})
    assert not list(tmp_path.iterdir())


def test_strips_have_a_line_where_the_future_begins(tmp_path):
    figure = filmstrip_figure({"truth": video(6), "found": video(6)}, split_at=3)
    (plot,) = figure.axes
    left, right = plot.get_xlim()
    assert plot.lines[0].get_xdata()[0] == pytest.approx((left + right) / 2)
    assert save_figure(figure, tmp_path / "strips.png").stat().st_size > 0
