"""Self-attention, against loops over sequences, heads and steps."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.self_attention import SelfAttention, SelfAttentionLayer


def layer_by_loops(layer: SelfAttentionLayer, vectors: Tensor) -> Tensor:
    """Return what the layer writes for one sequence, `(time, size)`, step by step and head by head."""
    size = layer.size // layer.num_heads
    projected = layer.query_key_value(layer.attention_norm(vectors))
    query, key, value = projected.split(layer.size, dim=1)
    written = []
    for step in range(len(vectors)):
        heads = []
        for head in range(layer.num_heads):
            own = slice(head * size, (head + 1) * size)
            scores = torch.stack([query[step, own] @ other for other in key[:, own]]) / size**0.5
            heads.append(sum(weight * other for weight, other in zip(scores.softmax(dim=0), value[:, own])))
        added = vectors[step] + layer.attention_output(torch.cat(heads))
        gate, passed = layer.gate_and_value(layer.gated_norm(added)).split(2 * layer.size)
        written.append(added + layer.gated_output(gate * gate.sigmoid() * passed))
    return torch.stack(written)


def test_layers_are_those_of_loops_over_each_sequence_alone():
    torch.manual_seed(0)
    network = SelfAttention(3, 8, num_layers=2, num_heads=2, dropout=0.5).eval()
    batch = Batch.of([torch.randn(length, 3) for length in (6, 1, 4)])
    for row, found in zip(batch.unpad(), network(batch).unpad()):
        known = network.project(row)
        for layer in network.layers:
            known = layer_by_loops(layer, known)
        torch.testing.assert_close(found, known, atol=1e-5, rtol=1e-5)


def test_attention_is_that_of_torch():
    torch.manual_seed(0)
    layer = SelfAttentionLayer(8, num_heads=2)
    known = nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        known.in_proj_weight.copy_(layer.query_key_value.weight)
        known.in_proj_bias.copy_(layer.query_key_value.bias)
        known.out_proj.load_state_dict(layer.attention_output.state_dict())
        layer.gated_output.weight.zero_()
        layer.gated_output.bias.zero_()
    vectors, mask = torch.randn(3, 6, 8), Batch(torch.zeros(3, 6), torch.tensor([6, 1, 4])).mask
    normalised = layer.attention_norm(vectors)
    read, _ = known(normalised, normalised, normalised, key_padding_mask=~mask)
    torch.testing.assert_close(layer(vectors, mask)[mask], (vectors + read)[mask], atol=1e-5, rtol=1e-5)


def test_dropout_is_for_training_only():
    torch.manual_seed(0)
    layer, vectors, mask = SelfAttentionLayer(8, dropout=0.5), torch.randn(2, 4, 8), torch.ones(2, 4, dtype=torch.bool)
    assert not torch.equal(layer(vectors, mask), layer(vectors, mask))
    assert torch.equal(layer.eval()(vectors, mask), layer(vectors, mask))


def test_order_of_the_steps_says_nothing_without_positions():
    torch.manual_seed(0)
    network, values = SelfAttention(3, 8, num_layers=1), torch.randn(1, 7, 3)
    order = torch.randperm(7)
    written = network(Batch.full(values)).values
    torch.testing.assert_close(network(Batch.full(values[:, order])).values, written[:, order], atol=1e-5, rtol=1e-5)


def test_gated_network_passes_what_its_gate_lets_through():
    layer = SelfAttentionLayer(4, num_heads=1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.gate_and_value.bias[:8] = -100.0  # closed: silu of it is zero
        layer.gate_and_value.bias[8:] = 5.0
        layer.gated_output.weight.fill_(1.0)
    vectors, mask = torch.randn(1, 3, 4), torch.ones(1, 3, dtype=torch.bool)
    torch.testing.assert_close(layer(vectors, mask), vectors)
    with torch.no_grad():
        layer.gate_and_value.bias[:8] = 1.0
    torch.testing.assert_close(layer(vectors, mask), vectors + 8 * 5.0 * F.silu(torch.tensor(1.0)))


@pytest.mark.parametrize("num_heads", [0, -1, 3])
def test_heads_that_do_not_divide_the_vectors_are_refused(num_heads):
    with pytest.raises(ValueError, match=f"^{num_heads} heads for vectors of 8"):
        SelfAttentionLayer(8, num_heads)


def test_a_batch_without_padding_needs_no_mask_and_gives_the_same():
    torch.manual_seed(0)
    network, rows = SelfAttention(3, 8), torch.randn(2, 5, 3)
    unpadded, padded = network(Batch.full(rows)), network(Batch(F.pad(rows, (0, 0, 0, 2)), torch.tensor([5, 5])))
    torch.testing.assert_close(unpadded.values, padded.values[:, :5], atol=1e-6, rtol=1e-5)
    layer, seen = network.layers[0], []
    layer.register_forward_pre_hook(lambda layer, given: seen.append(given[1]))
    network(Batch.full(rows))
    assert seen == [None]
