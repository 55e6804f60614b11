import numpy as np
import pytest
import torch

from seqae.losses import (
    HuberLoss,
    absolute_error,
    binary_cross_entropy,
    gaussian_nll,
    mean_loss,
    squared_error,
    token_cross_entropy,
)

ERRORS = {"squared": squared_error, "absolute": absolute_error, "huber": HuberLoss(0.5), "binary": binary_cross_entropy}


@pytest.fixture
def pair():
    torch.manual_seed(0)
    return torch.randn(7, 3, requires_grad=True), torch.rand(7, 3)


def test_errors_equal_their_formulas(pair):
    prediction, truth = (part.detach().numpy().astype(np.float64) for part in pair)
    difference = prediction - truth
    chance = 1 / (1 + np.exp(-prediction))
    formulas = {
        "squared": difference**2,
        "absolute": np.abs(difference),
        "huber": np.where(np.abs(difference) < 0.5, difference**2 / 2, 0.5 * (np.abs(difference) - 0.25)),
        "binary": -(truth * np.log(chance) + (1 - truth) * np.log(1 - chance)),
    }
    for name, expected in formulas.items():
        np.testing.assert_allclose(ERRORS[name](*pair).detach().numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("name", ERRORS)
def test_missing_truths_count_nothing_and_send_no_gradient(name, pair):
    prediction, truth = pair
    missing = torch.zeros(7, 3, dtype=torch.bool)
    missing[2, 1] = missing[5, 0] = True
    errors = ERRORS[name](prediction, truth.masked_fill(missing, torch.nan))
    assert errors.isnan().equal(missing)
    assert mean_loss(errors).item() == pytest.approx(ERRORS[name](prediction, truth)[~missing].mean().item(), rel=1e-6)
    mean_loss(errors).backward()
    assert prediction.grad.isfinite().all() and (prediction.grad[missing] == 0).all()


def test_gaussian_error_is_the_negative_log_density():
    mean, log_variance, truth = torch.randn(5, 2), torch.randn(5, 2), torch.randn(5, 2)
    density = torch.distributions.Normal(mean, (0.5 * log_variance).exp()).log_prob(truth)
    torch.testing.assert_close(gaussian_nll(torch.cat([mean, log_variance], dim=1), truth), -density)


def test_token_error_is_the_negative_log_probability():
    logits, tokens = torch.randn(6, 4), torch.tensor([0, 3, 2, 1, 1, 0])
    expected = -logits.double().softmax(1)[torch.arange(6), tokens].log()
    torch.testing.assert_close(token_cross_entropy(logits, tokens).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("missing", [(), (2,), (0, 1, 4)])
@pytest.mark.parametrize("largest", [1.0, np.inf])
def test_mean_is_that_of_the_known_errors(missing: tuple[int, ...], largest: float):
    errors = torch.tensor([0.5, 2.0, 3.0, largest, 0.25])
    errors[list(missing)] = torch.nan
    assert mean_loss(errors).item() == pytest.approx(np.nanmean(errors.numpy()), rel=1e-6)


def test_mean_of_no_errors_is_zero():
    assert mean_loss(torch.zeros(0)) == 0


def test_mean_of_nothing_is_zero_with_a_gradient_of_zero():
    prediction = torch.ones(2, 3, requires_grad=True)
    loss = mean_loss(squared_error(prediction, torch.full((2, 3), torch.nan)))
    loss.backward()
    assert loss == 0 and (prediction.grad == 0).all()
