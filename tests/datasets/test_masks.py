"""Images of several sizes with masks, and their batches."""

import numpy as np
import pytest
import torch

from seqae.datasets.masks import MaskedBatch, MaskedImage, MaskedImageDataset


def test_smaller_takes_means_and_the_class_in_the_middle():
    image = MaskedImage(
        "a", torch.tensor([[[0, 4, 9], [8, 4, 9]]], dtype=torch.uint8), torch.tensor([[0, 0, 5], [0, 1, 5]])
    )
    half = image.smaller(2)
    assert half.pixels.tolist() == [[[4]]]
    assert half.mask.tolist() == [[1]]
    with pytest.raises(ValueError, match="too few"):
        image.smaller(3)


def test_images_of_several_sizes_stand_in_the_corner_of_a_batch():
    sizes = [(2, 3), (4, 1)]
    examples = [
        MaskedImage("a", torch.full((1, *size), 255, dtype=torch.uint8), torch.ones(size).long()) for size in sizes
    ]
    batch = MaskedImageDataset(examples).batch(np.array([1, 0]))
    assert isinstance(batch, MaskedBatch)
    assert not batch.is_unpadded
    assert batch.sizes.tolist() == [[4, 1], [2, 3]]
    assert batch.images[:, 0].tolist() == [[[1, 0, 0]] * 4, [[1, 1, 1]] * 2 + [[0, 0, 0]] * 2]
    assert torch.equal(batch.masks, 2 * batch.images[:, 0].long() - 1)
    assert MaskedImageDataset(examples).batch([0]).is_unpadded
    with pytest.raises(ValueError, match="no images"):
        MaskedImageDataset([])
