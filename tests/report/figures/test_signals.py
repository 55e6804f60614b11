import subprocess
import sys

import numpy as np
import pytest

from seqae.data.signals.recordings import Recording
from seqae.report import colours, embedding_figure, loss_figure, save_figure, signal_figure

SCORE = "score: -log10 of the fraction of normal rows that score as high"
PNG = b"\x89PNG\r\n\x1a\n"


def pixels(figure) -> np.ndarray:
    """Return (height, width, 3) of 0 to 255."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def has_colour(picture: np.ndarray, colour: str) -> np.ndarray:
    """Return (height, width), True where a pixel is nearly of that colour."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return np.abs(picture - wanted).max(axis=-1) < 12


@pytest.fixture
def figure(report):
    return signal_figure(
        report.recording, report.reconstruction, report.scores, report.threshold, report.events, report.labels
    )


def test_alarms_and_faults_are_shaded_where_they_are(figure, report):
    picture = pixels(figure)
    score_plot = figure.axes[-1]
    times = report.recording.times
    middles = [(event.start + event.stop) // 2 for event in report.events]
    for row, colour in [(middles[1], colours.ALARM_SHADE), (4710, colours.FAULT_SHADE), (3000, "#FFFFFF")]:
        place = score_plot.transData.transform((times[row].astype("datetime64[us]").astype(float) / 86400e6, 5))
        column = picture[:, round(place[0])]
        lowest, highest = (round(len(picture) - edge) for edge in score_plot.bbox.extents[[1, 3]])
        assert has_colour(column[highest:lowest], colour).mean() > 0.3


def test_the_legend_names_everything_once(figure):
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names == ["signal", "reconstruction", "alarm", "known fault", "score", "threshold"]


def test_top_channels_are_drawn_with_their_units(report, figure):
    assert [plot.get_title(loc="left") for plot in figure.axes] == [
        "pressure [bar]",
        "flow",
        "speed",
        report.recording.channels[3],
        SCORE,
    ]
    chosen = signal_figure(report.recording, report.reconstruction, report.scores, 2.0, channels=["speed"])
    assert [plot.get_title(loc="left") for plot in chosen.axes] == ["speed", SCORE]


def test_no_stroke_crosses_a_pause(figure, report):
    positions = figure.axes[-1].lines[0].get_xdata()
    assert np.isnat(positions).sum() == 1
    strokes = np.split(positions, np.flatnonzero(np.isnat(positions)))
    assert strokes[0][-1] <= report.recording.times[3999] < report.recording.times[4000] <= strokes[1][1]


def test_single_readings_between_missing_ones_are_seen():
    values = np.array([[0.0], [np.nan], [1.0], [np.nan], [0.0]])
    figure = signal_figure(Recording(values, ("a",)), np.full((5, 1), 0.2), np.zeros(5), 2.0)
    plot = figure.axes[0]
    picture = pixels(figure)
    column, line = plot.transData.transform((2, 1.0))
    area = picture[
        len(picture) - round(line) - 3 : len(picture) - round(line) + 3, round(column) - 3 : round(column) + 3
    ]
    assert has_colour(area, colours.SIGNAL).any()


def test_a_channel_that_is_not_there_is_named(report):
    with pytest.raises(ValueError, match=r"'presure'.*'pressure'"):
        signal_figure(report.recording, report.reconstruction, report.scores, 2.0, channels=["presure"])


def test_the_lowest_losses_are_told(report):
    figure = loss_figure(report.history)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "train, lowest 0.2",
        "validation, lowest 0.6",
    ]


def test_a_loss_that_was_not_a_number_does_not_hide_the_others():
    figure = loss_figure({"train": [3.0, float("nan"), 2.0], "validation": [float("nan")]})
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train, lowest 2", "validation"]


def test_a_part_without_losses_has_neither_a_line_nor_a_place_in_the_legend():
    figure = loss_figure({"train": [3.0, 2.0], "valid": []})
    assert len(figure.axes[0].lines) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["train, lowest 2"]


def test_wide_codes_are_drawn_by_their_principal_components():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(200, 2)) * [10, 3]
    directions = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    figure = embedding_figure(plane @ directions + 5)
    drawn = figure.axes[0].collections[0].get_offsets()
    expected = np.sqrt(np.square(plane - plane.mean(axis=0)).sum(axis=1))
    assert np.allclose(np.linalg.norm(drawn, axis=1), expected)
    assert figure.axes[0].get_xlabel().startswith("principal component 1 (9")


