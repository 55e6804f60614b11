"""Images through the same encoders and decoders as signals."""

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.datasets.images import ImageDataset
from seqae.modules.images import (
    ChannelsLast,
    Crop,
    ImageEncoder,
    Residual,
    conv_decoder,
    conv_encoder,
    downsampled_size,
)


def dense(size, code=6):
    pixels = int(np.prod(size))
    return seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code, (16,), embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code, (16,), head=nn.Unflatten(1, size)),
    )


def convolutional(size, pooled=True):
    channels, height, width = size
    rows, columns = downsampled_size(height, width, 2)
    return seqae.Autoencoder(
        ImageEncoder(conv_encoder((channels, 8, 4), pooled), 4 * rows * columns),
        seqae.ConstantDecoder(conv_decoder((4, 8, channels), height, width)),
    )


def strided(size):
    return convolutional(size, pooled=False)


def smooth(size):
    channels, height, width = size
    rows, columns = downsampled_size(height, width, 2)
    return seqae.Autoencoder(
        ImageEncoder(conv_encoder((channels, 8, 4), activation=nn.SiLU), 4 * rows * columns),
        seqae.ConstantDecoder(conv_decoder((4, 8, channels), height, width, activation=nn.SiLU)),
    )


models = pytest.mark.parametrize("make", [dense, convolutional, strided, smooth])


@models
@pytest.mark.parametrize("size", [(1, 28, 28), (3, 9, 6), (1, 1, 1), (2, 5, 17)], ids=str)
def test_any_size_comes_back_at_its_size(make, size):
    model = make(size).eval()
    images = ImageDataset.of(np.random.default_rng(0).integers(0, 256, (4, *size), np.uint8))
    batch = images.batch(np.arange(4))
    assert model.reconstruct(batch).values.shape == (4, 1, *size)
    assert model.encode(batch).shape == (4, model.encoder.code_size)


def test_a_sequence_of_two_frames_is_refused():
    with pytest.raises(ValueError, match="2 steps"):
        ImageEncoder(nn.Flatten(), 4)(Batch.full(torch.zeros(1, 2, 1, 2, 2)))


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("height", range(1, 20))
def test_downsampled_size_is_that_after_layers(height, pooled):
    maps = conv_encoder((1, 2, 3), pooled)[:-1](torch.zeros(1, 1, height, 21 - height))
    assert tuple(maps.shape) == (1, 3, *downsampled_size(height, 21 - height, 2))


def test_without_pooling_no_pixel_is_forgotten():
    torch.manual_seed(0)
    pixels = torch.eye(42).reshape(42, 1, 6, 7)
    layer = conv_encoder((1, 9), pooled=False)
    assert torch.linalg.matrix_rank(layer(pixels) - layer(torch.zeros(1, 1, 6, 7))) == 42


def test_crop_keeps_the_upper_left_part():
    images = torch.arange(12.0).reshape(1, 1, 3, 4)
    assert torch.equal(Crop(2, 3)(images), torch.tensor([[[[0.0, 1, 2], [4, 5, 6]]]]))


def test_a_residual_block_whose_layers_write_nothing_changes_nothing_and_passes_the_gradient():
    images = torch.randn(2, 3, 4, 5, requires_grad=True)
    zero = nn.Conv2d(3, 3, 3, padding=1)
    nn.init.zeros_(zero.weight), nn.init.zeros_(zero.bias)
    found = Residual(zero)(images)
    assert torch.equal(found, images)
    found.sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))
    torch.testing.assert_close(Residual(nn.Identity())(images), 2 * images)


def test_a_shortcut_stands_in_for_the_image_where_the_number_of_channels_changes():
    torch.manual_seed(0)
    zero, shortcut, images = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1), torch.randn(2, 3, 4, 5)
    nn.init.zeros_(zero.weight), nn.init.zeros_(zero.bias)
    assert torch.equal(Residual(zero, shortcut)(images), shortcut(images))


def test_channels_last_changes_no_number():
    torch.manual_seed(0)
    layers, images = nn.Sequential(nn.Conv2d(2, 5, 3), nn.MaxPool2d(2), nn.Conv2d(5, 3, 3)), torch.randn(4, 2, 12, 12)
    known = layers(images)
    found = ChannelsLast(layers)(images)
    torch.testing.assert_close(found, known)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_the_activation_is_between_the_convolutions_alone():
    for layers in (conv_encoder((1, 4, 4, 2), activation=nn.SiLU), conv_decoder((2, 4, 4, 1), 8, 8, nn.SiLU)):
        kinds = [type(layer) for layer in layers.modules() if not list(layer.children())]
        assert kinds.count(nn.SiLU) == 2 and nn.ReLU not in kinds
        assert [kind for kind in kinds if kind not in (nn.Flatten, nn.Unflatten, Crop)][-1] is not nn.SiLU
