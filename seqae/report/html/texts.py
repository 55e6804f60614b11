"""The page of a run that writes texts: its table, what was written, and where the model looked.

A browser has fonts for every script, which pictures may lack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from seqae._files import write_atomically
from seqae.report import colours
from seqae.report.formatting import number

Looks = tuple[Sequence[str], Sequence[str], np.ndarray]

_STYLE = f"""
body {{ margin: 2em auto; max-width: 75em; padding: 0 1em; color: {colours.INK}; font: 14px/1.5 system-ui, sans-serif }}
table {{ border-collapse: collapse; margin: 0.5em 0 1.5em }}
th, td {{ padding: 0.2em 0.7em; text-align: left; vertical-align: top; border-bottom: 1px solid {colours.GRID} }}
.looks {{ display: inline-table; margin-right: 3em }}
.looks th, .looks td {{ padding: 0.2em 0.5em; border: 1px solid {colours.GRID}; font-weight: normal }}
"""


@dataclass(frozen=True, eq=False)
class TextsPage:
    """What the page tells.

    Attributes:
        title: What was run.
        warnings: Sentences on the data and the result.
        results: The lines of the table that compares methods, all with the same columns.
        texts: Tables of texts by their heading; the first line of a table names its columns.
        looks: Words read, words written, and the weights (word written, word read).
    """

    title: str
    warnings: Sequence[str]
    results: Sequence[Mapping[str, object]]
    texts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    looks: Sequence[Looks] = ()


def write_texts_page(page: TextsPage, path: Path | str) -> Path:
    """Write the page as one HTML file; return its path."""
    rows = [list(page.results[0]), *([number(value) for value in line.values()] for line in page.results)]
    parts = [f"<h1>{escape(page.title)}</h1>", *(f"<p>{escape(remark)}</p>" for remark in page.warnings), _table(rows)]
    for heading, table in page.texts.items():
        parts += [f"<h2>{escape(heading)}</h2>", _table(table)]
    if page.looks:
        parts += ["<h2>Where it looked while it wrote</h2>", *map(_map, page.looks)]
    head = f'<meta charset="utf-8"><title>{escape(page.title)}</title><style>{_STYLE}</style>'
    return write_atomically(path, f"<!doctype html>\n{head}\n{chr(10).join(parts)}\n".encode())


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [_line(rows[0], "th"), *(_line(row, "td") for row in rows[1:])]
    return f"<table>{chr(10).join(lines)}</table>"


def _line(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f'<{tag} dir="auto">{escape(cell)}</{tag}>' for cell in cells) + "</tr>"


def _map(looks: Looks) -> str:
    """Return a table whose cells are the darker, the more weight a word that was read had."""
    read, written, weights = looks
    lines = [_line(["", *read], "th")]
    for word, row in zip(written, weights):
        cells = (f'<td style="background:{colours.SIGNAL}{round(255 * float(weight)):02x}"></td>' for weight in row)
        lines.append(f"<tr><th>{escape(word)}</th>{''.join(cells)}</tr>")
    return f'<table class="looks">{chr(10).join(lines)}</table>'
