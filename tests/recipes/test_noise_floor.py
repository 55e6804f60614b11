"""Noise is as loud as it says, and hides only what is weaker."""

import pytest
import torch
from noise_floor import NoiseFloor


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("tilt", [0.0, 6.0, -6.0])
def test_the_power_of_the_noise_is_that_far_below_the_loudest_value(tilt):
    quiet = torch.full((20000, 5), -200.0)
    quiet[0, 0] = -10.0
    power = 10 ** (NoiseFloor(30, tilt)(quiet, seeded())[1:] / 10)
    known = -40 + tilt * torch.linspace(-1, 1, 5)
    torch.testing.assert_close(10 * power.mean(dim=0).log10(), known, atol=0.15, rtol=0)
    torch.testing.assert_close(power.std(dim=0), power.mean(dim=0), atol=0, rtol=0.05)  # as normal noise has it


def test_what_is_far_louder_than_the_noise_stays_and_nothing_gets_weaker():
    decibels = 20 * torch.rand(50, 8, generator=seeded())
    before = decibels.clone()
    noisy = NoiseFloor(80)(decibels, seeded())
    torch.testing.assert_close(noisy, decibels, atol=0.01, rtol=0)
    assert (NoiseFloor(5)(decibels, seeded()) >= decibels - 1e-4).all() and torch.equal(decibels, before)


def test_a_seed_gives_the_same_noise():
    decibels = torch.rand(9, 4)
    once, again, other = (NoiseFloor(10)(decibels, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(once, again) and not torch.equal(once, other)
