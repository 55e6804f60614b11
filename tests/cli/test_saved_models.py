"""Every command on every type of saved model, beside what the model says in Python."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqae

SEQUENCES = [np.random.default_rng(seed).normal(size=(4 + seed, 2)) for seed in range(4)]
CLASSES = ["up", "down", "up", "down"]
TEXTS = ["a b c", "b", "c a"]


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of readings, tokens and texts in the working folder."""
    monkeypatch.chdir(tmp_path)
    np.savez("waves.npz", **{f"w{index}": rows for index, rows in enumerate(SEQUENCES)})
    np.savez("tokens.npz", t0=np.array([1, 2, 3]), t1=np.array([4]))
    Path("texts.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    cases = (":".join(",".join(map(repr, column)) for column in rows.T.tolist()) for rows in SEQUENCES)
    Path("waves.ts").write_text("@data\n" + "".join(f"{case}:{name}\n" for case, name in zip(cases, CLASSES)))


def autoencoder(input_size: int = 2, embed: nn.Module | None = None, outputs: int = 2, length: bool = False) -> Any:
    torch.manual_seed(0)
    encoder = seqae.RecurrentEncoder(seqae.GRU(input_size, hidden_size=4), code_size=3, embed=embed)
    decoder = seqae.RepeatDecoder(seqae.GRU(3, hidden_size=4), head=nn.Linear(4, outputs))
    return seqae.Autoencoder(encoder, decoder, length=seqae.autoencoder.LengthPredictor(3, 9) if length else None)


def text_autoencoder() -> Any:
    vocabulary = seqae.Vocabulary().fit(TEXTS)
    model = autoencoder(5, nn.Embedding(len(vocabulary), 5), len(vocabulary))
    return seqae.SequenceAutoencoder(model, vocabulary=vocabulary, epochs=0).fit(TEXTS)


def codes_in(path: str) -> np.ndarray:
    return pd.read_csv(path).filter(regex=r"^code_\d+$").to_numpy()


def arrays_in(path: str) -> list[np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return [arrays[name] for name in arrays.files]


def test_an_encoder_encodes_raw_sequences_and_nothing_else(command: Callable):
    encoder = autoencoder().encoder
    seqae.save(encoder, "model")
    assert command("encode", "model", "waves.npz").code == 0
    np.testing.assert_allclose(codes_in("waves_codes.csv"), seqae.encode(encoder, SEQUENCES), rtol=1e-5)
    for words in (["reconstruct", "waves.npz"], ["score", "waves.npz"], ["decode", "waves_codes.csv"]):
        done = command(words[0], "model", words[1])
        assert done.code == 2
        assert done.err == (
            f"error: this is a RecurrentEncoder: it cannot {words[0]} sequences (model). It can encode\n"
        )


def test_a_composite_autoencoder_encodes(command: Callable):
    both = autoencoder()
    seqae.save(seqae.modules.CompositeAutoencoder(both.encoder, past=both.decoder), "model")
    assert command("encode", "model", "waves.npz").code == 0
    np.testing.assert_allclose(codes_in("waves_codes.csv"), seqae.encode(both.encoder, SEQUENCES), rtol=1e-5)


def test_an_autoencoder_encodes_reconstructs_decodes_and_scores_raw_sequences(command: Callable):
    model = autoencoder()
    seqae.save(model, "model")
    assert all(command(name, "model", "waves.npz").code == 0 for name in ("encode", "reconstruct", "score"))
    assert command("decode", "model", "waves_codes.csv").code == 0
    expected = seqae.inference.reconstruct(model, SEQUENCES)
    for path in ("waves_reconstruction.npz", "waves_codes_decoded.npz"):
        for one, other in zip(arrays_in(path), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    errors = [-((rows - found) ** 2).mean() for rows, found in zip(SEQUENCES, expected)]
    np.testing.assert_allclose(pd.read_csv("waves_scores.csv")["score"], errors, rtol=1e-4)


def test_an_autoencoder_of_tokens_reads_ids(command: Callable):
    model = autoencoder(5, nn.Embedding(6, 5), 6)
    seqae.save(model, "model")
    assert command("encode", "model", "tokens.npz").code == 0
    tokens = [torch.tensor([1, 2, 3]), torch.tensor([4])]
    np.testing.assert_allclose(codes_in("tokens_codes.csv"), seqae.encode(model, tokens), rtol=1e-5)
    assert command("reconstruct", "model", "tokens.npz").code == 0
    expected = [logits.argmax(axis=-1) for logits in seqae.inference.reconstruct(model, tokens)]
    for one, other in zip(arrays_in("tokens_reconstruction.npz"), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    done = command("encode", "model", "waves.npz")
    assert done.err.startswith("error: sequence w0 holds float64 of shape (4, 2), and this model reads ids of tokens.")


def test_an_autoencoder_says_what_it_cannot_read(command: Callable):
    seqae.save(autoencoder(), "model")
    np.savez("wide.npz", a=np.zeros((4, 3)), b=np.zeros((2, 3)))
    done = command("score", "model", "wide.npz")
    assert done.code == 2
    assert done.err.startswith("error: steps of shape (3,); this layer reads vectors of 2.")
    np.savez("films.npz", a=np.zeros((4, 1, 3, 2)), b=np.zeros((2, 1, 3, 2)))
    done = command("encode", "model", "films.npz")
    assert done.code == 2
    assert "(1, 3, 2)" in done.err
    np.savez("holes.npz", a=np.zeros((4, 2)), b=np.full((3, 2), np.nan))
    for name in ("encode", "reconstruct", "score"):
        done = command(name, "model", "holes.npz")
        assert done.code == 2
        assert re.search(r"missing values \(NaN\).*(Fill them first|fill the values first)", done.err)
        assert "sequence b" in done.err
    assert not [path for path in Path().iterdir() if path.name.startswith("holes_")]


def test_missing_values_are_read_by_a_model_that_can(command: Callable):
    model = autoencoder(4, seqae.MissingValueEmbedding())
    seqae.save(model, "model")
    rows = SEQUENCES[0].copy()
    rows[1, 0] = np.nan
    np.savez("holes.npz", a=rows)
    assert all(command(name, "model", "holes.npz").code == 0 for name in ("encode", "score"))
    np.testing.assert_allclose(codes_in("holes_codes.csv"), seqae.encode(model, [rows.astype(np.float32)]), rtol=1e-5)
    error = np.nanmean((rows - seqae.inference.reconstruct(model, [rows.astype(np.float32)])[0]) ** 2)
    np.testing.assert_allclose(pd.read_csv("holes_scores.csv")["score"], -error, rtol=1e-4)


def test_codes_are_decoded_with_lengths_that_are_given_or_told(command: Callable):
    np.save("codes.npy", np.ones((3, 3)))
    seqae.save(autoencoder(), "model")
    done = command("decode", "model", "codes.npy")
    assert done.err.startswith("error: no lengths, and this model has not learnt them.")
    assert command("decode", "model", "codes.npy", "--lengths", "2", "5", "1").code == 0
    assert list(map(len, arrays_in("codes_decoded.npz"))) == [2, 5, 1]
    assert command("decode", "model", "codes.npy", "--lengths", "7", "--out", "same.csv").code == 0
    table = pd.read_csv("same.csv")
    assert list(table.columns) == ["name", "step", "channel_0", "channel_1"]
    assert list(table["step"]) == [*range(7)] * 3
    seqae.save(autoencoder(length=True), "model")
    assert command("decode", "model", "codes.npy", "--overwrite").code == 0
    for lengths in (["4", "4"], ["0"]):
        done = command("decode", "model", "codes.npy", "--lengths", *lengths, "--overwrite")
        assert done.err.startswith(f"error: --lengths {' '.join(lengths)} for 3 codes. Expected one for all")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv", "flow\n1\n", "no columns code_0, code_1, ... (a.csv)"),
        ("a.csv", "code_0,code_2\n1,2\n", "no columns code_0, code_1, ... (a.csv)"),
        ("a.npy", np.zeros(3), "a.npy holds a.npy (3,). Expected one array of codes, (code, number)"),
        ("a.npy", np.zeros((2, 4)), "codes of 4 numbers. Expected 3, as this Autoencoder writes"),
        ("a.npy", np.array([[1, np.nan, 2]]), "code_1 of row 0 is missing or infinite (a.npy)"),
        ("a.csv", "code_0,code_1,code_2\n1,2,x\n", "a code is no number (a.csv"),
        ("a.csv", "length,code_0,code_1,code_2\n0,1,2,3\n", "the column length of a.csv does not hold whole numbers"),
    ],
)
def test_what_are_no_codes_is_one_line(name: str, content: Any, text: str, command: Callable):
    np.save(name, content) if name.endswith(".npy") else Path(name).write_text(content)
    seqae.save(autoencoder(length=True), "model")
    done = command("decode", "model", name)
    assert done.code == 2
    assert text in done.err
    assert done.err.count("\n") == 1


def test_a_text_autoencoder_reads_and_writes_texts(command: Callable):
    model = text_autoencoder()
    seqae.save(model, "model")
    assert all(command(name, "model", "texts.txt").code == 0 for name in ("encode", "reconstruct", "score"))
    np.testing.assert_allclose(codes_in("texts_codes.csv"), model.encode(TEXTS), rtol=1e-5)
    expected = "".join(f"{text}\n" for text in model.reconstruct(TEXTS))
    assert Path("texts_reconstruction.txt").read_text() == expected
    assert command("decode", "model", "texts_codes.csv", "--out", "back.txt").code == 0
    assert Path("back.txt").read_text() == "".join(f"{text}\n" for text in model.decode(model.encode(TEXTS)))
    assert command("reconstruct", "model", "texts.txt", "--out", "table.jsonl").code == 0
    assert list(pd.read_json("table.jsonl", lines=True)["text"]) == model.reconstruct(TEXTS)
    assert len(pd.read_csv("texts_scores.csv")) == 3


def test_a_sequence_encoder_encodes_and_reconstructs(command: Callable):
    encoder = seqae.SequenceEncoder(code_size=3, hidden_size=4, epochs=1).fit(SEQUENCES)
    seqae.save(encoder, "model")
    assert command("encode", "model", "waves.npz").code == 0
    np.testing.assert_allclose(codes_in("waves_codes.csv"), encoder.transform(SEQUENCES), rtol=1e-4)
    assert command("reconstruct", "model", "waves.npz").code == 0
    for one, other in zip(
        arrays_in("waves_reconstruction.npz"), encoder.autoencoder_.reconstruct(SEQUENCES), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4)
    assert command("score", "model", "waves.npz").code == 0
    scores = pd.read_csv("waves_scores.csv")["score"]
    np.testing.assert_allclose(scores, encoder.autoencoder_.score_samples(SEQUENCES), rtol=1e-4)


def test_a_classifier_writes_predictions_probabilities_and_how_many_are_right(command: Callable):
    encoder = seqae.SequenceEncoder(code_size=3, hidden_size=4, epochs=1).fit(SEQUENCES)
    classifier = seqae.SequenceClassifier(encoder, epochs=2).fit(SEQUENCES, CLASSES)
    seqae.save(classifier, "model")
    report = json.loads(command("score", "model", "waves.ts", "--json").printed)
    table = pd.read_csv("waves_scores.csv")
    predictions = classifier.predict(SEQUENCES)
    assert list(table["prediction"]) == list(predictions)
    np.testing.assert_allclose(table["probability_up"] + table["probability_down"], 1, rtol=1e-5)
    assert list(table["probability_up"] > 0.5) == [name == "up" for name in predictions]
    assert report["accuracy"] == np.mean(predictions == CLASSES)
    assert report["predictions"] == pd.Series(predictions).value_counts().to_dict()
    assert command("encode", "model", "waves.ts").code == 0
    np.testing.assert_allclose(codes_in("waves_codes.csv"), classifier.autoencoder_.encode(SEQUENCES), rtol=1e-4)
    assert command("decode", "model", "waves_codes.csv").err.startswith("error: this is a SequenceClassifier")


@pytest.mark.parametrize("name", ["encode", "reconstruct", "score", "decode"])
def test_other_models_say_that_they_cannot(name: str, command: Callable):
    vocabulary = seqae.Vocabulary().fit(TEXTS)
    torch.manual_seed(0)
    model = seqae.Translator(vocabulary, vocabulary, seqae.attention_seq2seq(9, 9))
    seqae.save(model, "model")
    np.save("codes.npy", np.ones((3, 3)))
    done = command(name, "model", "codes.npy" if name == "decode" else "waves.npz")
    assert done.code == 2
    assert done.err.startswith(f"error: this is a {type(model).__name__}: it cannot {name} sequences (model). ")
    assert done.err.count("\n") == 1


def test_every_type_is_inspected_with_kind_and_code_size(command: Callable):
    encoder = seqae.SequenceEncoder(code_size=3, hidden_size=4, epochs=0).fit(SEQUENCES)
    models = {
        "readings": [encoder, seqae.SequenceClassifier(encoder, epochs=0).fit(SEQUENCES, CLASSES)],
        "texts": [text_autoencoder()],
        None: [autoencoder(), autoencoder().encoder],
    }
    for sequences, kinds in models.items():
        for model in kinds:
            seqae.save(model, "model")
            found = json.loads(command("inspect", "model", "--json").printed)
            assert (found["kind"], found["code_size"]) == (type(model).__name__, 3)
            assert found.get("sequences") == sequences
            assert found["files"]["seqae.json"] == Path("model/seqae.json").stat().st_size


def test_inspect_needs_no_torch():
    seqae.save(autoencoder(), "model")
    program = "import sys; from seqae.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    words = [sys.executable, "-c", program, "inspect", "model"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
