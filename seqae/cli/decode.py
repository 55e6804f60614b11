"""`seqae decode`: the sequences of codes, such as those that `seqae encode` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqae.cli.json_report import json_report
from seqae.cli.messages import existing
from seqae.cli.outputs import ARRAYS, TABLES, Format, output_path, refuse_to_overwrite, write_sequences
from seqae.cli.session import ENDINGS, model_in, saved_in

if TYPE_CHECKING:
    import numpy as np


def decode_file(
    model: Path,
    codes: Path,
    *,
    lengths: tuple[int, ...] = (),
    out: Path = Path(),
    format: Format | None = None,
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """Write the sequences that codes stand for, in the units of the data.

    Readings with names of channels go into one table, with the name of the sequence and the number of the step in each
    row; other readings and frames into a .npz file, each by its name; texts into a .txt file, one a line. Of
    audio these are log-mel frames.

    With --json: model, kind, sequences, written.

    Example:
        seqae decode pump codes.csv
        seqae decode pump codes.npy --lengths 50 --out waves.npz

    Args:
        model: folder of a saved model, or of a run that holds one
        codes: table with columns code_0, code_1, ... (.csv, .parquet, .jsonl), or array (code, number) (.npy, .npz)
        lengths: steps of each sequence, or of all; by default the column length of the codes, else the model tells
        out: folder for the result, or its file
        format: format of a table; by default as --out ends
        overwrite: replace results that are there already
        json: print one JSON object on standard output, and all else on standard error
    """
    from seqae.cli.abilities import abilities_of

    with json_report(json) as report:
        folder = saved_in(model)
        existing(codes)
        saved = model_in(folder)
        abilities = abilities_of(saved, folder, "decode")
        assert abilities.decode is not None
        given = read_codes(codes)
        endings: Sequence[str] = ENDINGS[abilities.writes]
        if abilities.channels:
            endings = (*TABLES, ARRAYS)
        path = output_path([codes], "decoded", out, format, endings).table
        refuse_to_overwrite([path], [codes], overwrite)
        found = abilities.decode(given.values, _lengths(lengths, given))
        write_sequences(dict(zip(given.names, found, strict=True)), path, abilities.channels)
        print(f"decoded {len(found):,} sequences")
        print(f"wrote  {path}")
        report |= {"model": folder, "kind": type(saved).__name__, "sequences": len(found), "written": [path]}


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes in a file.

    Attributes:
        values: `(code, number)` float64.
        names: The name of each, which are all different.
        lengths: The steps of the sequence that each was made of, `(code,)`; None if the file does not tell.
    """

    values: np.ndarray
    names: list[str]
    lengths: np.ndarray | None = None


def read_codes(path: Path) -> Codes:
    """Return the codes in a file.

    Raises:
        ValueError: There are none, or one is no finite number.
    """
    import numpy as np

    found = _from_array(path) if path.suffix.lower() in (".npy", ".npz") else _from_table(path)
    wrong = np.argwhere(~np.isfinite(found.values))
    if len(wrong):
        raise ValueError(
            f"code_{wrong[0][1]} of row {wrong[0][0]} is missing or infinite ({path.name}). Leave the row out"
        )
    if found.lengths is not None and (found.lengths.dtype.kind not in "iu" or found.lengths.min() < 1):
        raise ValueError(f"the column length of {path.name} does not hold whole numbers from 1 on. Correct it")
    return found


def _from_table(path: Path) -> Codes:
    import numpy as np

    from seqae.data.signals.formats.files import read_table
    from seqae.data.signals.options import ReadingOptions

    columns = read_table(path, ReadingOptions()).columns
    names = [name for name in columns if name.startswith("code_") and name[5:].isdecimal()]
    if not names or set(names) != {f"code_{number}" for number in range(len(names))}:
        raise ValueError(f"no columns code_0, code_1, ... ({path.name}). Expected codes as seqae encode writes them")
    try:
        values = [np.asarray(columns[f"code_{number}"], dtype=np.float64) for number in range(len(names))]
    except ValueError as error:
        raise ValueError(f"a code is no number ({path.name}: {error}). Expected numbers in code_0, ...") from None
    called = [str(name) for name in columns.get("name", ())]
    if len(set(called)) < len(values[0]):
        called = [str(number) for number in range(len(values[0]))]
    return Codes(np.stack(values, axis=1), called, np.array(columns["length"]) if "length" in columns else None)


def _from_array(path: Path) -> Codes:
    values = _array(path)
    return Codes(values, [str(number) for number in range(len(values))])


def _array(path: Path) -> np.ndarray:
    import numpy as np

    from seqae.data._files.array_files import read_npy, read_npz

    arrays = {path.name: read_npy(path)} if path.suffix.lower() == ".npy" else read_npz(path)
    if len(arrays) != 1 or next(iter(arrays.values())).ndim != 2:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise ValueError(f"{path.name} holds {shapes}. Expected one array of codes, (code, number)")
    return np.array(next(iter(arrays.values())), dtype=np.float64)


def _lengths(asked: tuple[int, ...], codes: Codes) -> np.ndarray | None:
    """Return the length of each code, None if the model is to tell it.

    Raises:
        ValueError: There is not one length for all, or one for each code; or one is below 1.
    """
    import numpy as np

    if not asked:
        return codes.lengths
    if len(asked) not in (1, len(codes.values)) or min(asked) < 1:
        raise ValueError(
            f"lengths={list(asked)} for {len(codes.values)} codes. Expected one for all or one for each, from 1 on"
        )
    return np.broadcast_to(np.array(asked), (len(codes.values),)).copy()
