"""Dropout by random bytes."""

import pytest
import torch

from seqae.modules.dropout import FastDropout


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.9])
def test_so_many_are_zero_and_the_mean_stays(p):
    torch.manual_seed(0)
    found = FastDropout(p)(torch.ones(1001, 99))
    assert float((found == 0).float().mean()) == pytest.approx(p, abs=0.01)
    assert float(found.mean()) == pytest.approx(1, abs=0.02)
    assert len(found.unique()) == 2


def test_rows_and_columns_are_dropped_on_their_own():
    torch.manual_seed(0)
    found = (FastDropout(0.5)(torch.ones(4096, 64)) == 0).float() - 0.5
    assert float((found.T @ found / 4096 - torch.eye(64) / 4).abs().max()) < 0.03
    assert float(found.mean(dim=1).abs().max()) < 0.35


def test_gradients_go_through_what_is_kept():
    values = torch.ones(7, 5, requires_grad=True)
    found = FastDropout(0.4)(values)
    found.sum().backward()
    torch.testing.assert_close(values.grad, found.detach())


def test_nothing_is_dropped_in_evaluation_and_the_same_with_the_same_seed():
    dropout, values = FastDropout(0.5), torch.randn(10, 3)
    torch.manual_seed(1)
    first = dropout(values)
    torch.manual_seed(1)
    torch.testing.assert_close(dropout(values), first)
    assert torch.equal(dropout.eval()(values), values)
    assert torch.equal(FastDropout(0.0)(values), values)


def test_all_cannot_be_dropped():
    with pytest.raises(ValueError, match="probability of 1"):
        FastDropout(1.0)
