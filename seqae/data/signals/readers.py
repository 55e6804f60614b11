"""Readers of files of readings, by the endings of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seqae._extras import require
from seqae.data._files.archives import max_unpacked
from seqae.data.signals.csv_files import read_csv
from seqae.data.signals.json_lines import read_json_lines
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
    with _named(path), parquet.ParquetFile(path) as file:
        size = sum(_bytes_told(file.metadata.row_group(number), file.schema) for number in range(file.num_row_groups))
        schema, texts = file.schema_arrow, [each.path for each in file.schema if each.physical_type == "BYTE_ARRAY"]
    _refuse_bomb(size, path)
    with _named(path):  # each different text is read once: a small file may repeat a long one very often
        table = parquet.read_table(path, read_dictionary=texts)
    _refuse_bomb(sum(map(_bytes_of_texts, table.columns)), path)
    with _named(path):
        frame = table.cast(schema).to_pandas()
    return table_of_frame(frame, name=path.name)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the name of the file to errors: for a damaged one Arrow and pandas raise errors of all kinds."""
    try:
        yield
    except Exception as error:
        why = " ".join(f"{error}".split())
        raise ValueError(f"a damaged Parquet file ({path.name}: {why[:300]}). Get the file again") from error


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


def _refuse_bomb(size: int, path: Path) -> None:
    largest = max_unpacked(path.stat().st_size)
    if size > largest:
        raise ValueError(
            f"{path.name} unpacks to {size:,} bytes, far more than its size explains. Expected {largest:,} at most. "
            "If you trust it, read it with pandas and pass the frame"
        )


READERS: dict[str, Callable[[Path, ReadingOptions], Table]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}


def read_table(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a file.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
    """
    return READERS[_suffix(path)](path, options)


def files_of(path: Path) -> list[Path]:
    """Return a file itself, or the files of readings in a folder, sorted by name.

    Raises:
        FileNotFoundError: There is no such file or folder, or no file of readings in the folder.
        ValueError: The file has an unknown ending, or is a pipe or a device.
    """
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {str(path)!r}. Check the path")
    expected = f"Expected names that end in {', '.join(READERS)}; text may be gzipped (.csv.gz)"
    if path.is_file():
        if _suffix(path) not in READERS:
            raise ValueError(f"cannot tell what {path.name!r} holds. {expected}. Rename it")
        return [path]
    if not path.is_dir():
        raise ValueError(f"neither a file nor a folder ({str(path)!r}). Expected one of them. Save what it gives first")
    files = sorted(file for file in path.iterdir() if _suffix(file) in READERS and not file.name.startswith("."))
    if not files:
        raise FileNotFoundError(f"no readings in the folder {str(path)!r}. {expected}")
    return files


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix
