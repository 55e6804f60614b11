"""Attempts at files of readings in other layouts, streams of lines, manifests, events and archives."""

import json
import random
from pathlib import Path

import numpy as np

import seqae
from fuzz.mangling import mangled, one_line
from layouts import LAYOUTS
from seqae.anomaly.bulk.manifest import MANIFEST, keep_manifest
from seqae.anomaly.events import read_events_csv, read_events_json, write_events_csv, write_events_json
from seqae.data.signals.loading import as_recordings
from seqae.data.signals.options import ReadingOptions
from seqae.data.signals.overview import overview
from seqae.data.signals.ts_files import read_ts_file
from seqae.service.line_reader import LineReader

WRITTEN = [layout for layout in LAYOUTS.values() if isinstance(layout.text, str)]
JOB = {
    "format": 1,
    "version": "0",
    "model": "ab" * 32,
    "options": {"by": ["machine"], "block_rows": 4096},
    "files": {"a.parquet": [100, 5], "b.parquet": [200, 6]},
}
SETS = b"@problemName Beats\n@classLabel true 1 2\n@data\n0.1,0.2,?:1,2,3:1\n0.3,0.1:4,5:2\n"


def try_layout(folder: Path, dice: random.Random) -> str:
    """Look at a table in a layout of other programs, and read it as it was understood."""
    layout, other = dice.choice(WRITTEN), dice.choice(WRITTEN)
    path = folder / f"table{layout.ending}"
    path.write_bytes(mangled(layout.text.encode(), other.text.encode(), dice))
    options = layout.options if dice.random() < 0.5 else {}
    try:
        found = overview(path, **options)
        text = str(found)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    text.encode()
    rows = sum(map(len, as_recordings(path, **options)))
    assert rows == sum(len(recording) for recording in found.recordings), "two doors read different rows"
    return ""


def try_stream(folder: Path, dice: random.Random) -> str:
    """Read a text in pieces, as a stream hands it over."""
    layout, other = dice.choice(WRITTEN), dice.choice(WRITTEN)
    text = mangled(layout.text.encode(), other.text.encode(), dice)
    cuts = sorted(dice.choices(range(len(text) + 1), k=dice.randint(0, 8)))
    pieces = [text[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(text)])]
    try:
        reader = LineReader(ReadingOptions.of(channels=layout.channels))
        for block in reader.blocks(pieces):
            assert not np.isinf(block.values).any() and block.values.shape[1] == len(layout.channels)
            assert block.times is None or len(block.times) == len(block.values)
    except ValueError as error:
        return one_line(error)
    return ""


def try_manifest(folder: Path, dice: random.Random) -> str:
    """Go on with results whose manifest is damaged."""
    path = folder / MANIFEST
    before = json.dumps(JOB, indent=1).encode()
    path.write_bytes(mangled(before, before, dice))
    try:
        keep_manifest(folder, JOB)
    except ValueError as error:
        assert folder.name in str(error), "the error does not name the folder"
        return one_line(error)
    return ""


def try_events(folder: Path, dice: random.Random) -> str:
    """Read events that were damaged."""
    write, read, name = dice.choice(
        [(write_events_json, read_events_json, "events.json"), (write_events_csv, read_events_csv, "events.csv")]
    )
    path = folder / name
    write([event()], path)
    path.write_bytes(mangled(path.read_bytes(), b'{"start": [], "channels": 5}', dice))
    try:
        read(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    return ""


def event() -> seqae.anomaly.Event:
    """Return an event as a detector finds it."""
    channels = (seqae.anomaly.ChannelContribution("temp", 0.75), seqae.anomaly.ChannelContribution("press", 0.25))
    times = "2024-03-01T00:00:00", "2024-03-01T00:01:00"
    return seqae.anomaly.Event(3, 9, *times, 60.0, 2.5, 4.0, 5, channels)


def try_sets(folder: Path, dice: random.Random) -> str:
    """Read labelled sequences of an archive."""
    path = folder / "Beats_TRAIN.ts"
    path.write_bytes(mangled(SETS, SETS[::-1], dice))
    try:
        found = read_ts_file(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    assert len(found.sequences) == len(found.labels) > 0
    return ""
