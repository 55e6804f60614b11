"""Partitions of a distributed table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import seqae
from seqae.anomaly.bulk.partition import score_partition


@pytest.fixture
def model(detector, tmp_path) -> str:
    return str(seqae.save(detector, tmp_path / "model"))


@pytest.mark.parametrize("kind", ["frame", "arrow"])
def test_rows_of_one_machine_have_the_scores_of_the_data_set(kind, model, machines, whole, scored):
    rows = machines[machines.machine == "m2"]
    found = score_partition(model, rows if kind == "frame" else pa.Table.from_pandas(rows), by="machine")
    expected = scored(whole)
    expected = expected[expected.entity == "m2"].reset_index(drop=True)
    assert (found.machine == "m2").all()
    pd.testing.assert_frame_equal(
        found.drop(columns="machine").reset_index(drop=True), expected[found.columns.drop("machine")]
    )
    np.testing.assert_array_equal(found.index, rows.index)


def test_a_partition_of_several_machines_has_each_of_them(model, machines):
    mixed = machines.sort_values(["time", "machine"])
    found = score_partition(model, mixed, by="machine")
    np.testing.assert_array_equal(found.index, mixed.index)
    for name, rows in machines.groupby("machine"):
        alone = score_partition(model, rows, by="machine")
        pd.testing.assert_frame_equal(found[found.machine == name], alone)


def test_the_shape_of_engines_that_group_rows(model, machines):
    found = machines.groupby("machine", group_keys=False)[machines.columns].apply(
        lambda rows: score_partition(model, rows, by="machine")
    )
    assert len(found) == len(machines)


def test_a_partition_without_rows_tells_the_columns(model, machines):
    none, some = (score_partition(model, machines[:rows], by="machine") for rows in (0, 50))
    assert len(none) == 0
    pd.testing.assert_series_equal(none.dtypes, some.dtypes)


def test_the_partitions_of_a_dask_frame(model, machines):
    frame = pytest.importorskip("dask.dataframe").from_pandas(machines.set_index("machine"), npartitions=2)
    meta = score_partition(model, machines[:0], by="machine")
    found = frame.reset_index().map_partitions(lambda rows: score_partition(model, rows, by="machine"), meta=meta)
    assert len(found.compute(scheduler="synchronous")) == len(machines)


def test_a_folder_of_another_model_is_refused(tmp_path):
    folder = seqae.save(seqae.LSTM(2, 3), tmp_path / "lstm")
    with pytest.raises(ValueError, match="AnomalyDetector"):
        score_partition(str(folder), pd.DataFrame({"a": [1.0]}))
