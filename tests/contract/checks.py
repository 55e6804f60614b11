"""The contract, one function for each clause: it takes an entry and fails if the module breaks it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import seqae
from contract.entry import Entry
from generators import spoiled
from seqae.batch import Batch

Rows = list[list[Tensor]]
# What stands in the padding, for readings and for tokens, and by how many steps it gets longer.
SPOILS = {"NaN": (torch.nan, -1, 0), "huge": (1e30, 10**9, 0), "longer": (torch.inf, 4, 3)}


def outputs_of(entry: Entry, module: nn.Module, *batches: Batch) -> Rows:
    """Return the output of the module for each row, without padding."""
    return [list(parts) for parts in zip(*(found.unpad() for found in entry.call(module, *batches)))]


def batches_of(rows: Rows) -> list[Batch]:
    return [Batch.of(each) for each in rows]


def assert_same(found: Rows, expected: Rows, atol: float = 1e-5, rtol: float = 0.0) -> None:
    assert len(found) == len(expected)
    for ours, known in zip(found, expected):
        assert all(part.isfinite().all() for part in ours), "not all values are finite"
        torch.testing.assert_close(ours, known, rtol=rtol, atol=atol)


@torch.no_grad()
def check_same_alone_as_in_any_batch(entry: Entry) -> None:
    module, rows = entry.built().eval(), entry.rows()
    alone = [outputs_of(entry, module, *batches_of([[part] for part in row]))[0] for row in zip(*rows)]
    for order in ([0, 1, 2, 3], [2, 0, 3, 1], [2, 2], [1, 3]):
        together = outputs_of(entry, module, *batches_of([[each[row] for row in order] for each in rows]))
        assert_same(together, [alone[row] for row in order])


@torch.no_grad()
def check_padding_changes_nothing(entry: Entry) -> None:
    module, batches = entry.built().eval(), batches_of(entry.rows())
    clean = outputs_of(entry, module, *batches)
    for spoil in SPOILS.values():
        assert_same(outputs_of(entry, module, *(spoiled(batch, *spoil) for batch in batches)), clean)


def check_gradients(entry: Entry) -> None:
    """Those of parameters are finite, not zero and the same whatever the padding, which has none itself."""
    module, batches = entry.built(), batches_of(entry.rows())
    clean, read = _gradients(entry, module, batches)
    for name, gradient in clean.items():
        assert gradient.isfinite().all(), f"the gradient of {name} is not finite"
        assert gradient.any(), f"the gradient of {name} is zero"
    if batches[0].values.is_floating_point():
        counted = [bool(gradient.any()) for gradient in read[0].unpad()]
        assert counted == [not entry.ignores_input] * 4, f"of the four sequences count {counted}"
    for spoil in SPOILS.values():
        found, found_read = _gradients(entry, module, [spoiled(batch, *spoil) for batch in batches])
        for name, gradient in found.items():
            assert torch.allclose(gradient, clean[name], rtol=1e-4, atol=1e-6), (
                f"padding changes the gradient of {name}"
            )
        for ours, known in zip(found_read, read):
            torch.testing.assert_close(ours.steps, known.steps, rtol=1e-4, atol=1e-6)
            assert not ours.values[~ours.mask].any(), "padding has a gradient"


def _gradients(entry: Entry, module: nn.Module, batches: Sequence[Batch]) -> tuple[dict[str, Tensor], list[Batch]]:
    """Return the gradients of parameters in training, and of what is read `(batch, time, *step)`; zeros for none."""
    module.train().zero_grad()
    leaves = [batch.values.clone().requires_grad_(batch.values.is_floating_point()) for batch in batches]
    torch.manual_seed(2)  # of dropout and scheduled sampling
    results = entry.call(module, *(Batch(leaf, batch.lengths) for leaf, batch in zip(leaves, batches)))
    steps = torch.cat([found.steps.flatten() for found in results])
    torch.manual_seed(3)
    aims = torch.randn_like(steps)
    if steps.requires_grad:
        (steps - aims).square().mean().backward()
    of_read = [torch.zeros_like(each) if each.grad is None else each.grad for each in leaves]
    of_parameters = {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in module.named_parameters()
        if each.requires_grad
    }
    return of_parameters, [Batch(gradient, batch.lengths) for gradient, batch in zip(of_read, batches)]


def check_overfits_four_sequences(entry: Entry) -> None:
    learns = entry.overfits(entry.built(), *batches_of(entry.rows()))
    assert learns != bool(entry.cannot_overfit), entry.cannot_overfit or "four sequences are not learnt by heart"


@torch.no_grad()
def check_saved_and_loaded_gives_the_same_numbers(entry: Entry, folder: Path) -> None:
    module, batches = entry.built().eval(), batches_of(entry.rows())
    loaded = seqae.load(seqae.save(module, folder / "module"))
    assert type(loaded) is type(module)
    assert_same(outputs_of(entry, loaded, *batches), outputs_of(entry, module, *batches), atol=0.0)


@torch.no_grad()
def check_short_and_long_side_by_side(entry: Entry) -> None:
    module = entry.built().eval()
    for number, given in enumerate(entry.inputs):
        lengths = [each.lengths[:2] for each in entry.inputs]
        lengths[number] = (given.shortest, given.longest or given.long)
        rows = entry.rows(*lengths)
        alone = [outputs_of(entry, module, *batches_of([[part] for part in row]))[0] for row in zip(*rows)]
        assert_same(outputs_of(entry, module, *batches_of(rows)), alone, atol=1e-4, rtol=1e-4)


def check_bounds_are_named(entry: Entry) -> None:
    module = entry.built().eval()
    for number, given in enumerate(entry.inputs):
        wrong = [] if given.longest is None else [(given.longest, given.longest + 1)]
        wrong += [(given.shortest, given.shortest - 1)] if given.shortest > 1 else []
        for bound, length in wrong:
            lengths = [each.lengths[:1] for each in entry.inputs]
            lengths[number] = (length,)
            with pytest.raises(ValueError, match=rf"\b{bound}\b"):
                entry.call(module, *batches_of(entry.rows(*lengths)))


def check_lengths_asked_for_are_written(entry: Entry) -> None:
    module, batches = entry.built().eval(), batches_of(entry.rows())
    for found in entry.call(module, *batches):
        assert torch.equal(found.lengths, batches[-1].lengths), "other lengths than those asked for"
        assert found.values.shape[1] >= int(found.lengths.max())
        assert len(found.values) == len(found.lengths)


@torch.no_grad()
def check_attention_weights_are_of_the_source(entry: Entry) -> None:
    """The attention weights of each token add up to one, and padding has none."""
    module, (source, target) = entry.built().eval(), batches_of(entry.rows())
    for row, length in enumerate(source.lengths.tolist()):
        weights = module.attention_weights(source, target)[row, : target.lengths[row]]
        assert (weights >= 0).all() and not weights[:, length:].any()
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(weights)))


@torch.no_grad()
def check_step_by_step_gives_the_same_logits(entry: Entry) -> None:
    module, batches = entry.built().eval(), batches_of(entry.rows())
    whole, steps = entry.call(module, *batches)[:2]
    torch.testing.assert_close(steps.steps, whole.steps, rtol=0, atol=1e-5)
