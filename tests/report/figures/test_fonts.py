"""Texts of figures are drawn as they are, in any script."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from seqae.modules.trees import Tree
from seqae.report import (
    DrawnTree,
    attention_figure,
    embedding_figure,
    image_rows_figure,
    loss_figure,
    save_figure,
    sequences_figure,
    spectrograms_figure,
    trees_figure,
)
from seqae.report.figures import fonts

NOBODYS = "\U000e5555"  # for private use


def charmap(name: str) -> set[int]:
    return set(font_manager.get_font(font_manager.findfont(name)).get_charmap())


def shown(figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(Text))


IMAGES, STEPS = np.zeros((2, 1, 4, 4)), [np.arange(6.0).reshape(3, 2)]
# A figure of each kind that shows a word of the caller.
DRAWINGS: dict[str, Callable[[str], Figure]] = {
    "attention": lambda word: attention_figure([([word, "b"], ["c", word], np.eye(2))], title=word),
    "codes": lambda word: embedding_figure(np.eye(4), [word, word, "a", "b"]),
    "images": lambda word: image_rows_figure({word: IMAGES}, title=word),
    "losses": lambda word: loss_figure({word: [2.0, 1.0]}),
    "sequences": lambda word: sequences_figure({word: STEPS}, {word: STEPS}),
    "spectrograms": lambda word: spectrograms_figure({word: STEPS}, [word], 0.1),
    "trees": lambda word: trees_figure(
        [DrawnTree([word, "b"], Tree.of(np.array([[0, 1]])), np.ones(1), np.zeros(3))], low=word
    ),
}


@pytest.mark.parametrize("kind", DRAWINGS)
def test_signs_that_no_font_has_are_written_as_code_points_without_a_warning(kind, tmp_path):
    figure = DRAWINGS[kind](f"x{NOBODYS}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of each empty box
        save_figure(figure, tmp_path / "figure.png")
    assert "xU+E5555" in shown(figure) and NOBODYS not in shown(figure)


@pytest.mark.parametrize("kind", DRAWINGS)
def test_signs_that_another_font_has_are_drawn_with_it(kind, tmp_path):
    sign = chr(min(charmap("STIXGeneral") - charmap("DejaVu Sans")))
    figure = DRAWINGS[kind](sign)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(figure, tmp_path / "figure.png")
    texts = [text for text in figure.findobj(Text) if sign in text.get_text()]
    assert texts
    assert all(any(ord(sign) in charmap(name) for name in text.get_fontfamily()) for text in texts)


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_the_faces_of_a_font_does_not_matter(turned, monkeypatch):
    faces = font_manager.fontManager.ttflist
    italic = [face for face in faces if face.style != "normal"]
    upright = [face for face in faces if face.style == "normal"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", upright + italic if turned else italic + upright)
    fonts._characters.cache_clear()
    assert fonts._characters("STIXGeneral") == charmap("STIXGeneral")


@pytest.mark.parametrize("kind", DRAWINGS)
def test_dollars_are_dollars(kind, tmp_path):
    figure = DRAWINGS[kind](r"$\no$")
    save_figure(figure, tmp_path / "figure.png")  # as a formula it would be an error
    assert r"$\no$" in shown(figure)


def test_numbers_on_a_logarithmic_axis_stay_numbers():
    figure = loss_figure({"train": [1.0, 1e-3, 1e-6]})
    figure.canvas.draw()
    labels = [label for label in figure.axes[0].get_yticklabels() if label.get_text()]
    assert labels and all(label.get_parse_math() and "10^" in label.get_text() for label in labels)
