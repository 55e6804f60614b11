import torch

import seqae
from seqae.transforms.images import RandomAffine


def noise(seed):
    return torch.Generator().manual_seed(seed)


def test_without_amounts_images_stay():
    batch = seqae.Batch.full(torch.rand(4, 1, 3, 9, 7))
    still = RandomAffine(turn=0, scale=0, shear=0, shift=0)(batch, noise(0))
    torch.testing.assert_close(still.values, batch.values)


def test_a_shift_by_whole_pixels_moves_what_is_there():
    images = torch.zeros(200, 1, 1, 8, 8)
    images[:, :, :, 4, 4] = 1
    moved = RandomAffine(turn=0, scale=0, shear=0, shift=0.5)(seqae.Batch.full(images), noise(1)).values[:, 0, 0]
    torch.testing.assert_close(moved.sum(dim=(1, 2)), torch.ones(200))
    centre = (moved.sum(dim=1) * torch.arange(8)).sum(dim=1)
    assert centre.min() >= 2 and centre.max() <= 6 and centre.std() > 0.8


def test_the_same_generator_gives_the_same_images():
    batch = seqae.Batch.full(torch.rand(3, 1, 1, 8, 8))
    first, again, other = (RandomAffine()(batch, noise(seed)).values for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other) and not torch.equal(first[0], first[1])
