"""The first part of files that are too large to be read in seconds."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from seqae._extras import require
from seqae._files import only_files, open_file

LIMIT = 2**25  # bytes of a file, or of all files of a folder, that are read
PACKED_LIMIT = LIMIT // 8  # gzip packs tables to about that
TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
PARQUET_ROWS = 2**18


@dataclass(frozen=True)
class FileHead:
    """What is read of a large file or folder.

    Attributes:
        data: Its first part: a file, a list of files, or a frame.
        told: Which part that is; "" if it is the whole.
        fraction: Which part of the rows that is, about.
    """

    data: object
    told: str = ""
    fraction: float = 1.0


@contextmanager
def head_of(data: object) -> Iterator[FileHead]:
    """Yield the first part of a file or folder that is large, or what was given as it is."""
    path = Path(data) if isinstance(data, (str, Path)) else None
    if path is not None and path.is_dir():
        yield _first_files(path)
        return
    name = "" if path is None or not path.is_file() else path.name.lower()
    size = path.stat().st_size if path is not None and name else 0
    if path is not None and size > LIMIT and name.endswith((".parquet", ".pq")):
        yield _first_rows(path)
    elif path is not None and size > LIMIT and name.endswith(TEXT_ENDINGS):
        with open_file(path) as file, TemporaryDirectory() as folder:
            start = _whole_lines(file.read(LIMIT))
            told = f"only the first {len(start) / 2**20:.0f} of {size / 2**20:,.0f} MiB were read"
            yield FileHead(_written(start, Path(folder) / path.name), told, len(start) / size)
    elif path is not None and size > PACKED_LIMIT and name.endswith(tuple(f"{each}.gz" for each in TEXT_ENDINGS)):
        with open_file(path) as raw, gzip.GzipFile(fileobj=raw) as file, TemporaryDirectory() as folder:
            start = file.read(LIMIT)
            if len(start) < LIMIT:
                yield FileHead(data)
                return
            fraction = raw.tell() / size
            told = f"only the first {len(start) / 2**20:.0f} MiB were unpacked, about {fraction:.0%} of the file"
            yield FileHead(_written(_whole_lines(start), Path(folder) / path.name.removesuffix(".gz")), told, fraction)
    else:
        yield FileHead(data)


def _whole_lines(text: bytes) -> bytes:
    return text[: text.rfind(b"\n") + 1] or text


def _written(text: bytes, path: Path) -> Path:
    path.write_bytes(text)
    return path


def _first_rows(path: Path) -> FileHead:
    """Return the first rows of a Parquet file as a frame."""
    parquet = require("pyarrow.parquet", extra="tables", purpose="reading Parquet")
    with parquet.ParquetFile(path) as file:
        rows = file.metadata.num_rows
        frame = next(file.iter_batches(batch_size=PARQUET_ROWS)).to_pandas()
    if len(frame) == rows:
        return FileHead(path)
    return FileHead(frame, f"only the first {len(frame):,} of {rows:,} rows were read", len(frame) / rows)


def _first_files(folder: Path) -> FileHead:
    """Return the first files of a folder, sorted by name, as many as can be read in seconds."""
    files = sorted(only_files(each for each in folder.iterdir() if not each.name.startswith(".")))
    sizes = [each.stat().st_size for each in files]
    if not files or sum(sizes) <= LIMIT:
        return FileHead(folder)
    count, total = 0, 0
    while count < len(files) and (count == 0 or total + sizes[count] <= LIMIT):
        total += sizes[count]
        count += 1
    told = f"only the first {count} of {len(files)} files were read"
    return FileHead(files[:count], told, total / sum(sizes))
