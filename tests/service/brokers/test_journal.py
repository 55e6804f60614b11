"""What of the messages that may come again is in the state."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import seqae
from seqae.service.brokers.interface import Message
from seqae.service.brokers.journal import Journal
from seqae.service.row_block import RowBlock
from seqae.service.watch import Watch, WatchOptions


def test_the_latest_messages_are_remembered_those_whose_number_was_given_again_from_then_on(
    detector: seqae.AnomalyDetector, tmp_path: Path
):
    watch = Watch(detector, WatchOptions(state=tmp_path))
    journal = Journal(watch, limit=2)
    for key in "abac":
        watch.take(RowBlock(np.zeros((1, 2)), None, "m"))
        journal.write([Message(key, "t", b"", 0.0, "m")])
        watch.save()
    watch.release()
    with Watch(detector, WatchOptions(state=tmp_path)) as again:
        assert sorted(Journal(again, limit=2).judged()) == ["a", "c"]
