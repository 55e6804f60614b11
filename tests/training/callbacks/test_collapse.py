"""`fit` tells of a model that has learnt nothing, of no other, and changes nothing by it."""

import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae.datasets import LabelledDataset
from seqae.modules.encoders import NullEncoder
from seqae.training import TrainingWarning


def autoencoder(learns: bool) -> seqae.Autoencoder:
    torch.manual_seed(0)
    if learns:
        return seqae.Autoencoder(seqae.DenseEncoder(60, 1, 4), seqae.DenseDecoder(60, 1, 4))
    return seqae.Autoencoder(  # whose first result for a wave is its mean
        seqae.RecurrentEncoder(seqae.LSTM(1, 8), 8), seqae.RepeatDecoder(seqae.LSTM(8, 8), nn.Linear(8, 1))
    )


def loader(batch_size: int = 10) -> seqae.DataLoader[seqae.Batch]:
    return seqae.make_loader(waves(shortest=60, longest=60), batch_size)


def fit(model: seqae.Autoencoder, valid: bool, epochs: int, learning_rate: float = 0.003) -> seqae.History:
    task = seqae.Reconstruction(model, seqae.squared_error, learning_rate=learning_rate)
    return seqae.fit(task, loader(), loader() if valid else None, epochs=epochs, progress=False)


@pytest.mark.parametrize("valid", [False, True])
def test_an_lstm_that_has_learnt_the_mean_is_named_at_the_line_of_the_caller(valid):
    with pytest.warns(TrainingWarning, match="little more than the mean") as told:
        history = fit(autoencoder(learns=False), valid, epochs=10)
    assert [str(each.message) for each in told] == history.warnings and len(told) == 1
    assert told[0].filename == __file__
    assert issubclass(TrainingWarning, UserWarning)


def test_the_caller_of_an_estimator_is_named_too():
    noise = list(np.random.default_rng(0).normal(size=(40, 30, 1)))
    with pytest.warns(TrainingWarning) as told:
        seqae.SequenceAutoencoder(code_size=2, hidden_size=8, epochs=1).fit(noise)
    assert told[0].filename == __file__


@pytest.mark.parametrize("valid", [False, True])
def test_nothing_is_said_of_a_model_that_has_learnt(valid):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        history = fit(autoencoder(learns=True), valid, epochs=60)
    assert history.warnings == []


def test_nothing_changes_for_the_caller():
    def after(model) -> list:
        torch.manual_seed(7), np.random.seed(7), random.seed(7)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TrainingWarning)
            fit(model, valid=False, epochs=1)
        return [torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()]

    checked = autoencoder(learns=False)
    unchecked = autoencoder(learns=False)
    unchecked.encode = None  # no model with a code
    assert after(checked) == after(unchecked)
    assert all(torch.equal(one, other) for one, other in zip(checked.parameters(), unchecked.parameters()))
    assert checked.training == unchecked.training


@pytest.mark.parametrize(("batch_size", "looked_at"), [(2, [2] * 8), (160, [160] * 2)])
def test_no_more_than_a_few_batches_are_looked_at(batch_size, looked_at, monkeypatch):
    model = autoencoder(learns=False)
    task = seqae.Reconstruction(model, seqae.squared_error)
    rows = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda batch: (rows.append(len(batch)), encode(batch))[1])
    with pytest.warns(TrainingWarning):
        seqae.fit(task, seqae.make_loader(waves(640, shortest=60, longest=60), batch_size), epochs=1, progress=False)
    assert rows == looked_at  # training does not call it


def test_a_run_that_was_done_already_is_looked_at_too(tmp_path):
    for _ in range(2):
        task = seqae.Reconstruction(autoencoder(learns=False), seqae.squared_error, learning_rate=1e-5)
        with pytest.warns(TrainingWarning, match="mean"):
            seqae.fit(task, loader(), epochs=1, progress=False, checkpoint_dir=tmp_path)


def test_models_without_a_code_are_not_looked_at():
    data = LabelledDataset(waves(), np.arange(40) % 2)
    classification = seqae.Classification(seqae.MeanEncoder(1, 4), nn.Linear(4, 2))
    language = seqae.Autoencoder(NullEncoder(), seqae.ConstantDecoder(nn.Linear(1, 1)))

    class Other(nn.Module):
        """Its encode and decode are of texts."""

        def __init__(self):
            super().__init__()
            self.model = autoencoder(learns=False)

        def forward(self, batch, targets=None):
            return self.model(batch, targets)

        def encode(self, texts):
            return [text.upper() for text in texts]

        decode = encode

    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        seqae.fit(classification, seqae.make_loader(data, 8), epochs=1, progress=False)
        for model in (language, Other()):
            seqae.fit(seqae.Reconstruction(model, seqae.squared_error), loader(), epochs=1, progress=False)


def test_a_decoder_that_needs_no_code_is_named():
    torch.manual_seed(0)
    model = seqae.Autoencoder(
        seqae.RecurrentEncoder(seqae.GRU(5, 8, 1), 8, embed=nn.Embedding(6, 5)),
        seqae.AutoregressiveDecoder(4, seqae.GRU(5, 16), nn.Linear(16, 6), embed=nn.Embedding(6, 5)),
        seqae.GaussianCode(weight=50.0),
    )
    tokens = seqae.SequenceDataset([(torch.arange(8) + n) % 6 for n in range(30)])
    task = seqae.ELBO(model, seqae.token_cross_entropy, learning_rate=0.02)
    with pytest.warns(TrainingWarning, match="ignores its code .*nats"):
        seqae.fit(task, seqae.make_loader(tokens, 10), epochs=15, progress=False)
