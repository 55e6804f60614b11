import time

import numpy as np
import pandas as pd
import pytest

from seqae.data.signals.formats.files import read_table
from seqae.data.signals.formats.folders import files_of, tables_in
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.options import ReadingOptions

FRAME = pd.DataFrame(
    {"stamp": pd.date_range("2024-01-01", periods=6, freq="12h"), "pressure": np.arange(6.0), "flow": np.arange(6) * 2}
)


@pytest.fixture
def hive(tmp_path):
    """Write the rows of two machines as pyarrow and Spark do, a folder for each machine and day."""
    folder = tmp_path / "plant"
    for machine in ("m1", "m 2"):
        frame = FRAME.assign(machine=machine, date=FRAME["stamp"].dt.strftime("%Y-%m-%d"))
        for date, part in frame.groupby("date"):
            below = folder / f"machine={machine.replace(' ', '%20')}" / f"date={date}"
            below.mkdir(parents=True)
            part.drop(columns=["machine", "date"]).to_parquet(below / "part-0.parquet")
            (below / "_SUCCESS").touch()
            (below / ".part-0.parquet.crc").touch()
    return folder


def test_keys_of_folders_are_columns_of_one_table(hive):
    (table,) = tables_in(hive, ReadingOptions())
    assert list(table.columns) == ["stamp", "pressure", "flow", "machine"] and table.name == "plant"
    assert table.columns["machine"].tolist() == ["m 2"] * 6 + ["m1"] * 6
    assert table.columns["pressure"].tolist() == [*range(6), *range(6)]
    assert any("the key 'date'" in warning for warning in table.warnings)
    assert table.locate(7) == "part-0.parquet, row 1"
    assert len(files_of(hive)) == 6


def test_a_key_that_an_option_names_is_kept(hive):
    (table,) = tables_in(hive, ReadingOptions.of(by="date"))
    assert table.columns["date"].tolist()[::2] == ["2024-01-01", "2024-01-02", "2024-01-03"] * 2
    (recording,) = as_recordings(hive / "machine=m1", ignore="date")
    assert recording.channels == ("pressure", "flow") and len(recording) == 6
    np.testing.assert_array_equal(recording.times, FRAME["stamp"].dt.as_unit("ns"))


def test_parts_with_other_columns_or_units_are_refused_by_name(hive):
    part = hive / "machine=m1" / "date=2024-01-02" / "part-0.parquet"
    pd.read_parquet(part).assign(valve=1).to_parquet(part)
    with pytest.raises(ValueError, match=r"'valve' only in some pieces.*ignore=\['valve'\]"):
        as_recordings(hive)
    (table,) = tables_in(hive, ReadingOptions.of(ignore="valve"))
    assert table.columns["valve"].notna().sum() == 2
    pd.read_parquet(part).drop(columns="valve").rename(columns={"pressure": "pressure [kPa]"}).to_parquet(part)
    with pytest.raises(ValueError, match=r"'pressure' is 'pressure \[kPa\]' in some pieces \(part-0.parquet"):
        as_recordings(hive)


def test_a_folder_named_as_a_file_of_parquet_is_one_table(tmp_path):
    (tmp_path / "run.parquet").mkdir()
    for number in (0, 1):
        FRAME[number * 3 :][:3].to_parquet(tmp_path / "run.parquet" / f"part-{number}.snappy.parquet")
    (recording,) = as_recordings(tmp_path / "run.parquet")
    np.testing.assert_array_equal(recording.values, FRAME[["pressure", "flow"]])
    assert recording.name == "run.parquet"


def test_files_of_several_formats_are_sorted_by_name(tmp_path):
    frame = FRAME[["pressure", "flow"]]
    frame.to_csv(tmp_path / "b.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "c.xlsx", index=False)
    (tmp_path / ".hidden.csv").write_text("no table")
    (tmp_path / "README.md").write_text("no table")
    assert [each.name for each in as_recordings(tmp_path)] == ["a.parquet", "b.csv", "c.xlsx"]


def test_files_that_may_be_notes_are_left_out_and_told(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "labels.json").write_text("[]")
    (tmp_path / "notes.txt").write_text("replaced the valve")
    (recording,) = as_recordings(tmp_path)
    assert any("'labels.json', 'notes.txt'" in warning for warning in recording.warnings)
    (tmp_path / "a.csv").unlink()
    (tmp_path / "labels.json").unlink()
    (tmp_path / "notes.txt").write_text("x\n1\n2\n")
    (recording,) = as_recordings(tmp_path)
    assert recording.name == "notes.txt" and not any("left out" in warning for warning in recording.warnings)


def test_a_folder_of_thousands_of_files_is_listed_in_no_time(tmp_path):
    for number in range(500):
        (tmp_path / f"{number:04}.csv").touch()
    start = time.process_time()
    assert len(files_of(tmp_path)) == 500
    assert time.process_time() - start < 1  # about 0.01 s


def test_a_table_in_a_file_is_the_same_as_in_a_folder(tmp_path):
    FRAME.to_parquet(tmp_path / "run.parquet")
    (table,) = tables_in(tmp_path, ReadingOptions())
    alone = read_table(tmp_path / "run.parquet", ReadingOptions())
    assert list(table.columns) == list(alone.columns) and table.name == alone.name
