"""Sheets of images hold the images, in their places."""

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from seqae.report.figures.images import filters_figure, grid_figure, image_rows_figure


def sheet(figure):
    return figure.axes[0].images[0].get_array()


def test_each_image_stands_in_its_place():
    images = np.random.default_rng(0).random((2, 3, 1, 10, 20))
    drawn = sheet(grid_figure(images, "A title"))
    for row, column in np.ndindex(2, 3):
        top, left = row * 11, column * 22
        np.testing.assert_array_equal(drawn[top : top + 10, left : left + 20], images[row, column, 0])


def test_rows_carry_their_names_and_what_is_beyond_white_is_white():
    figure = image_rows_figure({"original": np.zeros((4, 3, 6, 6)), "twice too bright": np.full((4, 3, 6, 6), 2.0)})
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["original", "twice too bright"]
    assert sheet(figure).shape == (14, 28, 3)
    assert sheet(figure)[7:13, :6].max() == 1


def test_filters_are_grey_where_they_look_for_nothing():
    weights = np.zeros((5, 16))
    weights[0, 3], weights[0, 7] = 2, -1
    first = sheet(filters_figure(weights, (1, 4, 4), columns=2))[:4, :4].ravel()
    assert (first[3], first[7], first[0]) == (1, 0.25, 0.5)


def test_rows_of_different_lengths_and_odd_channels_are_refused():
    with pytest.raises(ValueError, match="same number"):
        image_rows_figure({"a": np.zeros((2, 1, 3, 3)), "b": np.zeros((3, 1, 3, 3))})
    with pytest.raises(ValueError, match="images of 2 channels"):
        grid_figure(np.zeros((1, 1, 2, 3, 3)))
