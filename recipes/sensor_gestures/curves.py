"""Pictures of codes, clusters and neighbours, and a table of new recordings with the known ones they are like."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from grouping import NEIGHBOURS
from own_gestures import Gestures
from scipy.spatial.distance import cdist

import seqae
from seqae.report import embedding_figure, matplotlib, save_figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")  # Okabe & Ito 2008
SHOWN = 8  # recordings of a cluster, and new recordings with their neighbours


def draw(
    run: seqae.Run,
    known: Gestures,
    new: Gestures,
    codes: np.ndarray,
    new_codes: np.ndarray,
    clusters: np.ndarray,
    new_clusters: np.ndarray,
) -> None:
    """Draw codes, clusters and neighbours; write cluster and nearest known recording of each new one, `sorted.tsv`.

    Args:
        run: The run whose folder gets the files.
        known: Known recordings.
        new: New recordings.
        codes: `(known, code_size)`.
        new_codes: `(new, code_size)`.
        clusters: The cluster of each known recording, `(known,)`.
        new_clusters: That of each new one, `(new,)`.
    """
    save_figure(embedding_figure(new_codes, [f"cluster {number}" for number in new_clusters]), run.path("clusters.png"))
    if len(set(new.classes)) > 1:
        save_figure(embedding_figure(new_codes, new.classes), run.path("classes.png"))
    examples = {
        f"cluster {number}": known.taken(np.flatnonzero(clusters == number)[:: _every(clusters == number)][:SHOWN])
        for number in np.unique(clusters)
    }
    save_figure(_sheet(examples), run.path("examples.png"))

    nearest = cdist(new_codes, codes).argsort(axis=1)[:, :NEIGHBOURS]
    chosen = np.linspace(0, len(new.names) - 1, SHOWN).astype(int)
    lines = {str(at): _beside(new.taken(np.array([at])), known.taken(nearest[at])) for at in chosen}
    save_figure(_sheet(lines, f"new recordings, and the {NEIGHBOURS} nearest known ones"), run.path("neighbours.png"))
    head = "recording\tcluster\tnearest\n"
    rows = zip(new.names, new_clusters, nearest[:, 0])
    run.write_text("sorted.tsv", head + "".join(f"{name}\t{group}\t{known.names[at]}\n" for name, group, at in rows))


def _every(chosen: np.ndarray) -> int:
    """Return the stride at which `SHOWN` of the chosen ones, `(recording,)` bool, spread over all of them."""
    return max(1, int(chosen.sum()) // SHOWN)


def _beside(first: Gestures, others: Gestures) -> Gestures:
    return Gestures(
        first.sequences + others.sequences,
        np.r_[first.classes, others.classes],
        ["new: " + first.names[0], *others.names],
    )


def _sheet(lines: Mapping[str, Gestures], title: str = "") -> Any:
    """Return a figure with a line of recordings for each name.

    Two channels are drawn as a path in the plane, from the dot on; others over time, as many as there are colours.
    """
    columns = max(len(line.names) for line in lines.values())
    figure = matplotlib().figure.Figure(figsize=(1.5 * columns, 1.5 * len(lines)), layout="constrained")
    plots = figure.subplots(len(lines), columns, squeeze=False)
    figure.suptitle(title, fontsize=10)
    for row, (name, line) in zip(plots, lines.items()):
        for plot in row:
            plot.set(xticks=[], yticks=[])
            plot.spines[:].set_visible(False)
        row[0].set_ylabel(name if not title else "", fontsize=9)
        for plot, recording, label in zip(row, line.sequences, line.names):
            _draw_recording(plot, recording)
            plot.set_title(label[-24:], fontsize=6)
    return figure


def _draw_recording(plot: Any, recording: np.ndarray) -> None:
    if recording.shape[1] == 2:
        plot.plot(*recording.T, color=COLOURS[0], linewidth=1.2)
        plot.plot(*recording[0], "o", color=COLOURS[1], markersize=4)
        plot.set_aspect("equal", adjustable="datalim")
        return
    for channel, colour in zip(recording.T, COLOURS):
        plot.plot(channel, color=colour, linewidth=1)
