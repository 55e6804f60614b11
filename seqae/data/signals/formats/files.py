"""Which reader reads a file of readings: the ending of its name tells, and its first bytes must agree."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seqae._files import open_file, require_file
from seqae.data._files.archives import ZIP, only_member_of, opened_zip
from seqae.data.signals.csv_files import read_csv
from seqae.data.signals.formats.array_tables import read_numpy_array, read_numpy_arrays
from seqae.data.signals.formats.arrow_files import read_arrow_file
from seqae.data.signals.formats.hdf5_files import read_hdf5
from seqae.data.signals.formats.json_files import read_json
from seqae.data.signals.formats.matlab_files import read_matlab
from seqae.data.signals.formats.measurement_files import read_mdf, read_tdms
from seqae.data.signals.formats.medical_files import read_edf, read_wfdb
from seqae.data.signals.formats.netcdf_files import read_netcdf
from seqae.data.signals.formats.parquet_files import read_parquet
from seqae.data.signals.formats.workbooks import read_workbook, read_xlsx
from seqae.data.signals.json_lines import read_json_lines
from seqae.data.signals.names import default_names
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.tables import Table

Reader = Callable[[Path, ReadingOptions], Table]

TEXTS: dict[str, Reader] = {  # which may be packed
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".dat": read_csv,
    ".tab": read_csv,
    ".asc": read_csv,
    ".prn": read_csv,
    ".log": read_csv,
    ".lvm": read_csv,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json,
}
READERS: dict[str, Reader] = TEXTS | {
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".feather": read_arrow_file,
    ".arrow": read_arrow_file,
    ".ipc": read_arrow_file,
    ".arrows": read_arrow_file,
    ".xlsx": read_xlsx,
    ".xlsm": read_xlsx,
    ".xls": read_workbook,
    ".xlsb": read_workbook,
    ".ods": read_workbook,
    ".npy": read_numpy_array,
    ".npz": read_numpy_arrays,
    ".mat": read_matlab,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".hdf": read_hdf5,
    ".nc": read_netcdf,
    ".nc4": read_netcdf,
    ".edf": read_edf,
    ".bdf": read_edf,
    ".hea": read_wfdb,
    ".tdms": read_tdms,
    ".mf4": read_mdf,
    ".mdf": read_mdf,
}
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")


@dataclass(frozen=True)
class Content:
    """What the first bytes of a file tell.

    Attributes:
        name: What it is called.
        start: How such files begin.
        endings: How their names end; the first one is suggested.
        remedy: What to do if a name ends in another way; by default to rename the file.
    """

    name: str
    start: bytes
    endings: tuple[str, ...]
    remedy: str = ""


_OF_ARCHIVE = re.compile(r".*_(TRAIN|TEST)\.(tsv|txt|csv)", re.IGNORECASE)
_MDF = Content("MDF", rb"(MDF {5}|UnFinMF )\d\.\d\d", (".mf4", ".mdf", ".dat"))
_SAVE = "Open it in a program for tables and save it as .xlsx or .csv, without a password"
_TEXT = Content("text", rb"", (*TEXTS, ".hea"), "")

CONTENTS = (
    Content("Parquet", rb"PAR1[\x00-\x1f]", (".parquet", ".pq")),
    Content("an Arrow file", rb"ARROW1\x00\x00", (".feather", ".arrow", ".ipc")),
    Content("an array of numpy", rb"\x93NUMPY", (".npy",)),
    Content("HDF5", rb"\x89HDF\r\n", (".h5", ".hdf5", ".hdf", ".nc", ".nc4", ".mat")),
    Content("a file of MATLAB", rb"MATLAB \d\.\d MAT-file", (".mat",)),
    Content("NetCDF", rb"CDF[\x01\x02\x05]", (".nc", ".nc4")),
    Content("TDMS", rb"TDSm.\x00{3}", (".tdms",)),
    _MDF,
    Content("BDF", rb"\xffBIOSEMI", (".bdf",)),
    Content("EDF", rb"0 {7}.{160}\d\d\.\d\d\.\d\d\d\d\.\d\d\.\d\d", (".edf",)),
    Content("an old Excel workbook, or one with a password", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", (".xls",), _SAVE),
    Content("a PDF document", rb"%PDF-", (), "Expected a table of readings"),
    Content("a data base", rb"SQLite format 3\0", (), "Read it with pandas.read_sql and pass the frame"),
    Content("a web page", rb"(?i:\s*<(!doctype\s+html|html|table)\b)", tuple(TEXTS), _SAVE),
)
_IN_ZIP = (
    Content("an Excel workbook", rb"xl/workbook\.xml", (".xlsx", ".xlsm")),
    Content("an Excel workbook", rb"xl/workbook\.bin", (".xlsb",)),
    Content("an OpenDocument sheet", rb"content\.xml", (".ods",)),
    Content("arrays of numpy", rb".*\.npy", (".npz",)),
)


_MAX_NAME = 500  # characters of a column's name, which errors and options repeat


def read_table(path: Path, options: ReadingOptions) -> Table:
    """Return the table in a file.

    Raises:
        ValueError: It cannot be read without guessing; the message names file and line.
        MissingExtra: The package that reads such files is absent; the message names the command that installs it.
    """
    if require_file(path).stat().st_size == 0:
        raise ValueError(f"empty file ({path.name}). Expected a table of readings")
    refuse_other_content(path)
    ending = ending_of(path)
    table = _read_dat(path, options) if path.suffix.lower() == ".dat" else READERS[ending](path, options)
    if _OF_ARCHIVE.fullmatch(path.name):
        _refuse_classes(table)
    if (longest := max(map(len, table.columns), default=0)) > _MAX_NAME:
        raise ValueError(
            f"a column has a name of {longest:,} characters ({path.name}). Expected {_MAX_NAME} or fewer. Rename it"
        )
    return table


def _refuse_classes(table: Table) -> None:
    """Raise a ValueError if a table is a set of the UCR archive: a row is a sequence, which begins with its class."""
    columns = list(table.columns)
    if tuple(columns) == default_names(len(columns)) and len(columns) > 2:
        raise ValueError(
            f"{table.name} seems to be a set of the UCR archive: a row is a sequence and begins with its class. "
            "Expected a row for each moment. Read it with read_ts(folder, name); if it is a table, rename it"
        )


def refuse_other_content(path: Path) -> None:
    """Raise a ValueError if the first bytes of a file tell that it holds something else than its name says."""
    content = content_of(path)
    if content is not None and named_ending(path) not in content.endings:
        remedy = content.remedy or f"Rename it to {path.stem}{content.endings[0]}"
        raise ValueError(f"{path.name} holds {content.name}, whatever its name says. {remedy}")


def _read_dat(path: Path, options: ReadingOptions) -> Table:
    """Read a file .dat, which may be of text, of a car, or the values of a record of PhysioNet."""
    if content_of(path) is _MDF:
        return read_mdf(path, options)
    return read_wfdb(path, options) if path.with_suffix(".hea").exists() else read_csv(path, options)


def content_of(path: Path) -> Content | None:
    """Return what the first bytes of a file tell, None if they tell nothing."""
    with open_file(path) as file:
        head = file.read(512)
        is_zip = head.startswith(ZIP) and zipfile.is_zipfile(file)
    if is_zip:
        with opened_zip(path) as archive:
            names = [name.encode() for name in archive.namelist()]
        return next((each for each in _IN_ZIP for name in names if re.fullmatch(each.start, name)), None)
    found = next((each for each in CONTENTS if re.match(each.start, head, re.DOTALL)), None)
    is_text = re.fullmatch(rb"[^\x00-\x08\x0e-\x1f\x7f]*", head) and re.search(rb"[\r\n,;\t]", head)
    return _TEXT if found is None and is_text else found


def ending_of(path: Path) -> str:
    """Return the ending that tells what a file holds: of a packed text the one before, of a .zip that of its member."""
    ending = named_ending(path)
    if ending != ".zip":
        return ending
    with opened_zip(path) as archive:
        member = only_member_of(archive, path.name)
    inner = Path(member).suffix.lower()
    if inner not in TEXTS:
        raise ValueError(f"{member!r} in a zip file ({path.name}). Expected {', '.join(TEXTS)}. Unpack it")
    return inner


def named_ending(path: Path) -> str:
    """Return the ending that tells what a file holds, by its name alone; "" if it is none of those that are read.

    That is ".zip" for a zip file whose name does not tell what is in it.
    """
    name = path.name.lower()
    packed = next((ending for ending in PACKED if name.endswith(ending)), None)
    ending = Path(name.removesuffix(packed or "")).suffix
    if packed is None and re.fullmatch(r"\.\d+", ending):
        return ".txt"  # loggers that write the time into the name: 2004.02.12.10.32.39
    if packed is None:
        return ending if ending in READERS else ""
    return ending if ending in TEXTS else ".zip" if packed == ".zip" else ""
