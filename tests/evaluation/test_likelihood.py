import math

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import normal, spoiled
from seqae.datasets.images import ImageDataset, binarize
from seqae.evaluation.likelihood import active_units, estimate_nll, importance_bound, kl_per_unit, log_weights
from seqae.modules.codes import GaussianCode

BATCH = seqae.Batch.of(normal(4, 2, step=(2,)))


def linear_model(spread=0.3):
    """A model whose likelihood is known: two numbers, a step of two readings `x = W z + b` with unit noise."""
    torch.manual_seed(0)
    encoder = seqae.DenseEncoder(1, 2, 4, hidden_sizes=())
    decoder = seqae.ConstantDecoder(nn.Linear(2, 2))
    with torch.no_grad():
        encoder.layers[-1].weight.mul_(spread)
    return seqae.Autoencoder(encoder, decoder, GaussianCode())


def unit_error(prediction, steps):
    return 0.5 * (prediction - steps).square() + 0.5 * math.log(2 * math.pi)


def test_many_samples_reach_the_likelihood_and_few_stay_above():
    model, batch = linear_model(), seqae.Batch.full(torch.randn(5, 1, 2))
    weight, shift = model.decoder.head.weight.detach(), model.decoder.head.bias.detach()
    true = torch.distributions.MultivariateNormal(shift, weight @ weight.T + torch.eye(2)).log_prob(batch.values[:, 0])
    torch.manual_seed(1)
    found = importance_bound(model, batch, 40_000, unit_error)
    assert np.allclose(found, -true.numpy(), atol=0.03)
    one = np.mean([importance_bound(model, batch, 1, unit_error) for _ in range(300)], axis=0)
    assert (one > found).all()


def test_the_mean_log_weight_is_the_evidence_bound():
    model, batch = linear_model(), seqae.Batch.full(torch.randn(3, 1, 2))
    torch.manual_seed(0)
    mean = log_weights(model, batch, 20_000, unit_error).mean(dim=1)
    errors = log_weights(model, batch, 1, unit_error)  # gradients go through
    errors.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    model.train()
    found = model(repeated(batch, 20_000))
    errors = unit_error(found.prediction.steps, repeated(batch, 20_000).steps).sum(dim=1)
    bound = (errors + found.penalty).reshape(20_000, 3).mean(dim=0)
    torch.testing.assert_close(mean, -bound, rtol=0, atol=0.1)
    assert np.allclose(kl_per_unit(model, batch).sum(axis=1), found.penalty[:3].detach().numpy(), atol=1e-5)


def repeated(batch, times):
    return seqae.Batch.full(batch.values.repeat(times, 1, 1))


def test_parts_make_no_difference_and_padding_counts_nothing():
    torch.manual_seed(0)
    encoder = seqae.MeanEncoder(2, 6)
    model = seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.LSTM(3, 4), nn.Linear(4, 2)), GaussianCode())
    binarize = seqae.Batch((BATCH.values > 0).float(), BATCH.lengths)
    alone = seqae.Batch.full(binarize.values[1:, :2])

    def bound(batch, batch_size):
        torch.manual_seed(3)
        return importance_bound(model, batch, 6000, batch_size=batch_size)

    assert np.array_equal(bound(binarize, 100_000), bound(spoiled(binarize), 100_000))
    assert np.allclose(bound(binarize, 100_000), bound(binarize, 1000), atol=0.1)
    assert np.allclose(bound(binarize, 1000)[1], bound(alone, 1000)[0], atol=0.1)


def test_grey_values_under_a_binary_likelihood_are_refused():
    with pytest.raises(ValueError, match=r"a value of 0.5 under a binary likelihood.*Binarise"):
        log_weights(linear_model(), seqae.Batch.full(torch.tensor([[[0.0, 0.5]]])), 2)
    log_weights(linear_model(), seqae.Batch.full(torch.tensor([[[0.0, 1.0]]])), 2)
    plain = seqae.Autoencoder(seqae.MeanEncoder(2, 3), seqae.ConstantDecoder(nn.Linear(3, 2)))
    with pytest.raises(ValueError, match=r"code is NoneType. A likelihood needs a GaussianCode"):
        importance_bound(plain, BATCH, 2)


def test_active_units_are_those_that_vary():
    codes = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 0.05, 0.5]
    assert active_units(codes) == 2


def test_tokens_are_bounded_given_the_true_ones_before():
    """A code that says nothing and is not read leaves a language model, whose likelihood is known."""
    torch.manual_seed(0)
    embedding = nn.Embedding(6, 8)
    decoder = seqae.AutoregressiveDecoder(2, seqae.LSTM(8, 8), nn.Linear(8, 6), embedding)
    model = seqae.Autoencoder(seqae.RecurrentEncoder(seqae.LSTM(8, 8), 4, embedding), decoder, GaussianCode())
    for silenced in (model.encoder.project, decoder.code_to_state):
        nn.init.zeros_(silenced.weight)
        nn.init.zeros_(silenced.bias)
    batch = seqae.Batch.of([torch.tensor([3, 5, 4, 2]), torch.tensor([4, 2])])
    predicted = decoder(torch.zeros(2, 2), batch.lengths, targets=batch).unpad()
    known = [
        float(seqae.token_cross_entropy(logits.detach(), row).sum()) for logits, row in zip(predicted, batch.unpad())
    ]
    assert importance_bound(model, batch, 3, seqae.token_cross_entropy) == pytest.approx(known, rel=1e-5)


def test_the_bound_of_all_is_told_from_some_with_an_error_that_covers_it():
    torch.manual_seed(1)
    random = np.random.default_rng(0)
    images = ImageDataset.of(random.integers(0, 256, (60, 4, 4), np.uint8)).with_transform(binarize)
    encoder = seqae.DenseEncoder(1, 16, 4, hidden_sizes=(), embed=nn.Flatten())
    decoder = seqae.DenseDecoder(1, 16, 2, hidden_sizes=(), head=nn.Unflatten(1, images.size))
    model = seqae.Autoencoder(encoder, decoder, GaussianCode())
    whole, nothing = estimate_nll(model, images, 2000, 60)
    some, error = estimate_nll(model, images, 2000, 20)
    assert nothing == 0 and 0 < error < 0.1
    assert abs(whole - some) < 4 * error + 0.02
    assert whole < estimate_nll(model, images, 1, 60)[0]
