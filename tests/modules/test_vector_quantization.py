"""A code of entries of codebooks: nearest ones by brute force, gradients, and a codebook that follows the codes."""

import pytest
import torch

import seqae
from seqae.modules.vector_quantization import VectorQuantizedCode


def learnt(codes: torch.Tensor, steps: int, **settings) -> VectorQuantizedCode:
    layer = VectorQuantizedCode(codes.shape[1], **settings)
    for _ in range(steps):
        layer(codes[torch.randint(len(codes), (32,))])
    return layer.eval()


def test_each_part_becomes_the_nearest_entry_of_its_own_codebook():
    torch.manual_seed(0)
    layer, code = VectorQuantizedCode(6, num_entries=5, num_groups=2).eval(), torch.randn(20, 6)
    coded = layer(code)
    for row, found, entries in zip(code, coded.code, layer.entries(code)):
        for group, entry in enumerate(entries.tolist()):
            own = slice(3 * group, 3 * group + 3)
            distances = [(row[own] - each).square().sum().item() for each in layer.codebook[group]]
            assert entry == distances.index(min(distances))
            torch.testing.assert_close(found[own], layer.codebook[group, entry])
    torch.testing.assert_close(coded.penalty, 0.25 * (code - coded.code).square().mean(dim=1))
    torch.testing.assert_close(layer.from_entries(layer.entries(code)), coded.code)


def test_gradients_go_straight_through_and_the_penalty_draws_codes_to_entries():
    torch.manual_seed(0)
    layer, code = VectorQuantizedCode(4, num_entries=3, num_groups=2).eval(), torch.randn(5, 4, requires_grad=True)
    weights = torch.randn(5, 4)
    (layer(code).code * weights).sum().backward()
    torch.testing.assert_close(code.grad, weights)
    code.grad = None
    coded = layer(code)
    coded.penalty.sum().backward()
    torch.testing.assert_close(code.grad, 0.25 * 2 * (code - coded.code).detach() / 4)


def test_codebook_moves_to_where_the_codes_are_and_is_used():
    torch.manual_seed(0)
    centres = 10 + 3 * torch.randn(8, 4)
    codes = (centres.unsqueeze(1) + 0.05 * torch.randn(8, 40, 4)).flatten(0, 1)
    layer = learnt(codes, 300, num_entries=12, num_groups=1)
    assert (layer(codes).code - codes).square().mean() < 0.05
    used = layer.entries(codes).unique()
    assert len(used) >= 8
    assert (torch.cdist(codes, layer.codebook[0, used]).min(dim=1).values < 0.5).all()


def test_an_entry_is_the_mean_of_what_it_stands_for():
    torch.manual_seed(0)
    layer = VectorQuantizedCode(2, num_entries=2, num_groups=1, decay=0.5)
    layer.codebook.copy_(torch.tensor([[[-1.0, 0.0], [1.0, 0.0]]]))
    layer.counts.copy_(torch.tensor([[2.0, 2.0]]))
    layer(torch.tensor([[-3.0, 0.0], [-2.0, 3.0], [2.0, 2.0], [4.0, 0.0]]))
    torch.testing.assert_close(layer.counts, torch.tensor([[2.0, 2.0]]))
    torch.testing.assert_close(layer.codebook, torch.tensor([[[-1.75, 0.75], [2.0, 0.5]]]))


def test_a_dead_entry_moves_to_a_part_of_the_batch():
    torch.manual_seed(0)
    layer = VectorQuantizedCode(2, num_entries=2, num_groups=1)
    layer.codebook.copy_(torch.tensor([[[0.0, 0.0], [100.0, 100.0]]]))
    layer.counts.copy_(torch.tensor([[8.0, 0.0]]))
    batch = torch.randn(16, 2)
    layer(batch)
    assert (layer.codebook[0, 1] == batch).all(dim=1).any()
    assert layer.counts[0, 1] == 8.0


def test_nothing_moves_in_evaluation_and_all_of_it_is_saved(tmp_path):
    torch.manual_seed(0)
    codes = torch.randn(64, 8)
    layer = learnt(codes, 20, num_entries=6, num_groups=2)
    state = {name: buffer.clone() for name, buffer in layer.state_dict().items()}
    assert list(state) == ["codebook", "counts"] and not list(layer.parameters())
    first = layer(codes).code
    assert torch.equal(first, layer(codes).code)
    assert all(torch.equal(buffer, state[name]) for name, buffer in layer.state_dict().items())
    again = seqae.load(seqae.save(layer, tmp_path / "layer")).eval()
    assert torch.equal(again(codes).code, first) and torch.equal(again.entries(codes), layer.entries(codes))


def test_half_precision_codes_stay_so_and_the_codebook_does_not():
    torch.manual_seed(0)
    layer, codes = VectorQuantizedCode(4, num_entries=3, num_groups=2), torch.randn(9, 4, dtype=torch.bfloat16)
    assert layer(codes).code.dtype == torch.bfloat16 and layer.codebook.dtype == torch.float32


def test_groups_that_do_not_fit_and_too_small_codebooks_are_refused():
    with pytest.raises(ValueError, match="3 groups of a code of 8"):
        VectorQuantizedCode(8, num_groups=3)
    with pytest.raises(ValueError, match="a codebook of 1 entries says nothing"):
        VectorQuantizedCode(8, num_entries=1)
