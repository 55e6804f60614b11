"""The files that commands write: their paths, and writing them whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqae._extras import require
from seqae._files import atomic_write
from seqae.cli.file_names import file_stem

if TYPE_CHECKING:
    import numpy as np
    import pandas

Format = Literal["csv", "parquet", "jsonl"]
TABLES = (".csv", ".parquet", ".jsonl")  # the endings of tables
ARRAYS, TEXTS = ".npz", ".txt"


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
    _check_ending(out, format, what, TABLES)
    if out.suffix in TABLES:
        if len(names) > 1:
            raise ValueError(f"--out {out} is one file, for {len(names)} recordings. Give a folder")
        return [OutputPaths(out, out.stem)]
    stems = [file_stem(name) or "recording" for name in names]
    stem, count = Counter(map(str.casefold, stems)).most_common(1)[0]  # a file system may not tell cases apart
    if count > 1:
        raise ValueError(f"{count} recordings are called {stem}, and so would their results. Give them one at a time")
    return [OutputPaths(out / f"{stem}_{what}.{format or 'csv'}", stem) for stem in stems]


def output_path(
    files: Sequence[Path], what: str, out: Path, format: Format | None, endings: Sequence[str]
) -> OutputPaths:
    """Return the path for the only result of a command.

    Args:
        files: The files and folders that are read; a single one names the result.
        what: The content, such as "codes".
        out: A folder, or the file itself if it ends as one of the endings.
        format: The format of a table; by default as `out` ends, else the first of the endings.
        endings: The endings that the result may have.

    Raises:
        ValueError: `out` ends in another way, or `out` and `format` disagree.
    """
    _check_ending(out, format, what, endings)
    if out.suffix in endings:
        return OutputPaths(out, out.stem)
    ending = f".{format}" if format else endings[0]
    if ending not in endings:
        raise ValueError(f"--format {format} for {what}. Expected a file that ends in {', '.join(endings)}")
    stem = file_stem(files[0].resolve().name) if len(files) == 1 else ""
    return OutputPaths(out / f"{stem}_{what}{ending}".lstrip("_"), stem or what)


def _check_ending(out: Path, format: Format | None, what: str, endings: Sequence[str]) -> None:
    if out.suffix in endings and format and out.suffix != f".{format}":
        raise ValueError(f"--out {out} does not end in .{format}. Give an ending and a --format that agree")
    if out.suffix in (*TABLES, ARRAYS, TEXTS) and out.suffix not in endings and not out.is_dir():
        raise ValueError(f"--out {out} ends in {out.suffix}. Expected {', '.join(endings)} for {what}, or a folder")


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


def write_sequences(
    sequences: Mapping[str, np.ndarray] | Mapping[str, str], path: Path, channels: Sequence[str] = ()
) -> None:
    """Write sequences by their names, in the format of the ending of the path.

    Arrays go into a .npz file, each by its name, or into one table with the name and the number of the step in each
    row; texts into a .txt file, one a line, or into a table.

    Args:
        sequences: Arrays `(time,)`, `(time, channel)` or `(time, channel, height, width)`, or texts.
        path: The file.
        channels: The names of the channels in a table; numbers if empty.

    Raises:
        ValueError: A text has several lines, or frames were to be a table.
    """
    if path.suffix == ARRAYS:
        _write_arrays(sequences, path)
    elif path.suffix == TEXTS:
        _write_lines(sequences, path)
    else:
        write_table(_long_table(sequences, channels, path), path)


def _write_arrays(arrays: Mapping[str, Any], path: Path) -> None:
    import zipfile

    import numpy as np

    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


def _write_lines(texts: Mapping[str, Any], path: Path) -> None:
    for name, text in texts.items():
        if "\n" in text:
            raise ValueError(f"text {name} has several lines ({path.name}). Write a table: --out {path.stem}.jsonl")
    with atomic_write(path) as temporary:
        temporary.write_text("".join(f"{text}\n" for text in texts.values()), encoding="utf-8")


def _long_table(sequences: Mapping[str, Any], channels: Sequence[str], path: Path) -> pandas.DataFrame:
    """One row for each step, or for each text."""
    import numpy as np
    import pandas

    if all(isinstance(item, str) for item in sequences.values()):
        return pandas.DataFrame({"name": list(sequences), "text": list(sequences.values())})
    arrays = [array[:, None] if array.ndim == 1 else array for array in map(np.asarray, sequences.values())]
    if arrays[0].ndim > 2:
        raise ValueError(f"steps of shape {arrays[0].shape[1:]} for a table ({path.name}). Write --out {path.stem}.npz")
    lengths = list(map(len, arrays))
    index = pandas.DataFrame({
        "name": np.repeat(np.array(list(sequences), dtype=object), lengths),
        "step": np.concatenate([np.arange(length) for length in lengths]),
    })  # fmt: skip
    names = list(channels) or [f"channel_{number}" for number in range(arrays[0].shape[1])]
    return pandas.concat([index, pandas.DataFrame(np.concatenate(arrays), columns=names)], axis=1)
