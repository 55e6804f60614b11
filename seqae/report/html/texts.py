"""The page of a run that writes texts: its results, the texts, and the attention while they were written.

A browser has fonts for every script, which pictures may lack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqae._files import write_atomically
from seqae.report import colours
from seqae.report.figures.attention import AttentionMap
from seqae.report.html.templates import load_template


@dataclass(frozen=True, eq=False)
class TextsPage:
    """The content of the page.

    Attributes:
        title: The heading of the page.
        warnings: Sentences on the data and the result.
        results: The rows of the table that compares methods, all with the same columns.
        texts: Tables of texts by their heading; the first row of a table names its columns.
        attention_maps: Source tokens, target tokens, and the attention weights from 0 to 1,
            (target token, source token).
    """

    title: str
    warnings: Sequence[str]
    results: Sequence[Mapping[str, object]]
    texts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    attention_maps: Sequence[AttentionMap] = ()


def write_texts_page(page: TextsPage, path: Path | str) -> Path:
    """Write the page as one HTML file that works without a network; return its path. Needs the extra `report`.

    Raises:
        MissingExtra: Jinja2 is not installed.
    """
    maps = [(source, zip(target, _opacities(weights))) for source, target, weights in page.attention_maps]
    text = load_template("texts.html").render(page=page, maps=maps, colours=colours)
    return write_atomically(path, text.encode())


def _opacities(weights: np.ndarray) -> list[list[str]]:
    """Return the last two digits of a colour for each weight, (target token, source token)."""
    return [[f"{round(255 * float(weight)):02x}" for weight in row] for row in weights]
