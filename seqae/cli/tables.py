"""Plain tables on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence


def show_table(header: Sequence[str], rows: Iterable[Sequence[object]], tabs: bool = False) -> None:
    """Print columns under their headings; without headings if these are empty.

    Long cells are wrapped to the width of a terminal, and never when the output goes to a file or a pipe.

    Args:
        header: The heading of each column.
        rows: The cells of each row.
        tabs: Separate the columns by tabs when the output goes to a file or a pipe, for other programs to read.
    """
    if tabs and not sys.stdout.isatty():
        for row in [header, *rows]:
            print("\t".join(" ".join(str(cell).split()) for cell in row))
        return

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=any(header), header_style="bold")
    for index, heading in enumerate(header):
        table.add_column(heading, no_wrap=index == 0)  # a name that is cut cannot be typed
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # Text: brackets in a name are not markup
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else 10_000, highlight=False).print(table)
