"""Attempts at files of ONNX: damaged bytes, and graphs that say something else."""

import random
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch

import seqae
from fuzz.mangling import mangled, one_line
from generators import machine
from seqae.export.onnx_checksum import with_checksum

ROWS = machine(60, seed=4).iloc[:, 1:].to_numpy()
SIZES = [-1, 0, 1, 2, 3, 7, 2**20, 2**31, 2**62]
TEXTS = ["", "x", "sequences", "lengths", "codes", "rows", "batch", "Identity", "Loop", "GRU", "Reshape", "\n", "../x"]
FACTS = [
    "",
    "null",
    "[]",
    "{}",
    "-1",
    "1e999",
    "NaN",
    "[" * 5000,
    '["flow"]',
    '{"a": {}}',
    "9" * 400,
    "AnomalyDetector",
]


@cache
def onnx_contents() -> dict[str, bytes]:
    """Return the content of small files of ONNX by what they hold."""
    from seqae.export import to_onnx

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        model = seqae.Autoencoder(
            seqae.RecurrentEncoder(seqae.GRU(2, 3), 2), seqae.RepeatDecoder(seqae.GRU(2, 3), torch.nn.Linear(3, 2))
        )
        detector = seqae.AnomalyDetector(window=16, resolutions=(1,), epochs=0).fit(machine(400, seed=0).iloc[:, 1:])
        return {
            "model": to_onnx(model, Path(folder) / "model.onnx").read_bytes(),
            "detector": detector.to_onnx(Path(folder) / "detector.onnx").read_bytes(),
        }


def try_onnx(folder: Path, dice: random.Random) -> str:
    """Load a damaged file of ONNX, and run it."""
    kind = dice.choice(["model", "detector"])
    content = onnx_contents()[kind]
    return _run(folder / f"{kind}.onnx", mangled(content, content[::-1], dice))


def try_onnx_graph(folder: Path, dice: random.Random) -> str:
    """Load a file of ONNX in which one to three things were changed by who knows the format, and run it."""
    import onnx

    kind = dice.choice(["model", "detector"])
    model = onnx.ModelProto.FromString(onnx_contents()[kind])
    del model.metadata_props[-1]  # the SHA-256
    for _ in range(dice.randint(1, 3)):
        _edit(model, dice)
    content = model.SerializeToString()
    return _run(folder / f"{kind}.onnx", with_checksum(content) if dice.random() < 0.5 else content)


def _edit(model, dice: random.Random) -> None:
    """Change something in a model."""
    graph = model.graph
    node, other = dice.choice(graph.node), dice.choice(graph.node)
    match dice.randrange(9):
        case 0:
            node.op_type = dice.choice([other.op_type, dice.choice(TEXTS)])
        case 1 if node.input:
            node.input[dice.randrange(len(node.input))] = dice.choice([*other.output, dice.choice(TEXTS)])
        case 2 if node.attribute:
            attribute = dice.choice(node.attribute)
            attribute.i = dice.choice(SIZES)
            attribute.type = dice.choice([attribute.type, 2, 1, 7])
        case 3 if graph.initializer:
            _edit_array(dice.choice(graph.initializer), dice)
        case 4 | 5:
            fact = dice.choice(model.metadata_props)
            fact.value = dice.choice([*FACTS, dice.choice(model.metadata_props).value])
        case 6:
            value = dice.choice([*graph.input, *graph.output])
            sizes = value.type.tensor_type.shape.dim
            if sizes and dice.random() < 0.7:
                dice.choice(sizes).dim_value = dice.choice(SIZES)
            elif sizes:
                del sizes[-1]
        case 7:
            value = dice.choice([*graph.input, *graph.output])
            value.name = dice.choice(TEXTS) if dice.random() < 0.5 else value.name
            value.type.tensor_type.elem_type = dice.choice([1, 7, 8, 11, 9])
        case _:
            del graph.node[dice.randrange(len(graph.node))]


def _edit_array(array, dice: random.Random) -> None:
    match dice.randrange(4):
        case 0 if array.dims:
            array.dims[dice.randrange(len(array.dims))] = dice.choice(SIZES)
        case 1:
            array.data_type = dice.choice([1, 6, 7, 9, 11, 8])
        case 2:
            array.raw_data = mangled(array.raw_data, b"\xff" * len(array.raw_data), dice)
        case _:
            array.data_location = 1
            place = array.external_data.add()
            place.key, place.value = "location", dice.choice(["/etc/passwd", "../x", "model.onnx", "detector.onnx"])


def _run(path: Path, content: bytes) -> str:
    """Load a file and run it."""
    from seqae.export import OnnxDetector, OnnxModel

    path.write_bytes(content)
    try:
        if path.stem == "model":
            model = OnnxModel(path)
            codes = model.encode([ROWS[:4], ROWS[:1]])
            model.reconstruct([ROWS[:4], ROWS[:1]])
            assert codes.shape[:1] == (2,) and codes.dtype == np.float32
        else:
            scores = OnnxDetector(path).score(ROWS)
            assert scores.scores.shape == (60,) and scores.channel_scores.shape == (60, 2)
            assert scores.alarms.dtype == bool and scores.scores.dtype == np.float32
    except ValueError as error:
        assert path.name in str(error), f"the error does not name the file: {error}"
        return one_line(error)
    return ""
