"""Readings in memory that are no frame of pandas: Arrow data, lazy frames, and runs that come in pieces."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest

from seqae.data.signals.loading import as_recordings

FRAME = pd.DataFrame(
    {
        "time": pd.date_range("2024-01-01", periods=6, freq="s"),
        "pressure [bar]": np.arange(6.0),
        "flow": [1, None, 3, 4, 5, 6],
    }
)
VALUES = FRAME[["pressure [bar]", "flow"]].to_numpy()
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)


class Offered:
    """What offers itself as Arrow data, as results of data bases do."""

    def __arrow_c_stream__(self, requested_schema=None):
        return TABLE.__arrow_c_stream__(requested_schema)


CONTAINERS = {
    "table": lambda: TABLE,
    "batch": lambda: TABLE.to_batches()[0],
    "reader": lambda: pa.RecordBatchReader.from_batches(TABLE.schema, TABLE.to_batches(max_chunksize=2)),
    "offered": Offered,
    "data set": lambda: pyarrow.dataset.dataset(TABLE),
    "lazy frame": lambda: pl.from_pandas(FRAME).lazy(),
    "frames": lambda: (FRAME[start : start + 2] for start in (0, 2, 4)),
    "polars frames": lambda: pl.from_pandas(FRAME).iter_slices(4),
    "batches": lambda: iter(TABLE.to_batches(max_chunksize=4)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_recording(name):
    (recording,) = as_recordings(CONTAINERS[name]())
    assert recording.channels == ("pressure", "flow") and recording.units == {"pressure": "bar"}
    np.testing.assert_array_equal(recording.values, VALUES)
    np.testing.assert_array_equal(recording.times, FRAME["time"].dt.as_unit("ns"))


def test_arrays_one_after_the_other_are_one_run():
    (recording,) = as_recordings(VALUES[start : start + 4] for start in (0, 4))
    np.testing.assert_array_equal(recording.values, VALUES)


def test_a_table_read_in_chunks_is_one_run(tmp_path):
    FRAME.to_csv(tmp_path / "run.csv", index=False)
    (recording,) = as_recordings(pd.read_csv(tmp_path / "run.csv", chunksize=4))
    np.testing.assert_array_equal(recording.values, VALUES)


def test_paths_one_after_the_other_are_runs(tmp_path):
    for name in ("a.csv", "b.csv"):
        FRAME.to_csv(tmp_path / name, index=False)
    assert [each.name for each in as_recordings(tmp_path / name for name in ("b.csv", "a.csv"))] == ["b.csv", "a.csv"]
    assert len(as_recordings(tmp_path.glob("*.csv"))) == 2


def test_an_error_names_the_piece_and_its_row():
    pieces = [FRAME[:3], FRAME[3:].assign(flow=[1, "ERR", 3])]
    with pytest.raises(ValueError, match=r"'flow' holds text: 'ERR' \(piece 1, row 1\)"):
        as_recordings(iter(pieces))
    with pytest.raises(ValueError, match=r"'flow' only in some pieces.*\(piece 1, row 0\).*ignore=\['flow'\]"):
        as_recordings(iter([FRAME[:3], FRAME[3:].drop(columns="flow")]))


def test_what_are_no_pieces_is_refused(tmp_path):
    (tmp_path / "run.csv").write_text("a\n1\n")
    with (tmp_path / "run.csv").open() as file, pytest.raises(TypeError, match=r"an open file. Expected its path"):
        as_recordings(file)
    for items in ([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]], [VALUES[0], VALUES[1]]):
        with pytest.raises(TypeError, match=r"item 0 of the iterator.*frames, Arrow batches or arrays"):
            as_recordings(iter(items))
    with pytest.raises(ValueError, match=r"pieces of \[1, 2\] channels"):
        as_recordings(iter([VALUES, VALUES[:, :1]]))
    used = iter([VALUES])
    as_recordings(used)
    with pytest.raises(ValueError, match=r"an iterator without items.*read before"):
        as_recordings(used)
