"""`seqae inspect`."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import seqae
from seqae.cli.describe import _lines


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The folder of a run that holds a model."""
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, hidden_size=16), code_size=4)
    decoder = seqae.RepeatDecoder(seqae.LSTM(4, hidden_size=16), head=nn.Linear(16, 3))
    seqae.save(seqae.Autoencoder(encoder, decoder), tmp_path / "run" / "model", metrics={"vus_pr": 0.71234567})
    return tmp_path / "run"


def test_a_model_is_described_with_its_parts_metrics_and_versions(run_folder: Path, command: Callable):
    text = command("inspect", str(run_folder)).out
    model = seqae.load(run_folder / "model")
    assert f"folder {run_folder / 'model'}\n" in text
    assert f"parameters {sum(weights.numel() for weights in model.parameters()):,}\n" in text
    assert f"seqae {seqae.__version__}" in text
    assert "metric vus_pr 0.712346\n" in text
    assert "model Autoencoder\n" in text
    assert "encoder RecurrentEncoder code_size 4" in text
    assert "rnn LSTM input_size 3, hidden_size 16" in text


def test_a_damaged_model_is_one_line(run_folder: Path, command: Callable):
    description = run_folder / "model" / "seqae.json"
    description.write_text(description.read_text().replace("0.71234567", "0.99999999"))
    done = command("inspect", str(run_folder / "model"))
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "seqae.json" in done.err
    assert done.err.count("\n") == 1


def test_a_folder_without_a_model_is_named(tmp_path: Path, command: Callable):
    done = command("inspect", str(tmp_path))
    assert done.code == 2
    assert str(tmp_path) in done.err


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (2.34567891, "2.34568"),
        ({"tuple": ["flow", "pressure"]}, "flow, pressure"),
        (list(range(100)), "0, 1, 2, 3, 4, 5, 6, 7, ... (100 in all)"),
        ({"array": {"shape": [8], "dtype": "<f8", "values": ""}}, "array of 8"),
        ({"dict": {"flow": "l/min"}}, "flow l/min"),
        ({"float": "nan"}, "nan"),
        ({"function": "seqae.losses.squared_error"}, "squared_error"),
        (None, "None"),
    ],
)
def test_plain_values_are_short(node: object, text: str):
    tree = {"object": {"class": "seqae.anomaly.detector.Detector", "settings": {}, "learnt": {"value_": node}}}
    assert list(_lines("model", tree, 0)) == [("model", "Detector"), ("  value_", text)]
