"""Rows of many entities in Parquet files: where they are, and reading them in bounded memory."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pandas as pd

from seqae._extras import require
from seqae._files import only_files
from seqae.anomaly.bulk.rows import FILE, RowReader, entity_codes
from seqae.data.signals.formats.folders import CALENDAR
from seqae.data.signals.names import format_names, suggest
from seqae.data.signals.options import ReadingOptions

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

ENDINGS = (".parquet", ".pq")
READ_ROWS = 2**16  # rows that are read together
_BUFFER = 2**20  # bytes that are read of a column at once
_UNKNOWN = "__HIVE_DEFAULT_PARTITION__"  # a folder of rows without a value


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A Parquet file of a data set.

    Attributes:
        path: Where it is.
        name: Its path within the data set.
        root: The name of the data set.
        keys: The values of the columns that folders such as machine=m1 stand for.
    """

    path: Path
    name: str
    root: str
    keys: dict[str, str]

    @property
    def fixed(self) -> dict[str, str]:
        """The values of all columns that are the same in all rows of the file, and are not in it."""
        return self.keys | {FILE: str(Path(self.name).with_suffix(""))}


@dataclass(frozen=True, eq=False)
class Piece:
    """A row group of a file.

    Attributes:
        file: The file.
        group: The number of the row group in it.
        first: The number of its first row in the file.
        entities: The entities that have rows in it, `(entity,)` int64, as positions in all entities.
        counts: How many rows each of them has, `(entity,)` int64.
    """

    file: SourceFile
    group: int
    first: int
    entities: np.ndarray
    counts: np.ndarray

    def rows_of(self, entities: Collection[int]) -> int:
        """Return how many rows these entities have here."""
        return int(self.counts[np.isin(self.entities, list(entities))].sum())


@dataclass(frozen=True, eq=False)
class EntityRows:
    """Consecutive rows of an entity.

    Attributes:
        entity: The entity, as a position in all entities.
        values: `(row, channel)` float64, NaN where a value is missing.
        times: `(row,)`, datetime64[ns] or float64 seconds; None if there are none.
    """

    entity: int
    values: np.ndarray
    times: np.ndarray | None


