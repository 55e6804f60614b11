"""Files of readings, told apart by the ends of their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from seqae.data.signals.csv_files import read_csv
from seqae.data.signals.json_lines import read_json_lines
from seqae.data.signals.tables import Table, table_of_frame
from seqae.extras import need


def read_parquet(path: Path) -> Table:
    """Read a Parquet file."""
    arrow = need("pyarrow", extra="tables", purpose="reading Parquet")
    try:
        frame = pd.read_parquet(path)
    except (arrow.ArrowException, OSError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"not a sound Parquet file ({path.name}: {why}). Get the file again") from error
    return table_of_frame(frame, name=path.name)


READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}


def read_table(path: Path) -> Table:
    """Read one file.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
    """
    return READERS[_suffix(path)](path)


def files_of(path: Path) -> list[Path]:
    """Return a file itself, or the files of readings in a folder, sorted by name.

    Raises:
        FileNotFoundError: There is no such file or folder, or no file of readings in the folder.
        ValueError: The name of the file does not tell what it holds, or it is a pipe or a device.
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
