"""Dark spots are found where they are, whatever the light."""

import pytest
import torch
from dark_spots import DarkSpots
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data import synthetic_surfaces
from seqae.evaluation import confusion


def spotted(light: float, top: int, left: int) -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.zeros(40, 30, dtype=torch.long)
    mask[top : top + 12, left : left + 12] = 1
    return light * (1 - 0.5 * mask).expand(3, -1, -1), mask


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 1), st.integers(2, 26), st.integers(2, 16))
def test_a_spot_is_found_in_any_light(light, top, left):
    image, mask = spotted(light, top, left)
    assert torch.equal(DarkSpots(contrast=0.1, radius=1)([image])[0], mask)


def test_specks_go_and_gaps_are_filled():
    image, mask = spotted(0.8, 10, 10)
    image = image.clone()
    image[:, 30, 5] = 0  # a speck
    image[:, 15, 16] = 0.8  # a gap
    found = DarkSpots(contrast=0.3, radius=0)([image])[0]
    assert found[30, 5] == 1 and found[15, 16] == 0
    assert torch.equal(DarkSpots(contrast=0.3, radius=1)([image])[0], mask)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (6, 2)])
def test_images_of_any_size_and_black_ones_have_masks(size):
    assert DarkSpots(contrast=0.3, radius=2)([torch.ones(1, *size)])[0].shape == size
    assert DarkSpots(contrast=0.3, radius=2)([torch.zeros(1, *size)])[0].shape == size


def test_what_is_fitted_is_as_good_as_any_other_choice():
    examples = [image.smaller(4) for image in synthetic_surfaces(12)]
    images, truth = [example.pixels / 255 for example in examples], [example.mask for example in examples]
    best = confusion(DarkSpots.fitted(examples)(images), truth).f1
    assert best >= max(confusion(DarkSpots(contrast, 1)(images), truth).f1 for contrast in (0.1, 0.3, 0.5))
    assert best > 0
