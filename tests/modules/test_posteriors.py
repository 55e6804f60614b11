import pytest
import torch

import seqae
from seqae.batch import Batch
from seqae.modules.posteriors import BatchNormPosterior


def encoder(spread=0.7):
    torch.manual_seed(0)
    return BatchNormPosterior(seqae.RecurrentEncoder(seqae.LSTM(3, 8), 8), spread)


def batch(rows=64):
    return Batch.of([torch.randn(1 + row % 5, 3) for row in range(rows)])


def test_means_have_the_spread_and_log_variances_are_as_they_were():
    spread, read = encoder(), batch()
    means, log_variances = spread(read).chunk(2, dim=1)
    torch.testing.assert_close(means.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(means.std(dim=0, correction=0), torch.full((4,), 0.7), atol=1e-2, rtol=0)
    torch.testing.assert_close(log_variances, spread.encoder(read)[:, 4:])


def test_the_code_cannot_become_cheaper_than_its_spread_allows():
    read, spread, price = batch(), encoder(), seqae.GaussianCode()
    optimizer = torch.optim.Adam(spread.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        cost = price(spread(read)).penalty.mean()
        cost.backward()
        optimizer.step()
    assert float(cost.detach()) == pytest.approx(4 * 0.7**2 / 2, rel=0.1)


def test_after_few_batches_codes_are_as_wide_as_while_training():
    spread, read = encoder(), batch(400)
    for rows in read.unpad()[:320:64], read.unpad()[1:320:64], read.unpad():
        spread(Batch.of(rows))
    means = spread.eval()(read)[:, :4]
    assert 0.5 < float(means.detach().std(dim=0).mean()) < 1.0


def test_a_batch_of_one_is_read_while_training():
    spread = encoder()
    spread(batch())
    before = spread.norm.running_mean.clone()
    assert spread(batch(1)).isfinite().all()
    assert torch.equal(spread.norm.running_mean, before)
