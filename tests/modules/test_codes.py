import pytest
import torch
from torch import nn

import seqae
from seqae.modules.codes import BiHalfCode, BinaryCode, BitFlipCode, GaussianCode, L1Code, TopKCode, ViewInvariantCode

CODE = torch.tensor([[3.0, -4.0, 1.0, 0.5], [0.1, 0.2, -0.3, 0.0]])


def test_sparse_code_costs_its_mean_absolute_value():
    coded = L1Code(2.0)(CODE)
    assert torch.equal(coded.code, CODE)
    torch.testing.assert_close(coded.penalty, 2 * CODE.abs().mean(dim=1))


def test_top_code_keeps_the_largest():
    assert TopKCode(2)(CODE).code.tolist() == [
        [3.0, -4.0, 0.0, 0.0],
        [0.0, pytest.approx(0.2), pytest.approx(-0.3), 0.0],
    ]
    with pytest.raises(ValueError, match="can't keep 5 units of a code of 4"):
        TopKCode(5)(CODE)


def test_gaussian_code_costs_its_divergence_from_the_standard_normal():
    mean, log_variance = CODE[:, :2], CODE[:, 2:]
    own = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    divergence = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0))
    coded = GaussianCode(weight=0.5).eval()(CODE)
    torch.testing.assert_close(coded.penalty, 0.5 * divergence.sum(dim=1))
    assert torch.equal(coded.code, mean)
    torch.testing.assert_close(GaussianCode(free_nats=3.0)(CODE).penalty, divergence.clamp(min=3.0).sum(dim=1))


def test_gaussian_code_is_drawn_while_training_only():
    torch.manual_seed(0)
    layer, many = GaussianCode(), torch.tensor([[1.0, 2.0, 0.0, -2.0]]).expand(20_000, 4)
    drawn = layer(many).code
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, 2.0]), rtol=0, atol=0.05)
    torch.testing.assert_close(drawn.std(0), torch.tensor([0.0, -2.0]).div(2).exp(), rtol=0.05, atol=0)
    assert torch.equal(layer.eval()(many).code, many[:, :2])


def test_a_price_makes_an_over_complete_code_sparse():
    def trained(layer):
        torch.manual_seed(0)
        model = seqae.Autoencoder(
            seqae.DenseEncoder(1, 8, 24, hidden_sizes=()), seqae.DenseDecoder(1, 8, 24, hidden_sizes=()), layer
        )
        optimizer, batch = torch.optim.Adam(model.parameters(), 0.02), seqae.Batch.full(torch.randn(64, 1, 8))
        for _ in range(150):
            found = model(batch)
            loss = seqae.squared_error(found.prediction.steps, batch.steps).mean() + found.penalty.mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return model.encode(batch).abs().mean().item()

    assert trained(L1Code(0.3)) < 0.5 * trained(None)


def test_every_code_layer_goes_into_an_autoencoder():
    layers = ((L1Code(0.1), 4), (TopKCode(2), 4), (GaussianCode(), 8), (BinaryCode(), 4), (BiHalfCode(), 4))
    for layer, wrote in layers:
        model = seqae.Autoencoder(seqae.MeanEncoder(3, wrote), seqae.ConstantDecoder(nn.Linear(4, 3)), layer).eval()
        batch = seqae.Batch.of([torch.randn(5, 3), torch.randn(2, 3)])
        found = model(batch)
        assert found.penalty.shape == (2,) and found.code.shape == (2, 4)
        torch.testing.assert_close(model.reconstruct(batch).values, found.prediction.values)


@pytest.mark.parametrize("layer", [BinaryCode(), BiHalfCode()])
def test_bits_are_signs_and_gradients_go_straight_through(layer):
    code = torch.tensor([[0.3, -2.0], [-0.1, 5.0]], requires_grad=True)
    bits = layer.eval()(code).code
    assert torch.equal(bits, torch.tensor([[1.0, -1.0], [-1.0, 1.0]]))
    weights = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    (bits * weights).sum().backward()
    assert torch.equal(code.grad, weights)


def test_unbalanced_bits_cost_more():
    half, all_set = torch.tensor([[1.0], [-1.0]]), torch.ones(2, 1)
    assert BinaryCode(commitment_weight=0.0, balance=2.0)(half).penalty.tolist() == [0, 0]
    assert BinaryCode(commitment_weight=0.0, balance=2.0)(all_set).penalty.tolist() == [2, 2]
    assert BinaryCode(commitment_weight=2.0, balance=0.0)(3 * half).penalty.tolist() == [8, 8]


def test_halving_sets_each_bit_for_the_larger_half_of_a_batch_while_training():
    code = torch.randn(50, 7) + 3 * torch.randn(7)
    layer = BiHalfCode()
    bits = layer(code).code
    assert bits.mean(dim=0).abs().max() < 1e-6
    for column, set_ in zip(code.T, bits.T > 0):
        assert column[set_].min() >= column[~set_].max()
    assert torch.equal(layer.eval()(code).code > 0, code > 0)


def test_halves_that_disagree_and_bits_that_say_the_same_cost_more():
    layer = ViewInvariantCode(
        BinaryCode(commitment_weight=0.0, balance=0.0), invariance_weight=1.0, redundancy_weight=0.0
    )
    half = torch.tensor([[9.0, 9.0], [-9.0, 9.0]])
    assert layer(torch.cat([half, half])).penalty.max() < 1e-6
    assert layer(torch.cat([half, -half])).penalty == pytest.approx([4.0] * 4, abs=1e-4)
    layer = ViewInvariantCode(
        BinaryCode(commitment_weight=0.0, balance=0.0), invariance_weight=0.0, redundancy_weight=1.0
    )
    apart = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert layer(apart).penalty.max() < 1e-6
    assert layer(apart[:, [0, 0]]).penalty == pytest.approx([0.5] * 4, abs=1e-2)
    assert layer.eval()(apart[:3]).penalty.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="3 rows has no two halves"):
        layer.train()(apart[:3])


def test_a_share_of_the_bits_flips_while_training_only():
    torch.manual_seed(0)
    code = torch.randn(2000, 10)
    layer = BitFlipCode(BinaryCode(), flip_probability=0.2)
    flipped = (layer(code).code > 0) != (code > 0)
    assert flipped.float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.equal(layer.eval()(code).code > 0, code > 0)
