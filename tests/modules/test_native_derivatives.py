"""Derivatives of derivatives, and torch.func: by the kernel's formula, compared with torch in double precision."""

import copy
import warnings
from threading import Thread

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

import seqae
from seqae import Batch
from seqae.modules import native
from seqae.modules.native import build
from seqae.modules.native.formula import layer_by_formula

KINDS = {"lstm": seqae.LSTM, "gru": seqae.GRU}
kinds = pytest.mark.parametrize("kind", KINDS)
LENGTHS = torch.tensor([5, 3, 1])
VALUES = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0))


def pair(kind: str, **settings) -> tuple:
    """Return a layer in single and in double precision."""
    torch.manual_seed(0)
    layer = KINDS[kind](2, 6, **settings)
    return layer, copy.deepcopy(layer).double()


def states(layer):
    """Return a function of values, whose result is zero beyond the lengths."""
    return lambda values: layer(Batch(values, LENGTHS)).mask_padding().values


def energy(layer):
    return lambda values: states(layer)(values).square().sum()


def assert_same(found: Tensor, expected: Tensor) -> None:
    assert found.dtype == torch.float32
    assert expected.abs().max() > 1e-3  # or zero would do
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


@kinds
@pytest.mark.parametrize("function", [torch.sum, lambda states: states.square().sum()], ids=["linear", "square"])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}], ids=["plain", "stacked"])
@pytest.mark.parametrize("switch", ["0", "1"], ids=["torch", "kernel"])
def test_a_gradient_penalty_trains_as_in_double_precision(kind, function, settings, switch, monkeypatch):
    monkeypatch.setenv("SEQAE_NATIVE", switch)
    if switch == "1" and build.load_kernel() is None:
        pytest.skip(native.native_status())
    found = []
    for layer in pair(kind, **settings):
        values = VALUES.to(next(layer.parameters()).dtype, copy=True).requires_grad_()
        (slope,) = torch.autograd.grad(function(states(layer)(values)), values, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), [*layer.parameters(), values], materialize_grads=True))
    for of_kernel, exact in zip(*found):
        torch.testing.assert_close(of_kernel.double(), exact, rtol=1e-4, atol=1e-6)
    assert all(part.abs().max() > 1e-3 for part in found[1][:4])


@kinds
def test_a_constant_input_and_an_initial_state_are_differentiated_twice(kind):
    found = []
    for layer in pair(kind):
        vector, hidden = (part.to(next(layer.parameters()).dtype) for part in (VALUES[:, :1], torch.ones(3, 6)))
        vector, hidden = vector.clone().requires_grad_(), hidden.requires_grad_()
        written = layer(Batch(vector.expand(-1, 5, -1), LENGTHS), layer.initial_state(hidden)).steps
        slopes = torch.autograd.grad(written.sum(), [vector, hidden], create_graph=True)
        penalty = sum(slope.square().sum() for slope in slopes)
        found.append(torch.autograd.grad(penalty, [*layer.parameters(), vector, hidden]))
    for of_kernel, exact in zip(*found):
        assert_same(of_kernel, exact)


