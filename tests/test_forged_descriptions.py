"""Any number in the description of a saved model, of any class: replaced, it is refused or does no harm.

`python tests/test_forged_descriptions.py` tries every number of every class, which takes minutes.
"""

from __future__ import annotations

import copy
import json
import random
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from contract.saved import Use, made
from seqae.artifact import load, save
from seqae.artifact.checksum import add_checksum
from seqae.artifact.registry import MODULE_OF, PREFIX

ABSENT = object()
FORGED = (10**9, 0, -1, 1.5, "seven", None, {"float": "nan"}, ABSENT)
TRIED = 2  # numbers of each object
SECONDS, MEGABYTES = 1.0, 200
ADDRESSES = 10 * 2**30  # bytes, of which torch takes half: what asks for more fails, and not the machine
# What a loaded model may say to data that do not suit it; `load` itself raises nothing but ValueError.
IN_USE = (ValueError, RuntimeError, IndexError, OverflowError, AssertionError, ZeroDivisionError)


def numbers_of(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each number in a tree."""
    parts = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in parts:
        yield from numbers_of(part, (*path, key))
    if isinstance(node, int | float) and not isinstance(node, bool):
        yield path


def forged(content: dict[str, Any], path: tuple[Any, ...], number: object) -> bytes:
    """Return a description with another number in one place, or without it."""
    changed = copy.deepcopy(content)
    node = changed
    for key in path[:-1]:
        node = node[key]
    if number is ABSENT:
        del node[path[-1]]
    else:
        node[path[-1]] = number
    return add_checksum(changed)


def check(folder: Path, use: Use, place: str) -> None:
    """Load a forged artifact, and use it if it loads: quickly, and in little memory."""
    with suppress(OSError):  # on Linux: the largest amount of memory is counted anew
        Path("/proc/self/clear_refs").write_text("5")
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    try:
        loaded = load(folder)
    except ValueError as error:
        assert "cannot be loaded" in str(error) and "\n" not in str(error), f"{place}: {error}"
    else:
        try:
            with torch.inference_mode():
                use(loaded)
        except IN_USE as error:
            assert "can't allocate" not in str(error), f"{place}: {error!r}"
    taken = time.thread_time() - start
    assert taken < SECONDS, f"{place}: {taken:.1f} s"
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MEGABYTES, f"{place}: {grown:.0f} MB"


def attempts(folder: Path, chosen: int | None, seed: str) -> Iterator[str]:
    """Forge one number after the other, and yield where; all, or so many of them."""
    original = (folder / "seqae.json").read_bytes()
    content = json.loads(original)
    del content["sha256"]
    tries = [(path, number) for path in numbers_of(content["tree"], ("tree",)) for number in FORGED]
    picked = tries if chosen is None else random.Random(seed).sample(tries, min(chosen, len(tries)))
    for path, number in picked:
        (folder / "seqae.json").write_bytes(forged(content, path, number))
        yield f"{seed}: {'.'.join(map(str, path))} = {'absent' if number is ABSENT else number}"
    (folder / "seqae.json").write_bytes(original)


def classes_in(node: Any) -> Iterator[str]:
    """Yield the names of the classes of seqae in a tree."""
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in parts:
        yield from classes_in(part)
    if isinstance(node, dict) and isinstance(node.get("object"), dict) and "class" in node["object"]:
        yield node["object"]["class"].removeprefix(PREFIX)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> dict[str, tuple[Path, Use]]:
    folder = tmp_path_factory.mktemp("saved")
    return {name: (save(obj, folder / str(at)), use) for at, (name, (obj, use)) in enumerate(made().items())}


def test_an_object_of_every_class_is_tried(saved):
    trees = [json.loads((folder / "seqae.json").read_text())["tree"] for folder, _ in saved.values()]
    there = {name for tree in trees for name in classes_in(tree)}
    assert {name for name in MODULE_OF if not name.islower()} - there == set()


@pytest.mark.filterwarnings("ignore")
def test_every_object_works_in_its_use(saved):
    for folder, use in saved.values():
        with torch.inference_mode():
            use(load(folder))


@pytest.mark.filterwarnings("ignore")
def test_a_number_in_the_description_of_any_class_may_be_any_other(saved):
    count = 0
    for name, (folder, use) in saved.items():
        for place in attempts(folder, TRIED, name):
            check(folder, use, place)
            count += 1
    assert count > TRIED * len(saved) // 2


IN = ("object", "settings")
LAYERS = (*IN, "layers", "dict")
SETTINGS, LEARNT = ("tree", "object", "settings"), ("tree", "object", "learnt")
IN_STEPS = (*LEARNT, "steps_", "object", "learnt")
IN_LOG_MEL = (*SETTINGS, "log_mel", "object", "settings")
REFUSED = [
    ("SegmentMeanPooling", (*SETTINGS, "num_segments"), 10**9),
    ("translator", (*SETTINGS, "max_length"), 10**9),
    ("autoencoder of frames", (*IN_STEPS, "mean_"), "seven"),
    ("autoencoder of frames", (*IN_STEPS, "scale_"), 0.0),
    ("autoencoder of frames", (*IN_STEPS, "scale_"), ABSENT),
    ("autoencoder of tokens", (*IN_STEPS, "num_tokens_"), 10**9),
    ("autoencoder of tokens", (*IN_STEPS, "num_tokens_"), None),
    ("sounds", (*IN_LOG_MEL, "sample_rate"), 10**9),
    ("sounds", (*IN_LOG_MEL, "n_mels"), 41),
    ("sounds", (*IN_LOG_MEL, "window"), 10**9),
    ("outliers", (*LEARNT, "offset_"), {"float": "nan"}),
    ("sounds", (*IN_LOG_MEL, "normalization", "tuple", 1, "object", "settings", "quantile"), 1.5),
    ("HuberLoss", (*SETTINGS, "delta"), 0),
    ("encoder null", (*SETTINGS, "code_size"), -1),
    ("code, top k", (*SETTINGS, "k"), 0),
    ("outliers", (*LEARNT, "offset_"), ABSENT),
    ("encoder stack", (*SETTINGS, "code_size"), 7),
    ("states stack", (*SETTINGS, "states_size"), 7),
    ("encoder dense of images", (*SETTINGS, "embed", *IN, "start_dim"), 0),
    ("encoder convolutions of images", (*SETTINGS, "embed", *LAYERS, "1", *IN, "end_dim"), 0),
    ("encoder convolutions of images", (*SETTINGS, "embed", *LAYERS, "1", *IN, "start_dim"), 0),
    ("encoder conv lstm", (*SETTINGS, "height"), 5),
    ("autoencoder of frames", (*LEARNT, "model_", *IN, "encoder", *IN, "embed", *LAYERS, "1", *IN, "start_dim"), -1),
    ("decoder conv lstm", (*SETTINGS, "width"), 0),
    ("decoder dense, images", (*SETTINGS, "head", *IN, "unflattened_size", "tuple", 1), 0),
    ("decoder constant, images", (*SETTINGS, "head", *LAYERS, "0", *IN, "unflattened_size", "tuple", 2), ABSENT),
    ("decoder reversed, frames", (*SETTINGS, "decoder", *IN, "embed", *LAYERS, "1", *IN, "end_dim"), 0),
]


@pytest.mark.parametrize(("name", "path", "number"), REFUSED)
def test_a_number_that_no_use_would_refuse_in_time_is_refused_by_load(saved, name, path, number):
    folder, _ = saved[name]
    original = (folder / "seqae.json").read_bytes()
    content = json.loads(original)
    del content["sha256"]
    try:
        (folder / "seqae.json").write_bytes(forged(content, path, number))
        with pytest.raises(ValueError, match="cannot be loaded"):
            load(folder)
    finally:
        (folder / "seqae.json").write_bytes(original)


def main() -> int:
    """Try all; return how many attempts failed."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    count = failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for at, (name, (obj, use)) in enumerate(made().items()):
            target = save(obj, Path(folder) / str(at))
            for place in attempts(target, None, name):
                count += 1
                try:
                    check(target, use, place)
                except Exception as error:  # all are to be told
                    failures += 1
                    print(f"{type(error).__name__}: {str(error)[:200]!r}  [{place}]", flush=True)
    print(f"{count} forged descriptions, {failures} failed")
    return failures


if __name__ == "__main__":
    sys.exit(bool(main()))
