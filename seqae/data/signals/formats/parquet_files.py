"""Parquet, Feather and Arrow files, and Arrow tables in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seqae._extras import require
from seqae.data.signals.formats.signals import damage_named, refuse_bomb
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table, table_of_frame

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow.parquet import ParquetSchema, RowGroupMetaData


def read_parquet(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a Parquet file.

    Raises:
        ValueError: It is damaged, or unpacks to far more than its size.
    """
    require("pyarrow", extra="tables", purpose="reading Parquet")
    parquet = require("pyarrow.parquet", extra="tables", purpose="reading Parquet")
    with damage_named(path, "Parquet"), parquet.ParquetFile(path) as file:
        size = sum(_bytes_told(file.metadata.row_group(number), file.schema) for number in range(file.num_row_groups))
        schema, texts = file.schema_arrow, [each.path for each in file.schema if each.physical_type == "BYTE_ARRAY"]
    refuse_bomb(size, path)
    with damage_named(path, "Parquet"):  # each different text is read once: a small file may repeat a long one often
        table = parquet.read_table(path, read_dictionary=texts, partitioning=None)
    refuse_bomb(sum(map(_bytes_of_texts, table.columns)), path)
    with damage_named(path, "Parquet"):
        frame = table.cast(schema).to_pandas()
    return table_of_frame(frame, name=path.name)


def _bytes_told(group: RowGroupMetaData, schema: ParquetSchema) -> int:
    """Return how much a part of a file unpacks to by its own account, at least 8 bytes a value."""
    chunks = [(group.column(number), max(schema.column(number).length, 8)) for number in range(group.num_columns)]
    return sum(max(chunk.total_uncompressed_size, width * chunk.num_values) for chunk, width in chunks)


def _bytes_of_texts(column: ChunkedArray) -> int:
    """Return how long the texts of a column are together; 0 for another column."""
    import pyarrow.compute as compute
    from pyarrow import types

    kinds = (types.is_string, types.is_binary, types.is_large_string, types.is_large_binary)
    if not types.is_dictionary(column.type) or not any(kind(column.type.value_type) for kind in kinds):
        return 0
    lengths = [compute.binary_length(piece.dictionary).take(piece.indices) for piece in column.chunks]
    return sum(compute.sum(each).as_py() or 0 for each in lengths)
