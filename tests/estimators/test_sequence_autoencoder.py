"""What a fitted sequence autoencoder does with sequences, codes and settings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

import seqae
from generators import ragged_readings
from seqae import GaussianCode, LogMel, SequenceAutoencoder, load, save
from seqae.data import Audio

SMALL = {"code_size": 3, "hidden_size": 8, "epochs": 1}


@pytest.fixture(scope="module")
def waves() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.sin(np.arange(rng.integers(10, 31)) / 3 + rng.uniform(0, 6)) for _ in range(80)]


@pytest.fixture(scope="module")
def trained(waves) -> SequenceAutoencoder:
    """An autoencoder that has learnt."""
    settings = {"hidden_size": 32, "epochs": 80, "learning_rate": 5e-3, "validation_fraction": 0}
    return SequenceAutoencoder("gru", 4, **settings).fit(waves)


def test_lengths_are_learnt_with_the_rest():
    ramps = [np.arange(float(length)) for length in np.random.default_rng(0).integers(5, 30, 60)]
    settings = {"hidden_size": 16, "epochs": 60, "learning_rate": 1e-2, "validation_fraction": 0}
    model = SequenceAutoencoder("gru", 2, **settings).fit(ramps)
    told = np.array([len(rows) for rows in model.decode(model.encode(ramps))])
    true = np.array([len(rows) for rows in ramps])
    assert np.abs(told - true).mean() < 2 and np.abs(true - np.median(true)).mean() > 5


def test_it_learns_more_than_the_mean(trained, waves):
    assert trained.score(waves) > 0.5
    assert trained.history_["train"][-1] < 0.5 * trained.history_["train"][0]


def test_codes_are_decoded_to_what_is_reconstructed(trained, waves):
    lengths = [len(rows) for rows in waves]
    for decoded, reconstructed in zip(trained.decode(trained.encode(waves), lengths), trained.reconstruct(waves)):
        np.testing.assert_allclose(decoded, reconstructed, atol=1e-4)
    assert [len(rows) for rows in trained.decode(trained.encode(waves[:3]), 7)] == [7, 7, 7]
    for one, other in zip(trained.inverse_transform(trained.transform(waves)), trained.decode(trained.encode(waves))):
        np.testing.assert_array_equal(one, other)


def test_the_strange_sequence_has_the_lowest_score(trained, waves):
    strange = np.random.default_rng(1).normal(scale=2, size=20)
    scores = trained.score_samples([*waves, strange])
    assert scores.shape == (81,) and scores.argmin() == 80
    error = waves[0] - trained.reconstruct(waves[:1])[0]
    assert scores[0] == pytest.approx(-np.mean((error / trained.steps_.scaler_.scale_) ** 2), rel=1e-3)


def test_generated_sequences_are_like_those_of_the_training(trained, waves):
    generated = trained.generate(200, random_state=1)
    assert len(generated) == 200 and all(rows.ndim == 1 and np.isfinite(rows).all() for rows in generated)
    assert np.concatenate(generated).std() == pytest.approx(np.concatenate(waves).std(), rel=0.5)
    for one, other in zip(generated[:5], trained.generate(5, random_state=1)):
        assert one.shape == other.shape
    assert not np.array_equal(generated[0], trained.generate(1, random_state=2)[0])


def test_sequences_are_generated_from_the_prior_of_a_gaussian_code():
    model = SequenceAutoencoder(**SMALL, bottleneck=GaussianCode()).fit(ragged_readings())
    codes = np.random.default_rng(4).standard_normal((3, 3))
    for generated, decoded in zip(model.generate(3, random_state=4), model.decode(codes)):
        np.testing.assert_allclose(generated, decoded)


def test_columns_of_frames_are_found_by_name():
    def frames(kind, names):
        return [kind(dict(zip(names, rows.T))) for rows in ragged_readings()]

    model = SequenceAutoencoder(**SMALL).fit(frames(pd.DataFrame, ["a", "b"]))
    rows = [pl.DataFrame(frame)[["b", "a"]] for frame in frames(dict, ["a", "b"])]
    np.testing.assert_allclose(model.encode(rows), model.encode(ragged_readings()), atol=1e-6)
    with pytest.raises(ValueError, match="'b'"):
        model.encode([frame[["a"]] for frame in rows])


def test_missing_values_change_the_code_of_their_sequence_alone(fitted):
    sequences = ragged_readings(4)
    expected = fitted.encode(sequences)
    sequences[2][1, 0] = np.nan
    codes = fitted.encode(sequences)
    assert np.isfinite(codes).all() and not np.allclose(codes[2], expected[2])
    np.testing.assert_allclose(np.delete(codes, 2, axis=0), np.delete(expected, 2, axis=0), atol=1e-6)
    assert all(np.isfinite(rows).all() for rows in fitted.reconstruct(sequences))
    assert np.isfinite(fitted.score(sequences)) and np.isfinite(fitted.score_samples(sequences)).all()


def test_a_table_is_reconstructed_row_by_row_in_windows():
    table = pd.DataFrame(np.random.default_rng(0).normal(size=(70, 2)), columns=["a", "b"])
    model = SequenceAutoencoder(**SMALL, window=16).fit(table)
    assert model.encode(table).shape == (5, 3)
    (rows,) = model.reconstruct(table)
    assert rows.shape == (70, 2)
    np.testing.assert_allclose(rows[16:32], model.reconstruct(table[16:32])[0], atol=1e-5)


def test_sequences_do_not_depend_on_units_or_levels(flat):
    sequences = [rows[:, 0] for rows in ragged_readings()]
    other = SequenceAutoencoder(**SMALL).fit([1000 * rows + 5 for rows in sequences])
    np.testing.assert_allclose(other.encode([1000 * rows + 5 for rows in sequences]), flat.encode(sequences), atol=1e-4)
    for one, two in zip(other.reconstruct([1000 * rows + 5 for rows in sequences]), flat.reconstruct(sequences)):
        np.testing.assert_allclose(one, 1000 * two + 5, rtol=1e-3, atol=0.1)


def test_texts_come_back_as_texts(texts):
    assert all(isinstance(text, str) for text in texts.reconstruct(["the cat sat"]) + texts.generate(2))
    assert np.isfinite(texts.encode(["a horse", ""])).all()
    strict = SequenceAutoencoder(**SMALL, unknown="raise").fit(["the cat sat", "a dog ran"])
    with pytest.raises(
        ValueError, match=r"text 1 has the unknown word 'horse'\. Leave it out, or say unknown='replace'"
    ):
        strict.encode(["a dog", "a horse"])


def own(channels: int = 2, written: int = 2) -> seqae.Autoencoder:
    encoder = seqae.RecurrentEncoder(seqae.LSTM(channels, 8), 4)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, written)), seqae.L1Code(0.1))


def test_a_copy_of_an_own_autoencoder_is_trained():
    model = own()
    before = [weights.clone() for weights in model.parameters()]
    fitted = SequenceAutoencoder(model, epochs=1).fit(ragged_readings())
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters()))
    assert not torch.equal(before[0], next(fitted.model_.parameters()))
    assert fitted.encode(ragged_readings(5)).shape == (5, 4) and isinstance(fitted.model_.code, seqae.L1Code)
    with pytest.raises(ValueError, match="no lengths, and this model has not learnt them"):
        fitted.decode(np.ones((1, 4)))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (own(channels=3), r"this Autoencoder cannot read steps of shape \(2,\), such as those of sequence 0"),
        (own(written=1), r"this Autoencoder writes steps of shape \(1,\) for steps of \(2,\)"),
        ("rnn", "no architecture 'rnn'. Expected resampled, lstm, gru, conv, attention"),
        (3, "architecture=3. Expected 'lstm', 'gru', 'conv', 'attention' or an Autoencoder"),
        (seqae.LSTM(2, 3), "Expected 'lstm', 'gru', 'conv', 'attention' or an Autoencoder"),
    ],
)
def test_an_architecture_that_does_not_fit_is_named(architecture, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        SequenceAutoencoder(architecture, epochs=1).fit(ragged_readings())
    assert "\n" not in str(caught.value)


def test_an_own_autoencoder_without_flags_for_missing_values_is_told_to_take_some():
    holes = ragged_readings()
    holes[3][1, 1] = np.nan
    with pytest.raises(ValueError, match=r"makes NaN of missing values\. Give its encoder embed=MissingValueEmbedding"):
        SequenceAutoencoder(own(), epochs=1).fit(holes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"code_size": 0}, "code_size=0. Expected a whole number of at least 1"),
        ({"code_size": 2.5}, "code_size=2.5. Expected a whole number"),
        ({"hidden_size": 6}, "a hidden_size of 6. Expected a multiple of 4"),
        ({"num_layers": 0}, "num_layers=0. Expected"),
        ({"epochs": -1}, "epochs=-1. Expected a whole number of at least 0"),
        ({"epochs": True}, "epochs=True. Expected a whole number"),
        ({"batch_size": 0}, "batch_size=0. Expected"),
        ({"window": 0}, "window=0. Expected"),
        ({"window": "16"}, "window='16'. Expected"),
        ({"validation_fraction": 1}, "validation_fraction=1. Expected a number from 0"),
        ({"channels": 3}, r"sequences of 2 channels \(shape .*\). Expected 3"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        SequenceAutoencoder(**{**SMALL, **settings}).fit(ragged_readings())


FIT = {
    "one sequence": ([np.ones((5, 2))], "there is one sequence alone. Give more, or cut a long table in windows"),
    "a channel without values": ([np.array([[1, np.nan]] * 3)] * 4, "channel 1 has no value in any sequence"),
    "a named channel without values": ([pd.DataFrame({"a": [1.0, 2.0], "b": np.nan})] * 4, "channel 'b' has no value"),
    "a missing pixel": ([np.full((2, 1, 8, 8), np.nan), np.ones((3, 1, 8, 8))], "sequence 0 has no value"),
    "frames of two sizes": ([np.ones((2, 1, 8, 8)), np.ones((2, 1, 9, 9))], "sequence 1 has steps of shape (1, 9, 9)"),
}


@pytest.mark.parametrize("name", FIT)
def test_sequences_that_nothing_can_be_learnt_from_are_named(name):
    sequences, message = FIT[name]
    with pytest.raises(ValueError) as caught:
        SequenceAutoencoder(**SMALL).fit(sequences)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_ids_that_would_take_all_memory_are_refused():
    with pytest.raises(
        ValueError, match=r"the largest id is 1000000000\. Expected ids below 1000000, .* Number those in"
    ):
        SequenceAutoencoder(**SMALL, tokens=True).fit([[1, 10**9], [2]])
    model = SequenceAutoencoder(**SMALL, tokens=True).fit([[1, 4], [2]])
    with pytest.raises(ValueError, match=r"sequence 0 has the id 7 \(step 1\). Expected ids below 5, as in fit"):
        model.encode([[1, 7]])


def test_pixels_of_a_film_may_be_missing_in_no_frame():
    films = [np.ones((3, 1, 8, 8)) * n for n in range(1, 5)]
    films[2][1, 0, 3, 3] = np.nan
    with pytest.raises(ValueError, match=r"sequence 2 has a frame with missing pixels, NaN \(step 1\). Fill them"):
        SequenceAutoencoder(**SMALL).fit(films)


USE = {
    "codes of another size": (lambda model: model.decode(np.ones((2, 5))), "codes of shape (2, 5) (float64). Expected"),
    "one code alone": (lambda model: model.decode(np.ones(3)), "codes of shape (3,)"),
    "codes of text": (lambda model: model.decode([["a", "b", "c"]]), "codes of shape (1, 3) (<U1). Expected numbers"),
    "codes that are not finite": (
        lambda model: model.decode([[0, 0, 0], [1, np.nan, 1]]),
        "code 1 holds NaN or infinity",
    ),
    "a length too few": (lambda model: model.decode(np.ones((2, 3)), [4]), "lengths of shape (1,) (int64) for 2 codes"),
    "a length of 0": (lambda model: model.decode(np.ones((2, 3)), [4, 0]), "Give whole numbers from 1"),
    "a negative length": (lambda model: model.decode(np.ones((2, 3)), -4), "Give whole numbers from 1"),
    "half a step": (lambda model: model.decode(np.ones((2, 3)), [4.5, 1]), "Give whole numbers from 1"),
    "other channels": (
        lambda model: model.encode([np.ones((4, 3))]),
        "sequences of 3 channels (shape (4, 3)). Expected 2",
    ),
    "swapped axes": (lambda model: model.encode([np.ones((2, 9))]), "Are the axes swapped? Give x.T for each"),
    "no channels": (lambda model: model.encode([np.ones(4)]), "sequences of 1 channels"),
    "texts": (lambda model: model.encode(["a"]), "these sequences are texts. Expected readings, as in fit"),
    "films": (lambda model: model.score([np.ones((2, 2, 8, 8))]), "these sequences are frames. Expected readings"),
}


@pytest.mark.parametrize("name", USE)
def test_what_does_not_fit_the_training_is_named(name, fitted):
    use, message = USE[name]
    with pytest.raises(ValueError) as caught:
        use(fitted)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_short_sequences_of_many_channels_need_no_word_after_fit():
    model = SequenceAutoencoder(**SMALL).fit(ragged_readings(channels=5))
    assert model.encode(np.ones((4, 2, 5))).shape == (4, 3)


METHODS = ["encode", "transform", "reconstruct", "score", "score_samples", "to_tensors"]


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_done_before_fit(method):
    with pytest.raises(NotFittedError, match="SequenceAutoencoder instance is not fitted"):
        getattr(SequenceAutoencoder(), method)(ragged_readings())


def test_no_codes_are_decoded_generated_or_saved_before_fit(tmp_path):
    for use in (
        lambda model: model.decode([[1.0]]),
        lambda model: model.generate(),
        lambda model: model.save(tmp_path),
    ):
        with pytest.raises(NotFittedError):
            use(SequenceAutoencoder())


def sounds() -> list[Audio]:
    rng = np.random.default_rng(0)
    return [Audio(rng.normal(size=length).astype(np.float32) * 0.1, 8000) for length in rng.integers(2000, 4000, 6)]


SAVED = {
    "readings": (ragged_readings, {}),
    "flat readings": (lambda: [rows[:, 0] for rows in ragged_readings()], {"architecture": "lstm"}),
    "convolutions": (ragged_readings, {"architecture": "conv"}),
    "attention": (ragged_readings, {"architecture": "attention"}),
    "texts": (lambda: ["the cat sat", "a dog ran"] * 3, {}),
    "texts with byte pairs": (lambda: ["the cat sat", "a dog ran"] * 3, {"vocabulary": seqae.BytePairs(max_size=300)}),
    "tokens": (lambda: [[1, 2], [0, 3, 1]], {"tokens": True}),
    "frames": (lambda: [np.random.default_rng(n).random((2 + n, 1, 8, 8)) for n in range(3)], {}),
    "sounds": (sounds, {"log_mel": LogMel(8000, n_mels=8)}),
    "a table": (lambda: pd.DataFrame({"a": np.arange(40.0), "b": np.arange(40.0) % 3}), {"window": 8}),
    "an own autoencoder": (ragged_readings, {"architecture": own()}),
    "a sparse code": (ragged_readings, {"bottleneck": seqae.L1Code(0.1)}),
    "few components": (ragged_readings, {"bottleneck": seqae.TopKCode(2)}),
    "a Gaussian code": (ragged_readings, {"bottleneck": GaussianCode()}),
    "a code of bits": (ragged_readings, {"bottleneck": seqae.modules.BinaryCode()}),
    "corrupted input": (ragged_readings, {"corrupt": seqae.MaskSteps(0.1)}),
}


@pytest.mark.parametrize("name", SAVED)
def test_what_was_saved_does_all_as_before(name, tmp_path):
    build, settings = SAVED[name]
    try:
        model = SequenceAutoencoder(**{**SMALL, **settings}).fit(build())
    except seqae.MissingExtra as error:
        pytest.skip(str(error))
    again = SequenceAutoencoder.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.encode(build()), model.encode(build()))
    np.testing.assert_array_equal(again.score_samples(build()), model.score_samples(build()))
    assert all(np.array_equal(*pair) for pair in zip(again.reconstruct(build()), model.reconstruct(build())))
    assert str(again.report_) == str(model.report_) and again.history_ == model.history_
    recorded = seqae.artifact.inspect(tmp_path / "model")["metrics"]
    assert recorded == pytest.approx(model.report_.metrics())


def test_what_else_a_folder_holds_is_said(tmp_path):
    folder = save(seqae.LSTM(2, 3), tmp_path / "lstm")
    with pytest.raises(ValueError, match=r"holds a LSTM\. Expected a SequenceAutoencoder\. Use seqae\.load"):
        SequenceAutoencoder.load(folder)
    with pytest.raises(FileNotFoundError):
        SequenceAutoencoder.load(tmp_path / "nothing")


def test_a_saved_encoder_and_what_is_in_it_answer_as_before(tmp_path):
    encoder = seqae.SequenceEncoder(**SMALL).fit(ragged_readings())
    again = load(save(encoder, tmp_path / "encoder"))
    np.testing.assert_array_equal(again.transform(ragged_readings()), encoder.transform(ragged_readings()))


def test_settings_of_an_earlier_version_are_named_when_loading(tmp_path):
    import json

    from seqae.artifact.checksum import add_checksum

    folder = save(seqae.SequenceEncoder(**SMALL).fit(ragged_readings()), tmp_path / "encoder")
    content = json.loads((folder / "seqae.json").read_text())
    del content["sha256"]
    content["provenance"]["seqae"] = "0.0.9"
    content["tree"]["object"]["settings"] |= {"kernel_size": 3}
    (folder / "seqae.json").write_bytes(add_checksum(content))
    with pytest.raises(ValueError, match=r"SequenceEncoder takes no kernel_size\. .*It was written by seqae 0\.0\.9"):
        load(folder)
