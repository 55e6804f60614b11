"""The files that commands write: their paths, and writing them whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqae._extras import require
from seqae._files import atomic_write

if TYPE_CHECKING:
    import pandas

Format = Literal["csv", "parquet", "jsonl"]
_ENDINGS = (".csv", ".parquet", ".jsonl")


@dataclass(frozen=True)
class OutputPaths:
    """The paths for the results of one recording.

    Attributes:
        table: The file with one row per row or window.
        stem: The beginning of the names of files beside it.
    """

    table: Path
    stem: str

    def beside(self, ending: str) -> Path:
        """Return the path of a file beside the table."""
        return self.table.with_name(self.stem + ending)


def output_paths(names: Sequence[str], what: str, out: Path, format: Format | None) -> list[OutputPaths]:
    """Return the paths for each recording.

    Args:
        names: The names of the recordings.
        what: The content of the tables, such as "scores": part of their names in a folder.
        out: A folder, or the file itself if it ends in .csv, .parquet or .jsonl.
        format: The format of the tables; by default as `out` ends, else csv.

    Raises:
        ValueError: Two recordings would have the same paths, or `out` and `format` disagree.
    """
    if out.suffix in _ENDINGS:
        if len(names) > 1:
            raise ValueError(f"--out {out} is one file, for {len(names)} recordings. Give a folder")
        if format and out.suffix != f".{format}":
            raise ValueError(f"--out {out} does not end in .{format}. Give an ending and a --format that agree")
        return [OutputPaths(out, out.stem)]
    stems = [_stem(name) or "recording" for name in names]
    stem, count = Counter(stems).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} recordings are called {stem}, and so would their results. Give them one at a time")
    return [OutputPaths(out / f"{stem}_{what}.{format or 'csv'}", stem) for stem in stems]


def refuse_to_overwrite(targets: Sequence[Path], inputs: Sequence[Path], overwrite: bool) -> None:
    """Raise a FileExistsError if a target exists already, or is an input; before any work is done."""
    sources = {path.resolve() for path in inputs}
    for target in targets:
        if target.resolve() in sources:
            raise FileExistsError(f"{target} is the input. Give another --out")
        if target.exists() and not overwrite:
            raise FileExistsError(f"{target} exists already. Add --overwrite, or give another --out")


def write_table(frame: pandas.DataFrame, path: Path) -> None:
    """Write a table in the format of the ending of the path.

    Raises:
        MissingExtra: It is Parquet, and pyarrow is not installed.
    """
    with atomic_write(path) as temporary:
        if path.suffix == ".parquet":
            require("pyarrow", extra="tables", purpose="a Parquet file")
            frame.to_parquet(temporary, index=False)
        elif path.suffix == ".jsonl":
            exact = {"date_format": "iso", "date_unit": "ns", "double_precision": 15}
            frame.to_json(temporary, orient="records", lines=True, **exact)
        else:
            frame.to_csv(temporary, index=False)


def _stem(name: str) -> str:
    """A file's name without its endings, such as .csv.gz."""
    stem = Path(name).name.removesuffix(".gz")
    return stem.removesuffix(Path(stem).suffix) if Path(stem).suffix in (*_ENDINGS, ".json") else stem