@pytest.mark.parametrize("cell", KINDS)
def test_the_formula_has_right_derivatives_of_the_second_order(cell):
    torch.manual_seed(0)
    rows = {"lstm": 8, "gru": 6}[cell]
    shapes = [(2, 3, 1), (rows, 2), (rows, 1), (8,), (2, 2), (2, 2)]
    inputs = [torch.randn(*shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    lengths = torch.tensor([3, 2])
    assert torch.autograd.gradgradcheck(lambda *parts: layer_by_formula(cell, lengths, *parts), inputs)


TRANSFORMS = {
    "grad": lambda layer, values: torch.func.grad(energy(layer))(values),
    "jacrev": lambda layer, values: torch.func.jacrev(states(layer))(values),
    "jacfwd": lambda layer, values: torch.func.jacfwd(states(layer))(values),
    "hessian": lambda layer, values: torch.func.hessian(energy(layer))(values),
    "jvp": lambda layer, values: torch.func.jvp(states(layer), (values,), (torch.ones_like(values),))[1],
    "vmap": lambda layer, values: torch.func.vmap(states(layer))(torch.stack([values, 2 * values])),
    "functional.hessian": lambda layer, values: torch.autograd.functional.hessian(energy(layer), values),
    "functional.hvp": lambda layer, values: torch.autograd.functional.hvp(
        energy(layer), values, torch.ones_like(values)
    )[1],
    "functional.jacobian": lambda layer, values: torch.autograd.functional.jacobian(
        states(layer), values, vectorize=True
    ),
}


@kinds
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_transforms_of_torch_give_the_numbers_of_double_precision(kind, transform):
    layer, exact = pair(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch.func, about itself
        if transform is TRANSFORMS["vmap"]:
            expected = torch.stack([states(exact)(VALUES.double()), states(exact)(2 * VALUES.double())])
        else:  # by the plain loop of torch, which knows no transform either
            expected = transform(exact, VALUES.double())
        assert_same(transform(layer, VALUES), expected)


@kinds
def test_an_ensemble_runs_under_vmap_over_its_weights(kind):
    layers = [KINDS[kind](2, 6) for _ in range(3)]
    weights, _ = torch.func.stack_module_state(layers)

    def run(own):
        return torch.func.functional_call(layers[0], own, (Batch(VALUES, LENGTHS),)).mask_padding().values

    expected = torch.stack([states(layer)(VALUES) for layer in layers])
    torch.testing.assert_close(torch.func.vmap(run)(weights), expected, rtol=0, atol=1e-5)


@kinds
def test_forward_derivatives_know_the_layer(kind):
    layer, exact = pair(kind)
    tangent = torch.ones_like(VALUES)
    with forward_ad.dual_level():
        found = forward_ad.unpack_dual(states(layer)(forward_ad.make_dual(VALUES, tangent))).tangent
    assert_same(found, torch.func.jvp(states(exact), (VALUES.double(),), (tangent.double(),))[1])


@pytest.mark.parametrize(("kind", "backend"), [("lstm", "eager"), ("lstm", "aot_eager"), ("gru", "eager")])
def test_a_layer_that_is_compiled_as_one_graph_gives_the_same_numbers(kind, backend):
    layer, exact = pair(kind)
    values, lengths = VALUES[:, :2], torch.tensor([2, 1, 2])

    def written(layer, values: Tensor) -> Tensor:
        return layer(Batch(values, lengths)).mask_padding().values

    torch._dynamo.reset()
    found = torch.compile(written, backend=backend, fullgraph=True)(layer, values)
    expected = written(exact, values.double())
    assert_same(found, expected)
    for of_layer, of_exact in zip(
        torch.autograd.grad(found.square().sum(), layer.parameters()),
        torch.autograd.grad(expected.square().sum(), exact.parameters()),
    ):
        assert_same(of_layer, of_exact)


@kinds
def test_an_encoder_that_is_compiled_as_one_graph_predicts_the_same_codes(kind):
    encoder = seqae.RecurrentEncoder(pair(kind, bidirectional=True)[0], 3).eval()
    torch._dynamo.reset()
    with torch.no_grad():
        found = torch.compile(lambda values: encoder(Batch(values, LENGTHS)), backend="eager", fullgraph=True)(VALUES)
        torch.testing.assert_close(found, encoder(Batch(VALUES, LENGTHS)))


@kinds
def test_threads_that_compute_at_the_same_time_get_the_bits_of_one_alone(kind):
    layers = [KINDS[kind](2, 8 * number + 5) for number in range(8)]
    values = torch.randn(60, 30, 2)
    lengths = torch.randint(1, 31, (60,))

    def train(layer) -> list[Tensor]:
        written = layer(Batch(values, lengths)).steps
        return [written.detach(), *torch.autograd.grad(written.square().sum(), layer.parameters())]

    alone, together = [train(layer) for layer in layers], [[] for _ in layers]

    def repeat(number: int) -> None:
        together[number] = [train(layers[number]) for _ in range(3)]

    in_threads(repeat, len(layers))
    for expected, three in zip(alone, together):
        assert len(three) == 3
        assert all(torch.equal(a, b) for found in three for a, b in zip(found, expected))


@kinds
def test_threads_may_go_backward_through_one_graph(kind):
    layer = KINDS[kind](2, 40)
    loss = layer(Batch.full(torch.randn(60, 30, 2))).values.square().sum()
    expected = torch.autograd.grad(loss, layer.parameters(), retain_graph=True)
    found = [None] * 8

    def backward(number: int) -> None:
        found[number] = torch.autograd.grad(loss, layer.parameters(), retain_graph=True)

    in_threads(backward, len(found))
    assert all(torch.equal(a, b) for gradients in found for a, b in zip(gradients, expected))


def in_threads(function, count: int) -> None:
    threads = [Thread(target=function, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