class RowSource:
    """The rows of many entities in Parquet files, in the order of time.

    Files are put into the order of their first rows; within a file, rows stay as they are. Only the columns that are
    needed are read, and only the row groups that hold rows of the entities that are asked for.

    Args:
        data: Files, and folders of files at any depth; folders such as machine=m1 stand for columns.
        options: How the tables are read.
        remembered: Options that hold where none is given, see `RowReader`.
        channels: The channels to read; those of the first file if None.

    Attributes:
        entities: The names of all entities, sorted.
        counts: How many rows each has, `(entity,)` int64.
        pieces: The row groups that hold rows.
        files: All files.
        reader: Reads the readings in rows.

    Raises:
        FileNotFoundError: There is no Parquet file.
        ValueError: The files cannot be read without guessing; the message names location and remedy.
        MissingExtra: pyarrow is not installed.
    """

    def __init__(
        self,
        data: Sequence[Path],
        options: ReadingOptions,
        remembered: ReadingOptions | None = None,
        channels: Sequence[str] | None = None,
    ):
        self.files = [file for path in data for file in _files_in(Path(path))]
        self._refuse_empty(data)
        keys = tuple(self.files[0].keys)
        first = self.files[0].name
        self.reader = RowReader(self._first_rows(), options, remembered, channels, (*keys, FILE), first)
        self.by = tuple(self.reader.options.by)
        if not self.by and (apart := [key for key in keys if key.lower() not in CALENDAR]):
            raise ValueError(
                f"folders of {format_names(keys)} ({first}). Name those that tell machines apart: by={apart[0]!r}, or "
                f"by={FILE!r} if each file is one machine"
            )
        self.files = [self.files[number] for number in self._order()]
        found = list(self._catalogue())
        self.entities = tuple(sorted({name for *_, names, _ in found for name in names}))
        self._position = {name: number for number, name in enumerate(self.entities)}
        self.pieces = [
            Piece(file, group, first, np.array([self._position[name] for name in names], dtype=np.int64), counts)
            for file, group, first, names, counts in found
        ]
        self.counts = np.zeros(len(self.entities), dtype=np.int64)
        for piece in self.pieces:
            self.counts[piece.entities] += piece.counts

    def blocks(self, piece: Piece, entities: Collection[int], skip: int = 0) -> Iterator[tuple[int, list[EntityRows]]]:
        """Yield the rows of some entities in a row group, bit by bit.

        Args:
            piece: The row group.
            entities: The entities, as positions in `entities`.
            skip: How many rows of the row group to leave out.

        Yields:
            How many rows of the row group have been read, and those of these entities among the latest, of each
            together.
        """
        done = 0
        for frame in self._frames(piece.file, piece.group, [*self._own_by(piece.file), *self.reader.columns]):
            start, done = done, done + len(frame)
            if done <= skip:
                continue
            if start < skip:  # rows are skipped as they were read
                raise ValueError(
                    f"{piece.file.name} is said to be read up to row {skip}, where no read ends. Delete the folder of "
                    "unfinished work to start again"
                )
            yield done, list(self._split(frame, piece, piece.first + start, set(entities)))

    def _split(self, frame: pd.DataFrame, piece: Piece, first: int, entities: set[int]) -> Iterator[EntityRows]:
        """Yield the rows of each of the entities."""
        name = piece.file.name
        if len(piece.entities) == 1:
            (entity,) = piece.entities.tolist()
            readings = self.reader.read(frame, name, first)
            yield EntityRows(entity, readings.values, readings.times)
            return
        machines = entity_codes(self._by_columns(frame, piece.file), name, first)
        numbers = [self._position[each] for each in machines.names]
        readings = self.reader.read(frame, name, first)
        for code in np.argsort(numbers).tolist():
            if (entity := int(numbers[code])) in entities:
                own = machines.codes == code
                times = None if readings.times is None else readings.times[own]
                yield EntityRows(entity, readings.values[own], times)

    def _by_columns(self, frame: pd.DataFrame, file: SourceFile) -> list[pd.Series]:
        """Return the columns that tell the entities apart."""
        return [
            frame[name] if name in frame.columns else pd.Series([file.fixed[name]] * len(frame), name=name)
            for name in self.by
        ]

    def _own_by(self, file: SourceFile) -> list[str]:
        """Return the columns in a file itself that tell the entities apart."""
        return [name for name in self.by if name not in file.fixed]

    def _only_machine(self, file: SourceFile) -> str | None:
        """Return the machine of all rows of a file; None if columns tell."""
        if self.by:
            known = [file.fixed[name] for name in self.by if name in file.fixed]
            return " / ".join(known) if len(known) == len(self.by) else None
        return self.reader.options.entity or (file.root if file.keys else file.fixed[FILE])

    def _first_rows(self) -> pd.DataFrame:
        """Return the first rows of the first file, with all columns."""
        with _opened(self.files[0]) as parquet:
            batch = next(parquet.iter_batches(batch_size=1000), None)
            assert batch is not None, "files without rows were left out"
            return batch.to_pandas(ignore_metadata=True)

    def _order(self) -> np.ndarray:
        """Return the files in the order of their first rows, `(file,)`."""
        first = []
        for file in self.files:
            with _opened(file) as parquet:
                columns = _present(parquet, self.reader.columns, file)
                first.append(next(parquet.iter_batches(batch_size=1, columns=columns)).to_pandas(ignore_metadata=True))
        times = self.reader.read(pd.concat(first, ignore_index=True), "the first rows of the files").times
        return np.arange(len(first)) if times is None else np.argsort(times, kind="stable")

    def _catalogue(self) -> Iterator[tuple[SourceFile, int, int, list[str], np.ndarray]]:
        """Yield file, number, first row, entities and rows of each, for each row group."""
        for file in self.files:
            only = self._only_machine(file)
            with _opened(file) as parquet:
                sizes = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
            first = 0
            for group, size in enumerate(sizes):
                counts = {only: size} if only is not None else self._counted(file, group, first)
                if size:
                    yield file, group, first, list(counts), np.array(list(counts.values()))
                first += size

    def _counted(self, file: SourceFile, group: int, first: int) -> dict[str, int]:
        """Return how many rows each entity has in a row group."""
        counts: dict[str, int] = {}
        for frame in self._frames(file, group, self._own_by(file)):
            machines = entity_codes(self._by_columns(frame, file), file.name, first)
            for name, count in zip(machines.names, np.bincount(machines.codes).tolist()):
                counts[name] = counts.get(name, 0) + count
            first += len(frame)
        return counts

    def _frames(self, file: SourceFile, group: int, columns: list[str]) -> Iterator[pd.DataFrame]:
        with _opened(file) as parquet:
            present = _present(parquet, columns, file)
            for batch in parquet.iter_batches(READ_ROWS, row_groups=[group], columns=present, use_threads=False):
                yield batch.to_pandas(ignore_metadata=True)

    def _refuse_empty(self, data: Sequence[Path]) -> None:
        rows = []
        for file in self.files:
            with _opened(file) as parquet:
                rows.append(parquet.metadata.num_rows)
        self.files = [file for file, count in zip(self.files, rows) if count]
        if not self.files:
            shown = ", ".join(map(str, data))
            raise FileNotFoundError(
                f"no Parquet files with rows ({shown}). Expected files that end in {' or '.join(ENDINGS)}"
            )


