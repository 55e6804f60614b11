"""Spectrograms stand in their places, on one scale."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from seqae.report.figures.spectrograms import spectrograms_figure


def test_each_recording_stands_below_its_name_at_its_length():
    random = np.random.default_rng(0)
    originals = [random.normal(size=(length, 8)) for length in (20, 50, 1)]
    written = [recording - 10 for recording in originals]
    figure = spectrograms_figure({"original": originals, "written": written}, ["a", "b", "c"], hop=0.01)
    plots = np.array(figure.axes).reshape(2, 3)
    for row, recordings in enumerate((originals, written)):
        for plot, recording, original in zip(plots[row], recordings, originals):
            (image,) = plot.images
            np.testing.assert_array_equal(image.get_array(), recording.T)
            assert image.get_extent() == [0, pytest.approx(len(recording) * 0.01), 0, 8]
            assert image.get_clim()[1] == original.max()
    assert [plot.get_title(loc="left") for plot in plots[0]] == ["a", "b", "c"]


def test_rows_without_a_name_for_each_recording_are_refused():
    with pytest.raises(ValueError, match="2 names"):
        spectrograms_figure({"original": [np.zeros((3, 2))]}, ["a", "b"], hop=0.01)
