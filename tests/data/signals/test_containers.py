"""Dicts of columns, lists of rows and arrays of records are tables."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from seqae.data.signals.loading import as_recordings

TIMES = np.array(["2024-03-01T00:00:00", "2024-03-01T00:00:10", "2024-03-01T00:00:20"], "M8[ns]")
VALUES = np.array([[1.5, 1], [np.nan, 2], [3, 4]])
ROWS = [{"time": time, "temp": None if np.isnan(a) else a, "count": int(b)} for time, (a, b) in zip(TIMES, VALUES)]
RECORDS = np.zeros(3, dtype=[("time", "M8[ns]"), ("temp", ">f8"), ("count", "<i4")])
RECORDS["time"], RECORDS["temp"], RECORDS["count"] = TIMES, VALUES[:, 0], VALUES[:, 1]
MASKED = np.ma.masked_array([1.5, 9, 3], mask=[False, True, False])


@pytest.mark.parametrize(
    "data",
    [
        {"time": TIMES, "temp": VALUES[:, 0], "count": [1, 2, 4]},
        {"time": [str(time) for time in TIMES], "temp": [1.5, None, 3], "count": (1, 2, 4)},
        {"time": pd.Series(TIMES), "temp": MASKED, "count": torch.tensor([1, 2, 4])},
        {"time": pl.Series(TIMES), "temp": pl.Series([1.5, None, 3]), "count": np.array([1, 2, 4], np.int8)},
        {"temp": pd.Series([1.5, np.nan, 3], TIMES), "count": pd.Series([1, 2, 4], TIMES)},
        {"temp": pd.Series([1.5, 3], TIMES[[0, 2]]), "count": pd.Series([1, 2, 4], TIMES)},
        ROWS,
        [{name: value for name, value in row.items() if value is not None} for row in ROWS],
        RECORDS,
        RECORDS.view(np.recarray),
    ],
    ids=[
        "arrays",
        "lists",
        "mixed",
        "polars",
        "series",
        "series of other times",
        "rows",
        "sparse rows",
        "records",
        "rec",
    ],
)
def test_every_container_of_columns_or_rows_is_a_table(data):
    (recording,) = as_recordings(data)
    assert recording.channels == ("temp", "count")
    np.testing.assert_array_equal(recording.values, VALUES)
    np.testing.assert_array_equal(recording.times, TIMES)


def test_a_list_of_dicts_of_columns_is_a_list_of_recordings():
    assert [len(each) for each in as_recordings([{"a": [1, 2]}, {"a": [1, 2, 3]}])] == [2, 3]


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    [
        ({}, TypeError, "nothing in it"),
        ({"a": 1.5}, TypeError, "'a' is a single value.*list of dicts"),
        ({"a": [1, 2], "b": pd.DataFrame({"x": [1]})}, TypeError, "'a' is a column, 'b' a DataFrame"),
        ({"a": [1, 2], "b": [1, 2, 3]}, ValueError, "column 'b' has 3 values, column 'a' 2"),
        (
            {"a": pd.Series([1, 2]), "b": pd.Series([1, 2], [5, 6])},
            ValueError,
            "series with different indexes: 'a', 'b'",
        ),
        (np.zeros(3, dtype=[("a", float, 2)]), ValueError, "fields 'a' of several values"),
        (np.zeros((3, 2), dtype=[("a", float)]), ValueError, r"records with shape \(3, 2\)"),
    ],
)
def test_what_is_no_table_is_refused_by_name(data, kind, message):
    with pytest.raises(kind, match=message):
        as_recordings(data)
