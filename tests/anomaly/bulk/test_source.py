"""Rows of many machines in Parquet files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqae.anomaly.bulk.source import RowSource
from seqae.data.signals.options import ReadingOptions

CHANNELS = ("flow", "pressure", "still")


def opened(folder: Path, channels: tuple[str, ...] | None = CHANNELS, **reading: object) -> RowSource:
    return RowSource([folder], ReadingOptions.of(**{"by": "machine"} | reading), channels=channels)


def rows_of(source: RowSource) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    found = defaultdict(list)
    for piece in source.pieces:
        for _, blocks in source.blocks(piece, range(len(source.entities))):
            for block in blocks:
                found[source.entities[block.entity]].append((block.values, block.times))
    joined = {name: [list(each) for each in zip(*parts)] for name, parts in found.items()}
    return {
        name: (np.concatenate(values), None if times[0] is None else np.concatenate(times))
        for name, (values, times) in joined.items()
    }


def table(rows: int, start: str = "2024-03-01", **columns: object) -> pd.DataFrame:
    times = pd.date_range(start, periods=rows, freq="10s")
    return pd.DataFrame({"time": times} | {name: np.arange(rows) * 1.0 for name in CHANNELS} | columns)


@pytest.mark.parametrize("layout", ["by folders", "one after the other", "mixed"])
def test_each_machine_has_its_rows_in_the_order_of_time(layout, layouts, machines):
    source = opened(layouts[layout])
    found = rows_of(source)
    assert source.entities == ("m/3", "m1", "m2", "m4")
    for name, rows in machines.groupby("machine"):
        values, times = found[name]
        np.testing.assert_array_equal(values, rows[list(CHANNELS)])
        np.testing.assert_array_equal(times, rows.time)
    assert dict(zip(source.entities, source.counts)) == machines.machine.value_counts().to_dict()


@pytest.mark.parametrize("layout", ["by folders", "one after the other", "mixed"])
def test_reading_goes_on_in_the_middle_of_a_row_group(layout, layouts):
    source = opened(layouts[layout])
    for piece in source.pieces:
        blocks = list(source.blocks(piece, [1, 2]))
        assert blocks[-1][0] == piece.counts.sum()
        for number, (done, _) in enumerate(blocks):
            again = list(source.blocks(piece, [1, 2], skip=done))
            assert [row for row, _ in again] == [row for row, _ in blocks[number + 1 :]]


def test_files_without_a_machine_in_them_are_a_machine_each(tmp_path):
    for name in ("b", "a"):
        table(20).to_parquet(tmp_path / f"{name}.parquet", index=False)
    assert opened(tmp_path, by=()).entities == ("a", "b")
    assert opened(tmp_path, by="file").entities == ("a", "b")


def test_several_columns_and_folders_make_up_a_machine_together(tmp_path):
    folder = tmp_path / "site=north%20sea"
    folder.mkdir()
    table(4, pump=[1, 1, 2, 2]).to_parquet(folder / "a.parquet", index=False)
    assert opened(tmp_path, by=("site", "pump")).entities == ("north sea / 1", "north sea / 2")


def test_folders_of_days_and_a_machine_that_is_named_are_one_machine(tmp_path):
    for day in ("2024-03-02", "2024-03-01"):
        folder = tmp_path / "pump" / f"date={day}"
        folder.mkdir(parents=True)
        table(20, day).to_parquet(folder / "a.parquet", index=False)
    assert opened(tmp_path / "pump", by=()).entities == ("pump",)
    source = opened(tmp_path / "pump", by=(), entity="m7")
    assert source.entities == ("m7",)
    assert (np.diff(rows_of(source)["m7"][1]) > np.timedelta64(0)).all()


def test_a_column_of_machines_that_nobody_named_is_asked_for(layouts):
    with pytest.raises(ValueError, match=r"Name it: by='machine'"):
        opened(layouts["mixed"], channels=None, by=())


def test_only_needed_columns_are_read(tmp_path):
    table(20, machine="m1", note="text").to_parquet(tmp_path / "a.parquet", index=False)
    source = opened(tmp_path)
    assert source.reader.columns == ["time", *CHANNELS]
    assert rows_of(source)["m1"][0].shape == (20, 3)


def test_hidden_files_and_files_without_rows_are_left_out(tmp_path):
    table(5, machine="m1").to_parquet(tmp_path / "a.parquet", index=False)
    table(0, machine="m1").to_parquet(tmp_path / "b.parquet", index=False)
    table(5, machine="m2").to_parquet(tmp_path / ".part-c.parquet", index=False)
    (tmp_path / "_old").mkdir()
    table(5, machine="m3").to_parquet(tmp_path / "_old" / "d.parquet", index=False)
    assert opened(tmp_path).entities == ("m1",)


def test_an_index_of_times_and_units_in_headers_are_understood(tmp_path):
    frame = table(20, machine="m1").rename(columns={"flow": "flow [m3/h]"}).set_index("time")
    frame.rename_axis(None).to_parquet(tmp_path / "a.parquet")
    source = opened(tmp_path)
    assert source.reader.units == {"flow": "m3/h"}
    np.testing.assert_array_equal(rows_of(source)["m1"][1], frame.index)


def test_stamps_that_are_text_are_read_by_one_format(tmp_path):
    for number, day in enumerate(("2024-01-14", "2024-01-03")):  # 03/01 alone might be in March
        rows = table(5, day, machine="m1")
        rows["time"] = rows.time.dt.strftime("%d/%m/%Y %H:%M:%S")
        rows.to_parquet(tmp_path / f"{number}.parquet", index=False)
    times = rows_of(opened(tmp_path))["m1"][1]
    assert (np.diff(times) > np.timedelta64(0)).all()
    assert [str(times[row])[:10] for row in (0, -1)] == ["2024-01-03", "2024-01-14"]


def test_options_of_reading_hold(tmp_path):
    rows = table(20, machine="m1").rename(columns={"time": "stamp"})
    rows.loc[3, "flow"] = np.nan
    rows.to_parquet(tmp_path / "a.parquet", index=False)
    source = opened(tmp_path, channels=None, time_column="stamp", ignore="still")
    assert source.reader.channels == ("flow", "pressure")
    assert np.isnan(rows_of(source)["m1"][0][3, 0])


def test_what_cannot_be_read_is_refused_with_the_place_and_a_remedy(tmp_path):
    file = tmp_path / "a.parquet"
    with pytest.raises(FileNotFoundError, match="no Parquet files with rows"):
        opened(tmp_path)
    with pytest.raises(FileNotFoundError, match="Check the path"):
        opened(tmp_path / "nowhere")
    rows = table(100, machine="m1")
    rows.to_parquet(file, index=False)
    with pytest.raises(ValueError, match=r"no column 'machin'.*Did you mean 'machine'"):
        opened(tmp_path, by="machin")
    with pytest.raises(ValueError, match=r"no column 'notes' to ignore"):
        opened(tmp_path, ignore="notes")
    with pytest.raises(ValueError, match=r"tag_column='tag' needs the whole table at once"):
        opened(tmp_path, tag_column="tag")
    with pytest.raises(ValueError, match=r"missing 'power'"):
        opened(tmp_path, channels=(*CHANNELS, "power"))
    rows.assign(flow=[*range(99), np.inf]).to_parquet(file, index=False)
    with pytest.raises(ValueError, match=r"infinite \(a.parquet, row 99\)"):
        rows_of(opened(tmp_path))
    rows.assign(machine=[*["m1"] * 80, *[None] * 20]).to_parquet(file, index=False)
    with pytest.raises(ValueError, match=r"column 'machine' is empty \(a.parquet, row 80\)"):
        opened(tmp_path)
    file.write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match=r"a damaged Parquet file \(a.parquet"):
        opened(tmp_path)


def test_a_file_that_lacks_a_column_is_named(tmp_path):
    table(5, machine="m1").to_parquet(tmp_path / "a.parquet", index=False)
    table(5, machine="m1").drop(columns="still").to_parquet(tmp_path / "b.parquet", index=False)
    with pytest.raises(ValueError, match=r"no column 'still' \(b.parquet\)"):
        opened(tmp_path)


def test_folders_that_nobody_named_are_asked_for(layouts):
    with pytest.raises(ValueError, match=r"Name those that tell machines apart: by='machine', or by='file'"):
        opened(layouts["by folders"], by=())
