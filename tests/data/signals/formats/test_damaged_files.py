"""Files that break off, have changed bytes, or hold something else than they say: refused by name in one line."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import netcdf_file, savemat

from seqae.data.signals.loading import as_recordings
from seqae.data.signals.recordings import Recording

VALUES = np.random.default_rng(0).normal(size=(200, 2)).round(3)
FRAME = pd.DataFrame(VALUES, columns=["a", "b"])
FRACTIONS = [0.001, *np.linspace(0, 1, 12)[1:-1], 0.97, 0.99, 0.999]


def write_feather(path: Path) -> None:
    FRAME.to_feather(path)


def write_parquet(path: Path) -> None:
    FRAME.to_parquet(path)


def write_json(path: Path) -> None:
    path.write_text(json.dumps(FRAME.to_dict("list")))


def write_xlsx(path: Path) -> None:
    FRAME.to_excel(path, index=False)


def write_npz(path: Path) -> None:
    np.savez_compressed(path, a=VALUES[:, 0], b=VALUES[:, 1])


def write_mat(path: Path) -> None:
    savemat(path, {"a": VALUES[:, :1], "b": VALUES[:, 1:]}, do_compression=True)


def write_h5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file["a"], file["b"] = VALUES.T


def write_nc(path: Path) -> None:
    with netcdf_file(path, "w") as file:
        file.createDimension("row", len(VALUES))
        for name, values in zip("ab", VALUES.T):
            file.createVariable(name, "d", ("row",))[:] = values


def write_nc4(path: Path) -> None:
    import h5netcdf

    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"row": len(VALUES)}
        for name, values in zip("ab", VALUES.T):
            file.create_variable(name, ("row",), data=values)


def write_edf(path: Path) -> None:
    import pyedflib

    with pyedflib.EdfWriter(str(path), 2) as file:
        for number, name in enumerate("ab"):
            file.setSignalHeader(number, pyedflib.highlevel.make_signal_header(name, sample_frequency=20))
        file.writeSamples(list(VALUES.T))


def write_tdms(path: Path) -> None:
    import nptdms

    with nptdms.TdmsWriter(path) as writer:
        writer.write_segment([nptdms.ChannelObject("run", name, values) for name, values in zip("ab", VALUES.T)])


def write_mf4(path: Path) -> None:
    import asammdf

    times = np.arange(len(VALUES)) * 0.1
    with asammdf.MDF() as file:
        file.append([asammdf.Signal(values, times, name=name) for name, values in zip("ab", VALUES.T)])
        file.save(path, overwrite=True, compression=2)


WRITERS = {
    ".parquet": write_parquet, ".feather": write_feather, ".json": write_json, ".xlsx": write_xlsx, ".npz": write_npz,
    ".mat": write_mat, ".h5": write_h5, ".nc": write_nc, ".nc4": write_nc4, ".edf": write_edf, ".tdms": write_tdms,
    ".mf4": write_mf4,
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a function that returns the bytes of a whole file of each format."""
    folder, written = tmp_path_factory.mktemp("whole"), {}

    def whole(ending: str) -> bytes:
        if ending not in written:
            WRITERS[ending](folder / f"run{ending}")
            written[ending] = (folder / f"run{ending}").read_bytes()
        return written[ending]

    return whole


