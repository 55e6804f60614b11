"""Layers for images and video frames `(channel, height, width)`: `embed` of an encoder, `head` of a decoder.

An image is a sequence of one step. For fully connected layers `nn.Flatten()` and `nn.Unflatten(1, size)` are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.encoders import Encoder


class ImageEncoder(Encoder):
    """Codes of images, sequences of one step, by layers for images. The matching decoder is `ConstantDecoder`.

    Args:
        embed: Turns images `(batch, *step)` into codes `(batch, code_size)`.
        code_size: Length of a code.
    """

    def __init__(self, embed: nn.Module, code_size: int):
        super().__init__()
        self.embed = embed
        self.code_size = code_size

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given images `(batch, 1, *step)`.

        Raises:
            ValueError: A sequence has more than one step.
        """
        if max_length(batch.lengths) > 1:
            raise ValueError(
                f"a sequence has {max_length(batch.lengths)} steps. This encoder reads images: sequences of 1 step"
            )
        return self.embed(batch.values[:, 0])


class ChannelsLast(nn.Module):
    """Layers on images in the channels-last memory format: convolutions on a CPU then take two thirds of the time.

    Args:
        layers: Maps images to images, `(image, channel, height, width)`.
    """

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers
        _to_channels_last(self)
        self.register_load_state_dict_post_hook(_to_channels_last)  # loading replaces the weights

    def forward(self, images: Tensor) -> Tensor:
        """Return images, given images, `(image, channel, height, width)` both."""
        return self.layers(images)


def _to_channels_last(module: ChannelsLast, *loaded: object) -> None:
    module.layers.to(memory_format=torch.channels_last)


class Residual(nn.Module):
    """What layers make of an image is added to it (He et al. 2016, https://arxiv.org/abs/1512.03385).

    Args:
        layers: Maps images, or anything else, to such of the same shape.
        shortcut: Maps them to what is added, for layers that change the shape, for example a convolution of 1 x 1; the
            values themselves if None.
    """

    def __init__(self, layers: nn.Module, shortcut: nn.Module | None = None):
        super().__init__()
        self.layers = layers
        self.shortcut = shortcut

    def forward(self, values: Tensor) -> Tensor:
        """Return the sum, of the shape that the layers write, given images `(image, channel, height, width)`."""
        return self.layers(values) + (values if self.shortcut is None else self.shortcut(values))


class Crop(nn.Module):
    """The upper left part of an image, `(image, channel, height, width)`.

    Args:
        height: The number of rows that are kept.
        width: The number of columns that are kept.
    """

    def __init__(self, height: int, width: int):
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, images: Tensor) -> Tensor:
        """Return images `(image, channel, height, width)`, given larger ones."""
        return images[..., : self.height, : self.width]


def conv_encoder(
    channels: Sequence[int], pooled: bool = True, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Return layers for `embed`: convolutions of 3 x 3 that halve height and width, an activation between them.

    From images `(image, channels[0], height, width)` to vectors `(image, channels[-1] * rows * columns)`; rows and
    columns are those of `downsampled_size`.
    Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7.

    Args:
        channels: Channels of the images, then of the maps that each convolution writes.
        pooled: Whether max-pooling of 2 x 2 follows each convolution. If not, the convolutions have stride 2
            (Springenberg et al. 2014, https://arxiv.org/abs/1412.6806), which keeps the position of what they find.
        activation: Returns the layer between two convolutions.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers.append(nn.Conv2d(before, after, 3, stride=1 if pooled else 2, padding=1))
        layers += [nn.MaxPool2d(2, ceil_mode=True)] * pooled + [activation()]
    return nn.Sequential(ChannelsLast(nn.Sequential(*layers[:-1])), nn.Flatten())


def conv_decoder(
    channels: Sequence[int], height: int, width: int, activation: Callable[[], nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Return layers for `head`, the mirror of `conv_encoder`: transposed convolutions that double height and width.

    From vectors `(image, channels[0] * rows * columns)` to logits `(image, channels[-1], height, width)`.

    Args:
        channels: Channels of the maps that each convolution reads, then of the images.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        activation: Returns the layer between two convolutions.
    """
    rows, columns = downsampled_size(height, width, len(channels) - 1)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), activation()]
    unflatten = nn.Unflatten(1, (channels[0], rows, columns))
    return nn.Sequential(unflatten, ChannelsLast(nn.Sequential(*layers[:-1])), Crop(height, width))


def downsampled_size(height: int, width: int, times: int) -> tuple[int, int]:
    """Return rows and columns of an image after it was halved several times, rounded up each time."""
    return -(-height // 2**times), -(-width // 2**times)


def frame_encoder(size: tuple[int, int, int], channels: Sequence[int], vector_size: int) -> nn.Sequential:
    """Return layers for `embed`: convolutions that halve height and width, and one vector for each frame.

    From frames `(frame, *size)` to vectors `(frame, vector)`. The convolutions have stride 2 instead of pooling
    (Springenberg et al. 2014, https://arxiv.org/abs/1412.6806), a quarter of the work.

    Args:
        size: Channels, height and width of a frame.
        channels: Channels of the maps that each layer writes.
        vector_size: Length of the vector.
    """
    rows, columns = downsampled_size(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([size[0], *channels]):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
    flat = nn.Linear(channels[-1] * rows * columns, vector_size)
    return nn.Sequential(ChannelsLast(nn.Sequential(*layers)), nn.Flatten(), flat)


def frame_decoder(
    vector_size: int, channels: Sequence[int], size: tuple[int, int, int], output_bias: float = 0.0
) -> nn.Sequential:
    """Return layers for `head`, the mirror of `frame_encoder`: transposed convolutions that double height and width.

    From vectors `(frame, vector)` to logits or values `(frame, *size)`.

    Args:
        vector_size: Length of the vector.
        channels: Channels of the maps that each layer reads, the reverse of those of the encoder.
        size: Channels, height and width of a frame.
        output_bias: Initial bias of the output. Give the mean of the data, or its logit: a bias far from it takes long
            to learn.
    """
    rows, columns = downsampled_size(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([*channels, size[0]]):
        last = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
        layers += [last, nn.LeakyReLU(0.1)]
    assert last.bias is not None
    nn.init.constant_(last.bias, output_bias)
    project = nn.Linear(vector_size, channels[0] * rows * columns)
    unflatten = nn.Unflatten(1, (channels[0], rows, columns))
    return nn.Sequential(
        project, nn.LeakyReLU(0.1), unflatten, ChannelsLast(nn.Sequential(*layers[:-1])), Crop(*size[1:])
    )
