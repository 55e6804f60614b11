"""Plain tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def show_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns under their headings; without headings if these are empty.

    Long cells are wrapped to the width of a terminal, and never when the output goes to a file or a pipe.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=any(header), header_style="bold")
    for number, heading in enumerate(header):
        table.add_column(heading, no_wrap=number == 0)  # a name that is cut cannot be typed
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: brackets in a name are not markup
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000, highlight=False).print(table)