def read_or_refused(path: Path) -> Recording | None:
    try:
        (recording,) = as_recordings(path)
    except ValueError as error:
        assert path.name in str(error) and "\n" not in str(error) and len(str(error)) < 700
        return None
    return recording


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.filterwarnings("ignore")
def test_what_breaks_off_is_refused_or_said_to_be_cut(tmp_path, whole, ending):
    path, refused = tmp_path / f"run{ending}", 0
    path.write_bytes(whole(ending))
    complete = read_or_refused(path)
    np.testing.assert_allclose(complete.values, VALUES, atol=0 if ending != ".edf" else 1)
    for share in FRACTIONS:
        path.write_bytes(whole(ending)[: int(share * len(whole(ending)))])
        found = read_or_refused(path)
        refused += found is None
        if found is not None and len(found) < len(complete):
            assert ending == ".tdms" and any("not closed" in warning for warning in found.warnings), share
        if found is not None:
            np.testing.assert_array_equal(found.values, complete.values[: len(found)])
    assert refused > len(FRACTIONS) / 2 or ending == ".tdms"


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.filterwarnings("ignore")
def test_a_changed_byte_is_refused_by_name_or_read(tmp_path, whole, ending):
    path, random = tmp_path / f"run{ending}", np.random.default_rng(0)
    for place in [*range(0, 64, 8), *random.integers(64, len(whole(ending)), 8)]:
        changed = bytearray(whole(ending))
        changed[place] ^= int(random.integers(1, 256))
        path.write_bytes(changed)
        read_or_refused(path)


@pytest.mark.parametrize("ending", [*WRITERS, ".csv", ".npy", ".bdf", ".hea", ".ods", ".txt"])
def test_an_empty_file_is_refused(tmp_path, ending):
    (tmp_path / f"run{ending}").write_bytes(b"")
    with pytest.raises(ValueError, match=rf"empty file \(run{ending}\)"):
        as_recordings(tmp_path / f"run{ending}")


@pytest.mark.parametrize("ending", [ending for ending in WRITERS if ending != ".json"])
def test_a_file_under_the_name_of_another_format_is_told_by_its_content(tmp_path, whole, ending):
    for name in ("run.csv", "run.log", "run.jsonl"):
        (tmp_path / name).write_bytes(whole(ending))
        with pytest.raises(ValueError, match=rf"{name} holds .*Rename it to run\.\w+") as caught:
            as_recordings(tmp_path / name)
        (tmp_path / name).rename(tmp_path / str(caught.value).rpartition(" ")[2])
        assert len(as_recordings(tmp_path / str(caught.value).rpartition(" ")[2])[0]) == len(VALUES)


@pytest.mark.parametrize("ending", [".xls", ".xlsx", ".parquet", ".h5", ".mat", ".sav"])
def test_a_text_under_the_name_of_another_format_is_told_by_its_content(tmp_path, ending):
    path = tmp_path / f"run{ending}"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=rf"run{ending} holds text.*Rename it to run.csv"):
        as_recordings(path)
    path.write_text("<html><table><tr><td>1</td></tr></table></html>")
    with pytest.raises(ValueError, match=rf"run{ending} holds a web page.*save it as .xlsx"):
        as_recordings(path)


def test_a_gzipped_workbook_is_no_text(tmp_path, whole):
    (tmp_path / "run.csv.gz").write_bytes(gzip.compress(whole(".xlsx")))
    with pytest.raises(ValueError, match=r"run.csv.gz"):
        as_recordings(tmp_path / "run.csv.gz")


OWN = {  # the packages that reading each format loads
    ".csv": set(),
    ".json": set(),
    ".npz": set(),
    ".mat": set(),
    ".nc": set(),
    ".edf": {"pyedflib"},
    ".tdms": {"nptdms"},
    ".h5": {"h5py"},
    ".nc4": {"h5netcdf"},
    ".xlsx": {"openpyxl"},
    ".parquet": {"pyarrow.parquet"},
}


def test_reading_a_format_loads_the_packages_of_no_other(tmp_path, whole):
    for ending in OWN:
        (tmp_path / f"run{ending}").write_bytes(whole(ending) if ending in WRITERS else b"a,b\n1,2\n")
    watched = {*set().union(*OWN.values()), "asammdf", "wfdb", "python_calamine", "matplotlib", "torch"}
    script = f"""
import sys, seqae
before = set()
for ending in {list(OWN)!r}:
    assert len(seqae.as_recordings({str(tmp_path / "run")!r} + ending)) == 1
    loaded = {watched!r} & set(sys.modules)
    print(ending, *loaded - before)
    before |= loaded
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [" ".join([ending, *packages]) for ending, packages in OWN.items()]
