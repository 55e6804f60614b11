"""Files that nobody would write, in great number: they are read, or refused in one clear line, and run nothing.

A few hundred with a fixed seed are part of the tests. For more, with another seed:

    python tests/fuzz/test_fuzz.py --minutes 30 --seed 7
"""

import copy
import gzip
import hashlib
import io
import json
import random
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest is told to

import seqae
from fuzz.configuration import try_config, try_options
from fuzz.doors import try_events, try_layout, try_manifest, try_sets, try_stream
from fuzz.fuzzer import findings, main
from fuzz.mangling import mangled, one_line
from fuzz.onnx_files import onnx_contents, try_onnx, try_onnx_graph
from fuzz.service_doors import (
    FILLS,
    kept_feedback,
    kept_state,
    try_feedback,
    try_messages,
    try_notes,
    try_splits,
    try_state,
)
from fuzz.written_tables import try_written
from seqae.artifact.checksum import add_checksum
from seqae.data.signals.loading import as_recordings
from seqae.data.text.files import read_labelled, read_pairs, read_texts
from seqae.text.vocabulary import Vocabulary
from seqae.transforms.scaler import Scaler

# Tables

FRAME = pd.DataFrame({"pressure [bar]": [1.5, -2.5e-3, np.nan, 4], "flow": [2, 3, 4, 5.0]})
STAMPED = FRAME.assign(time=pd.date_range("2020-03-09 10:14:33", periods=4, freq="10s"))


def tables() -> Iterator[tuple[str, bytes]]:
    """Yield files that can be read, with the endings of their names."""
    for separator, decimal in ((",", "."), (";", ","), ("\t", ".")):
        for frame in (FRAME, STAMPED):
            yield ".csv", frame.to_csv(sep=separator, decimal=decimal, index=False).encode()
    yield ".csv", STAMPED.to_csv(index=False, quoting=1, lineterminator="\r\n").encode()
    yield ".csv", FRAME.to_csv(header=False, index=False).encode()
    yield ".csv.gz", gzip.compress(STAMPED.to_csv(index=False).encode(), mtime=0)
    yield ".jsonl", STAMPED.to_json(orient="records", lines=True, date_format="iso").encode()
    buffer = io.BytesIO()
    STAMPED.to_parquet(buffer)
    yield ".parquet", buffer.getvalue()


