import numpy as np
import pytest

from seqae.report.figures.sequences import sequences_figure


def test_every_sequence_is_drawn_with_its_own_reconstruction_and_error():
    rows = {"normal": [np.zeros((20, 2)), np.ones((15, 2))], "odd": [np.full((20, 2), 3.0)]}
    written = {name: [sequence + 0.5 for sequence in sequences] for name, sequences in rows.items()}
    plots = [plot for plot in sequences_figure(rows, written, channel=1).axes if plot.get_visible()]
    assert len(plots) == 3
    for plot, sequence in zip(plots, [*rows["normal"], *rows["odd"]]):
        signal, reconstruction = (line.get_ydata() for line in plot.get_lines())
        assert signal == pytest.approx(sequence[:, 1]) and reconstruction == pytest.approx(sequence[:, 1] + 0.5)
        assert plot.get_title(loc="right") == "error 0.25"
    assert plots[0].get_title(loc="left") == "normal" and plots[2].get_title(loc="left") == "odd"
