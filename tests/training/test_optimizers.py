"""The optimizer for matrices, against what it is by its formula, and rates that change."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import seqae
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.training.optimizers import OneSidedShampoo, cosine_with_warmup


def stepped(weights, gradients, **settings):
    """Weights after one step for each gradient."""
    parameter = nn.Parameter(weights.clone())
    optimizer = OneSidedShampoo([parameter], **settings)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach()


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (1, 5)])
def test_the_first_step_is_the_nearest_matrix_that_turns_without_stretching(shape):
    gradient = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    move = -stepped(torch.zeros(shape), [gradient], lr=1.0)
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    torch.testing.assert_close(move, 0.2 * max(shape) ** 0.5 * left @ right, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_kernels_of_a_convolution_are_rows_of_a_matrix(layout):
    random = torch.Generator().manual_seed(0)
    gradients = [torch.randn(6, 4, 3, 3, generator=random) for _ in range(4)]
    kernels = torch.zeros(6, 4, 3, 3).to(memory_format=layout)
    moved = stepped(kernels, gradients)
    assert moved.stride() == kernels.stride()
    torch.testing.assert_close(moved.flatten(1), stepped(torch.zeros(6, 36), [each.flatten(1) for each in gradients]))


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 5), st.floats(-12, 3))
def test_a_step_has_one_length_whatever_the_gradient(rows, columns, rank, exponent):
    random = torch.Generator().manual_seed(rows * 100 + columns)
    gradient = torch.randn(rows, rank, generator=random) @ torch.randn(rank, columns, generator=random)
    move = stepped(torch.zeros(rows, columns), [10**exponent * gradient], lr=1.0)
    assert float(move.norm()) == pytest.approx(0.2 * (rows * columns) ** 0.5, rel=1e-3)


def test_squares_too_small_for_lapack_do_no_harm():
    random = torch.Generator().manual_seed(0)
    gradient = 1e-8 * torch.randn(400, 60, generator=random) @ torch.randn(60, 300, generator=random)
    gradient[:, :90] = 0
    assert stepped(torch.zeros(400, 300), [gradient] * 3).isfinite().all()
    assert not stepped(torch.zeros(4, 3), [torch.zeros(4, 3)] * 3).any()


def test_what_is_no_matrix_is_trained_as_by_adam():
    start, random = torch.ones(7), np.random.default_rng(0)
    gradients = [torch.from_numpy(random.normal(size=7).astype(np.float32)) for _ in range(5)]
    known = nn.Parameter(start.clone())
    adam = torch.optim.Adam([known], lr=0.01)
    for gradient in gradients:
        known.grad = gradient
        adam.step()
    torch.testing.assert_close(stepped(start, gradients, lr=0.01), known.detach())


def test_it_goes_on_from_its_saved_state_as_if_nothing_had_been():
    gradients = [torch.randn(5, 8, generator=torch.Generator().manual_seed(number)) for number in range(30)]
    parameter = nn.Parameter(torch.zeros(5, 8))
    optimizer = OneSidedShampoo([parameter])
    for number, gradient in enumerate(gradients):
        if number == 13:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = OneSidedShampoo([parameter])
            optimizer.load_state_dict(saved)
        parameter.grad = gradient
        optimizer.step()
    assert torch.equal(parameter.detach(), stepped(torch.zeros(5, 8), gradients))


def test_it_beats_adam_where_directions_differ_a_thousandfold():
    random = torch.Generator().manual_seed(0)
    scales = torch.logspace(0, -3, 20)
    inputs = torch.randn(256, 20, generator=random) * scales @ torch.linalg.qr(torch.randn(20, 20, generator=random))[0]
    outputs = inputs @ torch.randn(20, 10, generator=random)

    def error(make):
        layer = nn.Linear(20, 10, bias=False)
        nn.init.zeros_(layer.weight)
        optimizer = make(layer.parameters())
        for step in range(300):
            optimizer.param_groups[0]["lr"] = 0.05 * cosine_with_warmup(step / 300)
            loss = (layer(inputs) - outputs).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(loss.detach())

    assert error(lambda weights: OneSidedShampoo(weights, update_interval=5)) < 0.3 * error(torch.optim.Adam)


@given(st.floats(0, 1))
def test_the_cosine_goes_up_to_one_and_down_to_nothing(done):
    assert 0 <= cosine_with_warmup(done) <= 1
    assert cosine_with_warmup(0.05) == pytest.approx(1)
    assert cosine_with_warmup(1) == pytest.approx(0)
    if done > 0.05:
        assert cosine_with_warmup(done) <= cosine_with_warmup(0.05 + 0.9 * (done - 0.05))


def test_a_task_takes_optimizer_and_rate():
    rates, loader = [], make_loader(SequenceDataset(torch.randn(40, 1, 6)), batch_size=8)
    model = seqae.Autoencoder(seqae.DenseEncoder(1, 6, 3, (5,)), seqae.DenseDecoder(1, 6, 3, (5,)))

    def rate(done):
        rates.append(done)
        return 1 - done

    made = []

    def optimizer(module):
        made.append(OneSidedShampoo(module.parameters(), lr=0.1))
        return made[0]

    task = seqae.Reconstruction(model, seqae.squared_error, optimizer=optimizer, lr_scheduler=rate)
    seqae.fit(task, loader, epochs=2, progress=False)
    assert rates == pytest.approx([number / 10 for number in range(11)])
    assert made[0].param_groups[0]["lr"] == pytest.approx(0)


def test_no_gradient_is_no_step_and_does_no_harm_later():
    parameter = torch.nn.Parameter(torch.ones(300, 40))
    optimizer = OneSidedShampoo([parameter])
    parameter.grad = torch.zeros(300, 40)
    optimizer.step()
    assert torch.equal(parameter.detach(), torch.ones(300, 40))
    parameter.grad = torch.randn(300, 40, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        optimizer.step()
    assert parameter.isfinite().all() and not torch.equal(parameter.detach(), torch.ones(300, 40))
