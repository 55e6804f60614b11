"""`seqae fit`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

import seqae
from seqae import architectures
from seqae.cli import fit

SMALL = ("--epochs", "1", "--code-size", "2", "--hidden-size", "4")


@pytest.fixture
def waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Sequences, and a file with them in the working folder."""
    monkeypatch.chdir(tmp_path)
    found = [np.random.default_rng(seed).normal(size=(4 + seed % 3, 2)) for seed in range(12)]
    np.savez("waves.npz", **{f"w{index}": rows for index, rows in enumerate(found)})
    return found


def test_data_model_what_was_learnt_and_what_to_do_next_are_printed(waves: list[np.ndarray], command: Callable):
    done = command("fit", "waves.npz", *SMALL, "-o", "model")
    assert done.code == 0
    estimator = seqae.load("model")
    parameters = sum(weights.numel() for weights in estimator.model_.parameters())
    assert done.out.splitlines() == [
        "data arrays: 12 of 4 to 6 steps of 2",
        f"model conv, codes of 2 numbers, {parameters:,} parameters",
        f"learnt {estimator.report_}",
        *[f"note {warning}" for warning in estimator.warnings_],
        "wrote model",
        "next seqae encode model FILES, reconstruct, score; seqae inspect model",
    ]
    assert "epoch 1/1" in done.err


def test_the_model_is_that_of_python(waves: list[np.ndarray], command: Callable):
    options = ("--architecture", "conv", "--batch-size", "4", "--seed", "3")
    assert command("fit", "waves.npz", *SMALL, *options, "-o", "model").code == 0
    settings = {"hidden_size": 4, "epochs": 1, "batch_size": 4, "random_state": 3}
    expected = seqae.SequenceAutoencoder("conv", 2, **settings).fit(waves)
    np.testing.assert_allclose(seqae.load("model").encode(waves), expected.encode(waves), rtol=1e-5, atol=1e-6)


def test_json_is_one_object_and_nothing_else(waves: list[np.ndarray], command: Callable):
    done = command("fit", "waves.npz", *SMALL, "-o", "model", "--json")
    found = json.loads(done.printed)
    estimator = seqae.load("model")
    assert found["metrics"] == pytest.approx(estimator.report_.metrics())
    assert found["model"]["code_size"] == 2
    assert (found["data"]["kind"], found["data"]["sequences"]) == ("readings", 12)
    assert found["written"] == ["model"]
    assert "learnt R2" in done.err


def test_another_process_encodes_as_python_does_and_without_lightning(waves: list[np.ndarray], command: Callable):
    assert command("fit", "waves.npz", *SMALL, "-o", "model").code == 0
    program = "import sys; from seqae.cli import main; main(sys.argv[1:]); sys.exit('lightning' in sys.modules)"
    words = [sys.executable, "-c", program, "encode", "model", "waves.npz", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["sequences"]) == (0, 12)
    codes = pd.read_csv("waves_codes.csv").filter(like="code_").to_numpy()
    np.testing.assert_allclose(codes, seqae.load("model").encode(waves), rtol=1e-5)


def test_a_model_is_not_replaced_unasked(waves: list[np.ndarray], command: Callable):
    assert command("fit", "waves.npz", *SMALL, "-o", "model").code == 0
    before = Path("model/seqae.json").read_bytes()
    done = command("fit", "waves.npz", *SMALL, "--seed", "1", "-o", "model")
    assert done.code == 2
    assert done.err == "error: model holds a model already. Add --overwrite, or give another folder\n"
    assert Path("model/seqae.json").read_bytes() == before
    assert command("fit", "waves.npz", *SMALL, "--seed", "1", "-o", "model", "--overwrite").code == 0
    assert Path("model/seqae.json").read_bytes() != before
    done = command("fit", "waves.npz", *SMALL, "-o", "waves.npz", "--overwrite")
    assert done.err == "error: waves.npz is a file. Give a folder for the model\n"
    assert len(np.load("waves.npz").files) == 12


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["waves.npz", "--epochs", "-1"], "--epochs -1. Expected a whole number"),
        (["waves.npz", "--code-size", "0"], "--code-size 0. Expected a whole number of at least 1"),
        (["waves.npz", "--time-column", "clock"], "--time-column is for tables, and these are arrays. Leave it out"),
        (["waves.npz", "--size", "8", "8"], "--size is for videos, and these are arrays. Leave it out"),
        (["texts.txt", "--window", "8"], "--window 8 cuts tables, and these are texts. Leave it out"),
        (["one.csv"], "cut a long table in windows with --window"),
        (["one.csv", "--window", "0"], "--window 0"),
        (["label.csv", "--window", "2"], "leave the column out: --ignore label"),
        (["waves.npz", "texts.txt"], "waves.npz holds arrays, texts.txt texts. Expected files of one kind"),
        (["pickled.npz"], "pickled.npz"),
        (["wide.npz"], "sequence odd has steps of shape (3,), sequence w of (2,)"),
        (["swapped.npz"], "or say --num-channels 9 if they are right"),
        (["notes.doc"], "cannot tell what notes.doc holds. Expected tables (.csv"),
        (["empty"], "nothing to read in the folder empty. Expected tables (.csv"),
        (["wavs.npz"], "Did you mean waves.npz?"),
        (["waves.npz", "--architecture", "lsmt"], "Did you mean lstm?"),
    ],
)
def test_what_is_wrong_is_one_line_in_the_words_of_the_shell(
    words: list[str], text: str, waves: list[np.ndarray], command: Callable
):
    Path("texts.txt").write_text("a\nb\n")
    Path("one.csv").write_text("flow\n1\n2\n")
    Path("label.csv").write_text("flow,label\n1,a\n2,b\n3,a\n4,b\n")
    Path("notes.doc").write_text("a")
    Path("empty").mkdir()
    np.savez("pickled.npz", a=np.array([{}, {}], dtype=object))
    np.savez("wide.npz", w=np.zeros((4, 2)), odd=np.zeros((4, 3)))
    np.savez("swapped.npz", a=np.zeros((2, 9)), b=np.ones((2, 9)))
    before = sorted(Path().iterdir())
    done = command("fit", *words, "-o", "model")
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_the_architectures_are_those_of_the_library():
    assert get_args(fit.Architecture) == get_args(architectures.Architecture)
