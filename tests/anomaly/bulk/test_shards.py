"""Which machines are scored where."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqae.anomaly.bulk import shards
from seqae.anomaly.bulk.shards import Shard, plan_passes
from seqae.anomaly.bulk.source import RowSource
from seqae.data.signals.options import ReadingOptions


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 8))
def test_all_parts_together_have_each_machine_once_and_about_as_many_rows(counts, number):
    source = SimpleNamespace(counts=np.array(counts))
    parts = [Shard(part, number).entities(source) for part in range(number)]
    assert sorted(entity for part in parts for entity in part) == list(range(len(counts)))
    rows = [sum(counts[entity] for entity in part) for part in parts]
    assert max(rows) - min(rows) <= max(counts)


def test_a_shard_is_written_as_a_fraction():
    assert Shard.of("2/4") == Shard(2, 4)
    assert str(Shard(2, 4)) == "2/4"
    for wrong in ("4/4", "1", "-1/4", "a/b", "1/0"):
        with pytest.raises(ValueError, match="shard="):
            Shard.of(wrong)


@pytest.mark.parametrize("layout", ["by folders", "one after the other"])
def test_machines_whose_rows_lie_together_are_read_alone(layout, layouts):
    source = RowSource([layouts[layout]], ReadingOptions(by=("machine",)))
    assert plan_passes(source, [0, 2, 3]) == [[0], [2], [3]]


def test_machines_whose_rows_are_mixed_are_read_together_as_far_as_the_memory_goes(layouts, monkeypatch):
    source = RowSource([layouts["mixed"]], ReadingOptions(by=("machine",)))
    assert plan_passes(source, [0, 1, 2, 3]) == [[0, 1, 2, 3]]
    monkeypatch.setattr(shards, "MAX_HELD_BYTES", 2 * shards._ROWS_HELD * 3 * 8)
    assert plan_passes(source, [0, 1, 2, 3]) == [[0, 1], [2, 3]]