def _files_in(path: Path) -> list[SourceFile]:
    """Return the Parquet files in a folder at any depth, sorted by their paths, or a file itself."""
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {str(path)!r}. Check the path")
    if path.is_file():
        if path.suffix not in ENDINGS:
            raise ValueError(f"{path.name} is no Parquet file. Expected files that end in {' or '.join(ENDINGS)}")
        return [SourceFile(path, path.name, path.stem, {})]
    found = []
    for inner in only_files(sorted(_below(path))):
        parts = inner.relative_to(path).parts
        if not any(part.startswith((".", "_")) for part in parts):
            pairs = [part.partition("=") for part in parts[:-1]]
            keys = {unquote(key): unquote(value) for key, sign, value in pairs if sign and value != _UNKNOWN}
            found.append(SourceFile(inner, "/".join(parts), path.resolve().name, keys))
    return found


def _below(folder: Path) -> Iterator[Path]:
    """Yield the Parquet files below a folder; a folder that links lead to again is read once."""
    seen: set[str] = set()
    for inside, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(inside))
        folders[:] = [name for name in folders if os.path.realpath(Path(inside, name)) not in seen]
        yield from (Path(inside, name) for name in names if name.endswith(ENDINGS))


def _present(parquet: ParquetFile, columns: Sequence[str], file: SourceFile) -> list[str]:
    """Return the columns to read.

    Raises:
        ValueError: A file lacks one.
    """
    names = parquet.schema_arrow.names
    for name in columns:
        if name not in names:
            raise ValueError(f"no column {name!r} ({file.name}){suggest(name, [*file.keys, *names])}")
    return list(columns)


@contextmanager
def _opened(file: SourceFile) -> Iterator[Any]:
    """Open a Parquet file; errors of Arrow name it."""
    arrow = require("pyarrow", extra="tables", purpose="reading Parquet")
    parquet = require("pyarrow.parquet", extra="tables", purpose="reading Parquet")
    try:
        with parquet.ParquetFile(file.path, buffer_size=_BUFFER, pre_buffer=False) as opened:
            yield opened
    except (arrow.ArrowException, OSError) as error:
        why = " ".join(f"{error}".split())
        raise ValueError(f"a damaged Parquet file ({file.name}: {why[:300]}). Get the file again") from error
