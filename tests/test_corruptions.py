import pytest
import torch

from seqae import Batch
from seqae.corruptions import Clip, DropChannels, DropSteps, GaussianNoise, InTurn, MaskValues, SaltAndPepper

BATCH = Batch.of([torch.rand(length, 4) * 0.8 + 0.1 for length in (300, 200, 250)])
ALL = [GaussianNoise(0.2), MaskValues(0.3), SaltAndPepper(0.3), DropSteps(0.3), DropChannels(0.5), Clip(0.2, 0.5)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("corrupt", ALL, ids=lambda corrupt: type(corrupt).__name__)
def test_damage_is_a_function_of_the_generator_and_spares_the_original(corrupt):
    before = BATCH.values.clone()
    first, again = corrupt(BATCH, generator()), corrupt(BATCH, generator())
    assert torch.equal(first.values, again.values) and torch.equal(first.lengths, BATCH.lengths)
    assert not torch.equal(first.values, before) and torch.equal(BATCH.values, before)


def test_noise_has_the_scale_and_shift_asked_for():
    difference = GaussianNoise(0.2, shift=0.2)(BATCH, generator()).values - BATCH.values
    assert difference.mean().item() == pytest.approx(0.2, abs=0.02)
    assert difference.std().item() == pytest.approx(0.2, abs=0.02)


def test_masks_replace_the_share_asked_for():
    assert (MaskValues(0.3, value=-1)(BATCH, generator()).values == -1).float().mean().item() == pytest.approx(
        0.3, abs=0.03
    )
    salted = SaltAndPepper(0.4, low=-1, high=2)(BATCH, generator()).values
    assert (salted == 2).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert (salted == -1).float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_dropped_steps_and_channels_are_dropped_whole():
    steps = (DropSteps(0.3, value=-1)(BATCH, generator()).values == -1).float()
    assert set(steps.mean(dim=2).unique().tolist()) == {0.0, 1.0}
    channels = (DropChannels(0.5, value=-1)(BATCH, generator(3)).values == -1).float()
    assert set(channels.mean(dim=1).unique().tolist()) == {0.0, 1.0}


def test_in_turn_damages_one_after_the_other():
    both = InTurn((GaussianNoise(0.5), Clip(0, 1)))(BATCH, generator()).values
    assert torch.equal(both, GaussianNoise(0.5)(BATCH, generator()).values.clamp(0, 1))
