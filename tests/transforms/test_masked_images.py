"""Changes to images: the mask goes along, and they are a function of seed, epoch and number."""

import numpy as np
import pytest
import torch

from seqae.datasets.masks import MaskedBatch
from seqae.transforms.masked_images import RandomBrightness, RandomShift, augment, random_flip, random_rotation

TRANSFORMS = (random_flip, random_rotation, RandomBrightness(0.3), RandomShift(3))


def batch_of(*sizes, indices=None) -> MaskedBatch:
    """Images whose pixels tell their class: 0.5 at class 1."""
    torch.manual_seed(0)
    masks = [torch.randint(0, 2, size) for size in sizes]
    return MaskedBatch.of(zip([mask.unsqueeze(0) / 2 for mask in masks], masks, indices or range(len(masks))))


@pytest.mark.parametrize("change", [random_flip, random_rotation, RandomShift(2)])
def test_the_mask_goes_along(change):
    for seed in range(20):
        image, mask = torch.rand(3, 5, 7), torch.arange(35).reshape(5, 7)
        image[0] = mask / 35
        after, moved = change(image, mask, np.random.default_rng(seed))
        known = moved >= 0
        torch.testing.assert_close((after[0] * 35).round()[known], moved[known].float())


def test_the_same_image_is_changed_the_same_way_in_any_batch():
    whole = augment(batch_of((8, 8), (8, 8), (8, 8)), TRANSFORMS, seed=1, epoch=2)
    single = batch_of((8, 8), (8, 8), (8, 8))
    single = MaskedBatch(single.images[2:], single.masks[2:], single.sizes[2:], single.indices[2:])
    alone = augment(single, TRANSFORMS, seed=1, epoch=2)
    assert torch.equal(alone.images[0], whole.images[2])
    assert torch.equal(alone.masks[0], whole.masks[2])


def test_seed_epoch_and_number_each_make_a_difference():
    def look(seed=0, epoch=0, number=0):
        return augment(batch_of((16, 16), indices=[number]), TRANSFORMS, seed, epoch).images

    assert torch.equal(look(), look())
    assert all(not torch.equal(look(), other) for other in (look(seed=1), look(epoch=1), look(number=1)))


def test_turning_exchanges_height_and_width_and_invents_nothing():
    batch = batch_of((4, 9), (6, 2))
    for epoch in range(10):
        after = augment(batch, (random_rotation, random_flip), seed=0, epoch=epoch)
        for size, before, mask in zip(after.sizes.tolist(), batch.sizes.tolist(), after.masks):
            assert sorted(size) == sorted(before)
            assert (mask >= 0).sum() == before[0] * before[1]


def test_moving_leaves_pixels_of_unknown_class_at_the_edge():
    image, mask = torch.rand(1, 6, 6), torch.zeros(6, 6, dtype=torch.long)
    moved = [RandomShift(2)(image, mask, np.random.default_rng(seed))[1] for seed in range(30)]
    assert {int((each == -1).all(dim=1).sum()) for each in moved} == {0, 1, 2}
    assert all(each.shape == mask.shape and (each[2:4, 2:4] == 0).all() for each in moved)


def test_brightness_keeps_ratios_and_range():
    image = torch.tensor([[[0.2, 0.4, 1.0]]])
    after, _ = RandomBrightness(0.3)(image, torch.zeros(1, 3), np.random.default_rng(0))
    assert after[0, 0, 1] / after[0, 0, 0] == pytest.approx(2)
    assert after.max() <= 1


def test_a_shift_beyond_the_image_is_refused():
    with pytest.raises(ValueError, match="max_shift is 8, and an image has 5 x 7 pixels"):
        RandomShift(8)(torch.rand(1, 5, 7), torch.zeros(5, 7), np.random.default_rng(0))
