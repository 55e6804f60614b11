"""Sequences are split and trained on in an order that follows from the seed."""

from __future__ import annotations

import numpy as np
import torch

import seqae
from generators import normal
from seqae.estimators.training import split, train_autoencoder


def test_a_split_is_random_and_the_same_for_the_same_seed():
    parts = [split(40, 0.25, seed) for seed in (0, 0, 1)]
    for part in parts:
        assert len(part.held_out) == 10 and np.sort([*part.train, *part.held_out]).tolist() == list(range(40))
    chosen = [part.held_out.tolist() for part in parts]
    assert chosen[0] == chosen[1] != chosen[2]
    assert chosen[0] != list(range(10)) != chosen[2]


def test_the_seed_chooses_the_order_of_the_batches():
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(0)
        model = seqae.Autoencoder(seqae.MeanEncoder(2, code_size=2), seqae.ConstantDecoder(torch.nn.Linear(2, 2)))
        own = {"architecture": "own", "corrupt": None, "learning_rate": None, "progress": False, "accelerator": "cpu"}
        sequences = normal(*[5] * 12, step=(2,))
        train_autoencoder(model, seqae.squared_error, sequences, [], epochs=1, batch_size=4, seed=seed, **own)
        return torch.cat([each.detach().flatten() for each in model.parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))
