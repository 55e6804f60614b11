"""Applying a model changes nothing in it, for no thread, and reads nothing but sequences."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from seqae import LSTM, Autoencoder, Batch, RecurrentEncoder, RepeatDecoder, encode, reconstruct
from seqae.inference import in_evaluation
from seqae.modules.missing import MissingValueEmbedding


def model_with_dropout() -> Autoencoder:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(LSTM(3, 8, num_layers=2, dropout=0.5), 4)
    return Autoencoder(encoder, RepeatDecoder(LSTM(4, 8), nn.Sequential(nn.Dropout(0.5), nn.Linear(8, 3))))


ROWS = [np.random.default_rng(length).normal(size=(length, 3)).astype(np.float32) for length in (5, 9, 7)]


@pytest.mark.parametrize("apply", [encode, reconstruct])
def test_a_model_that_is_being_trained_stays_in_training_mode_throughout(apply):
    model = model_with_dropout()
    expected = apply(model.eval(), ROWS)
    model.train()
    seen: set[bool] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            seen.update(part.training for part in model.modules())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: apply(model, ROWS), range(12)))
    stop.set()
    watcher.join()
    assert seen == {True}
    for each in found:
        for own, other in zip(each, expected):
            np.testing.assert_array_equal(own, other)


def test_what_is_applied_has_the_weights_of_the_model_and_a_mode_of_its_own():
    model = model_with_dropout()
    tied = nn.ModuleList([model, model.encoder])
    with in_evaluation(tied) as evaluated:
        assert evaluated is not tied and evaluated[1] is evaluated[0].encoder
        assert not any(part.training for part in evaluated.modules())
        assert [id(each) for each in evaluated.parameters()] == [id(each) for each in tied.parameters()]
    with in_evaluation(tied.eval()) as evaluated:
        assert evaluated is tied


def test_a_model_whose_forward_was_replaced_is_switched_and_back():
    model = model_with_dropout()
    expected = encode(model.eval(), ROWS)
    model.train()
    model.encoder.forward = model.encoder.forward  # bound to this encoder, as a compiled one is
    np.testing.assert_array_equal(encode(model, ROWS), expected)
    assert all(part.training for part in model.modules())


NO_SEQUENCES = {
    "one sequence": (ROWS[0], r"got one array of shape \(5, 3\)\. Is it one sequence\? Put it in a list: \[data\]"),
    "a tensor": (torch.from_numpy(ROWS[0]), r"got one array of shape \(5, 3\)"),
    "numbers": (ROWS[0][:, 0], r"got one array of shape \(5,\)"),
    "a frame": (pd.DataFrame(ROWS[0]), "got one DataFrame. Give a list"),
    "a text": ("abc", "got one str"),
    "a dictionary": ({"a": ROWS[0]}, r"got one dict. Give them in a list: list\(data.values\(\)\)"),
    "a batch": (Batch.of([torch.ones(4, 3)]), r"got one Batch. Give its sequences: batch.unpad\(\)"),
    "single numbers": ([np.float32(1.0)], "sequence 0 of 1 is one number"),
    "complex numbers": ([torch.ones(4, 3, dtype=torch.complex64)], "sequence 0 holds torch.complex64"),
    "an infinite value": ([ROWS[0], ROWS[1] * np.inf], "sequence 1 is -?inf"),
    "a value beyond float32": ([np.full((4, 3), 1e200)], r"sequence 0 is 1e\+200 \(step 0\)"),
    "columns in another order": (
        [pd.DataFrame(ROWS[0], columns=list(names)) for names in ("abc", "bca")],
        "sequence 1 has the columns .* Give them in one order",
    ),
    "a missing value": ([ROWS[0], np.where(ROWS[1] > 1, np.nan, ROWS[1])], "sequence 1 has missing values .* embed="),
    "a masked value": ([np.ma.masked_greater(ROWS[1], 1)], "sequence 0 has missing values"),
}


@pytest.mark.parametrize("apply", [encode, reconstruct])
@pytest.mark.parametrize("name", NO_SEQUENCES)
def test_what_a_model_cannot_read_is_refused_with_advice(name, apply):
    data, message = NO_SEQUENCES[name]
    with pytest.raises(ValueError, match=message):
        apply(model_with_dropout(), data)


def test_missing_values_are_read_as_such_by_a_model_that_knows_them():
    encoder = RecurrentEncoder(LSTM(6, 8), 4, embed=MissingValueEmbedding())
    masked = np.ma.masked_greater(ROWS[1], 1)
    missing = np.where(ROWS[1] > 1, np.nan, ROWS[1])
    codes = encode(encoder, [masked, missing])
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(*codes)