def try_table(folder: Path, dice: random.Random) -> str:
    (ending, data), (_, other) = dice.choice(TABLES), dice.choice(TABLES)
    path = folder / f"table{ending}"
    path.write_bytes(mangled(data, other, dice))
    try:
        recordings = as_recordings(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    for recording in recordings:
        assert len(recording) > 0 and not np.isinf(recording.values).any()
        assert "".join(recording.channels).encode() is not None
        assert sum(part.stop - part.start for part in recording.segments()) == len(recording)
    return ""


TABLES = list(tables())

# Texts

TEXTS = [
    (".txt", "Hello.\n\nGrüße, 世界!\r\nwhy?\n".encode()),
    (".txt.gz", gzip.compress(b"one\ntwo\nthree\n", mtime=0)),
    (".tsv", b'source\ttarget\ttext\tlabel\nHi.\tHallo.\tfine\tgood\nBye.\t"x\tbad\t1\n'),
    (".csv", b'text,label,source,target\n"so, this",1,a,b\nfine,0,"c ""d""",e\n'),
    (".jsonl", b'{"text": "fine", "label": 1, "source": "a", "target": "b"}\n' * 3),
]


def try_texts(folder: Path, dice: random.Random) -> str:
    (ending, data), (_, other) = dice.choice(TEXTS), dice.choice(TEXTS)
    path = folder / f"texts{ending}"
    path.write_bytes(mangled(data, other, dice))
    try:
        dice.choice([read_texts, read_labelled])(path)
        read_pairs(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    Vocabulary().fit(read_texts(path))
    return ""


# Artifacts


def artifact(folder: Path) -> Path:
    """Save something of everything that an artifact can hold."""
    net = seqae.Autoencoder(
        seqae.RecurrentEncoder(seqae.GRU(2, 3), 2, embed=nn.Sequential(nn.Linear(2, 2), nn.Tanh())),
        seqae.RepeatDecoder(seqae.GRU(2, 3), nn.Linear(3, 2)),
    )
    learnt = Scaler().fit([np.arange(8.0).reshape(4, 2)])
    numbers = {"large": np.arange(2000.0), "small": np.arange(3), "names": np.array(["a", "b"])}
    noise = seqae.transforms.corruptions.GaussianNoise(0.5) if hasattr(seqae, "corruptions") else None
    thing = {"net": net, "error": seqae.squared_error, "learnt": learnt, "numbers": numbers, "both": (net, 1, noise)}
    return seqae.save(thing, folder)


VALUES = [
    None,
    True,
    -1,
    0,
    2**31,
    10**18,
    10**400,
    1e308,
    "",
    "x" * 1000,
    "../../x",
    [],
    {},
    {"float": "nan"},
    {"same": ""},
]
VALUES += [
    {"tuple": [1]},
    {"path": "/etc/passwd"},
    {"function": "os.system"},
    {"array": {"dtype": "O", "shape": [1], "values": ["a"]}},
]
VALUES += [
    {"scalar": {"dtype": "<f8", "shape": [10**9], "values": "1"}},
    {"dict": {"a": 1}},
    "torch.nn.Linear",
    "<U99999999",
    "<f8",
]


def places(node: object, found: list | None = None) -> list[tuple[dict | list, str | int]]:
    """Return where each value in a tree stands."""
    found = [] if found is None else found
    for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
        found.append((node, key))
        places(node[key], found)
    return found


def edited(content: dict, names: list[str], dice: random.Random) -> dict:
    """Return a description with one to three values changed, moved or removed."""
    content = copy.deepcopy(content)
    for _ in range(dice.randint(1, 3)):
        node, key = dice.choice(places(content))
        other, place = dice.choice(places(content))
        match dice.randrange(6):
            case 0 | 1:
                node[key] = copy.deepcopy(dice.choice(VALUES))
            case 2:
                node[key] = copy.deepcopy(other[place])
            case 3:
                node.pop(key)
            case 4 if isinstance(node, dict):
                node[dice.choice(["settings", "learnt", "class", "tensor", "__class__", "x_"])] = node.pop(key)
            case _:
                classes = [(node, key) for node, key in places(content) if key == "class"]
                if classes:
                    node, key = dice.choice(classes)
                    node[key] = dice.choice(names)
    return content


def try_artifact(folder: Path, dice: random.Random) -> str:
    whole, whole_weights, names = prepared()
    content, weights = copy.deepcopy(whole), whole_weights
    kind = dice.choice(["bytes", "description", "weights", "both"])
    if kind in ("description", "both"):
        content = edited(content, names, dice)
    if kind in ("weights", "both"):
        weights = mangled(weights, weights, dice)
        content.update(weights=hashlib.sha256(weights).hexdigest(), weight_bytes=len(weights))
    try:
        signed = add_checksum(content)
    except (ValueError, RecursionError):  # JSON has no word for it
        return "unsigned"
    if kind == "bytes":
        signed, weights = (
            (mangled(signed, weights, dice), weights)
            if dice.random() < 0.5
            else (signed, mangled(weights, signed, dice))
        )
    (folder / "seqae.json").write_bytes(signed)
    (folder / "model.safetensors").write_bytes(weights)
    is_whole = (signed, weights) == (add_checksum(whole), whole_weights)
    try:
        seqae.load(folder)
    except ValueError as error:
        assert str(folder) in str(error), "the error does not name the folder"
        return one_line(error)
    assert kind != "bytes" or is_whole, "a change went unnoticed"
    return ""


# All doors

READERS = (try_table, try_texts, try_events, try_sets, try_manifest)
DOORS: dict[str, tuple[Callable[[Path, random.Random], str], ...]] = {
    "readers": READERS,
    "artifacts": (try_artifact,),
    "layouts": (try_layout, try_written),
    "configuration": (try_options, try_config),
    "stream": (try_stream, try_splits),
    "messages": (try_messages,),
    "states": (try_state, try_notes),
    "feedback": (try_feedback,),
    "onnx": (try_onnx, try_onnx_graph),
}
ATTEMPTS = {attempt.__name__: attempt for attempts in DOORS.values() for attempt in attempts}
COUNTS = {
    "try_table": 200,
    "try_texts": 300,
    "try_artifact": 200,
    "try_splits": 10,
    "try_stream": 20,
    "try_messages": 40,
}
COUNTS |= {"try_onnx": 20, "try_onnx_graph": 20}


@pytest.fixture(scope="module")
def all_is_prepared() -> None:
    prepare()


@pytest.mark.usefixtures("all_is_prepared")
@pytest.mark.parametrize(("attempt", "count"), [(each, COUNTS.get(name, 60)) for name, each in ATTEMPTS.items()])
@pytest.mark.filterwarnings("ignore")
def test_any_file_is_read_or_refused_in_one_clear_line(tmp_path, attempt, count):
    assert list(findings(attempt, tmp_path, iter(range(count)))) == []


def prepare() -> None:
    """Make what attempts start from: it builds the kernel, and no attempt may start a compiler."""
    for make in (prepared, onnx_contents, kept_feedback, *(partial(kept_state, fill) for fill in FILLS)):
        make()


@cache
def prepared() -> tuple[dict, bytes, list[str]]:
    """Return the description and the weights of an artifact, and the names of all classes that one may hold."""
    import tempfile

    from seqae.artifact.registry import MODULE_OF

    with tempfile.TemporaryDirectory() as folder:
        home = artifact(Path(folder) / "model")
        content = json.loads((home / "seqae.json").read_text())
        weights = (home / "model.safetensors").read_bytes()
    del content["sha256"]
    names = ["os.system", "seqae.artifact.save", "torch.nn.DataParallel", "torch.nn.LSTM", "torch.nn.Embedding"]
    names += [f"seqae.{name}" for name in MODULE_OF]
    return content, weights, sorted(set(names))


if __name__ == "__main__":
    prepare()
    main(DOORS, __file__, __doc__)
