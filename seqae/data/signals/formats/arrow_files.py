"""Feather and Arrow files, and Arrow data in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seqae._extras import require
from seqae._files import read_file
from seqae.data.signals.formats.ipc_sizes import unpacked_bytes
from seqae.data.signals.formats.signals import damage_named, refuse_bomb
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table, table_of_frame

_FILE = b"ARROW1"  # how files begin that have an index at their end; others are streams


def read_arrow_file(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a Feather or Arrow file, with an index at its end or as a stream.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    arrow = require("pyarrow", extra="tables", purpose="reading Arrow files")
    with damage_named(path, "Arrow"):
        data = arrow.py_buffer(read_file(path))
        size = unpacked_bytes(data)
    refuse_bomb(size, path)
    with damage_named(path, "Arrow"):
        is_file = data[: len(_FILE)].to_pybytes() == _FILE
        reader = arrow.ipc.open_file(data) if is_file else arrow.ipc.open_stream(data)
        table = reader.read_all()
        table.validate(full=True)
        frame = table.to_pandas()
    return table_of_frame(frame, path.name)


def table_of_arrow(data: Any, where: str = "") -> Table:
    """Make a table of Arrow data in memory: a table, a record batch, a reader of them, or what offers itself as one.

    Raises:
        ValueError: It is no table.
    """
    arrow = require("pyarrow", extra="tables", purpose="reading Arrow tables")
    try:
        if hasattr(data, "to_table"):  # a data set
            table = data.to_table()
        elif hasattr(data, "__arrow_c_array__"):  # a batch
            table = arrow.table(data)
        else:
            table = arrow.RecordBatchReader.from_stream(data).read_all()
    except (TypeError, arrow.ArrowException) as error:
        raise ValueError(
            f"{where or type(data).__name__} cannot be read as an Arrow table: {error}. Pass a table"
        ) from error
    return table_of_frame(table.to_pandas(), where=where)