def in_the_picture(figure) -> np.ndarray:
    """Return which points lie within the limits of the axes, (point,) bool."""
    (plot,) = figure.axes
    points = np.concatenate([each.get_offsets() for each in plot.collections])
    (left, right), (bottom, top) = plot.get_xlim(), plot.get_ylim()
    return (points >= [left, bottom]).all(axis=1) & (points <= [right, top]).all(axis=1)


def test_one_code_far_away_does_not_flatten_the_others_and_is_told():
    codes = np.random.default_rng(0).normal(size=(300, 2))
    codes[17] = [1e4, 0]
    figure = embedding_figure(codes)
    assert np.flatnonzero(~in_the_picture(figure)).tolist() == [17]
    left, right = figure.axes[0].get_xlim()
    assert right - left < 12
    assert figure.axes[0].get_title(loc="left") == "300 codes, 1 of them outside the picture"


@pytest.mark.parametrize("seed", range(4))
def test_every_code_is_in_the_picture_or_told_to_be_outside_and_most_are_in(seed):
    random = np.random.default_rng(seed)
    codes = random.standard_cauchy(size=(random.integers(2, 400), 2)) * [1, 1e6]
    figure = embedding_figure(codes)
    figure.canvas.draw()
    inside, title = in_the_picture(figure), figure.axes[0].get_title(loc="left")
    assert int(title.partition(", ")[2].partition(" ")[0] or 0) == (~inside).sum()
    assert inside.mean() > 0.7


@pytest.mark.parametrize("codes", [np.ones((5, 2)), np.ones((1, 2)), np.eye(40)[:, :2]])
def test_codes_of_which_most_are_equal_are_all_shown(codes):
    assert in_the_picture(embedding_figure(codes)).all()


def test_two_groups_of_codes_are_both_shown():
    codes = np.random.default_rng(0).normal(size=(100, 2))
    codes[:40] += [1000, 0]
    assert in_the_picture(embedding_figure(codes)).all()


def test_classes_and_losses_differ_by_more_than_colour(report):
    codes = np.random.default_rng(0).normal(size=(64, 2))
    figure = embedding_figure(codes, np.arange(64) % 8)
    marks = {points.get_paths()[0].vertices.tobytes() for points in figure.axes[0].collections}
    assert len(marks) == 8
    lines = loss_figure({str(number): [2.0, 1.0] for number in range(8)}).axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 8


def test_a_reconstruction_differs_from_its_signal_by_its_stroke(figure):
    signal, reconstruction = figure.axes[0].lines[:2]
    assert signal.get_linestyle() == "-" and reconstruction.get_linestyle() == "--"


def test_a_reconstruction_that_leaves_far_does_not_flatten_the_signal():
    values = np.stack([np.sin(np.arange(100.0)), np.full(100, 3.0), np.full(100, np.nan)], axis=1)
    wild, calm = values + 1e6 * (np.arange(100) == 50)[:, None], values + 0.1
    for reconstruction, height in ((wild, 4.0), (calm, 2.0)):
        recording = Recording(values, ("moving", "still", "missing"))
        plots = signal_figure(recording, reconstruction, np.zeros(100), 1.0).axes
        bottom, top = plots[0].get_ylim()
        assert bottom <= -1 and top >= 1 and top - bottom == pytest.approx(height, rel=0.2)
        assert plots[1].get_ylim()[0] <= 3 <= plots[1].get_ylim()[1]


@pytest.mark.parametrize("width", [1, 2, 7])
def test_codes_are_coloured_by_class_or_by_score(width):
    codes = np.random.default_rng(0).normal(size=(60, width))
    classes = [str(number % 12) for number in range(60)]
    by_class = embedding_figure(codes, classes)
    assert len(by_class.legends[0].get_texts()) == 12
    assert len(embedding_figure(codes, np.linspace(0, 1, 60)).axes) == 2  # the second is the colour bar
    assert len(embedding_figure(codes, np.arange(60) % 2 == 0).axes[0].collections) == 2


def test_a_saved_figure_is_a_png_of_the_asked_size(tmp_path, report):
    path = save_figure(loss_figure(report.history), tmp_path / "new" / "loss.png", dpi=120)
    content = path.read_bytes()
    assert content.startswith(PNG)
    assert int.from_bytes(content[16:20], "big") == 7 * 120


def test_figures_leave_pyplot_alone(tmp_path):
    code = """
import sys, numpy as np
from seqae.report import loss_figure, save_figure
save_figure(loss_figure({"train": [1.0, 0.5]}), sys.argv[1])
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "loss.png")], check=True)
