"""Images, as sequences of one step `(channel, height, width)`: `embed` and `head` for them.

For fully connected layers `nn.Flatten()` and `nn.Unflatten(1, size)` are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.encoders import Encoder


class ImageEncoder(Encoder):
    """The code of an image is what `embed` makes of it. Its counterpart is `ConstantDecoder`.

    Args:
        embed: Turns the only step of each sequence `(batch, *step)` into its code `(batch, code_size)`.
        code_size: Length of a code.
    """

    def __init__(self, embed: nn.Module, code_size: int):
        super().__init__()
        self.embed = embed
        self.code_size = code_size

    def forward(self, batch: Batch) -> Tensor:
        if int(batch.lengths.max()) > 1:
            raise ValueError(
                f"a sequence has {int(batch.lengths.max())} steps. This encoder reads images: sequences of 1 step"
            )
        return self.embed(batch.values[:, 0])


class ChannelsLast(nn.Module):
    """Layers on images, whose channels lie side by side in memory: convolutions on a CPU take two thirds of the time.

    Args:
        layers: From images to images, `(image, channel, height, width)`.
    """

    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers
        _lay_out(self)
        self.register_load_state_dict_post_hook(_lay_out)  # loading puts other tensors in the place of these

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _lay_out(module: ChannelsLast, *loaded: object) -> None:
    module.layers.to(memory_format=torch.channels_last)


class Crop(nn.Module):
    """The upper left part of an image, `(image, channel, height, width)`.

    Args:
        height: Of the part.
        width: Of the part.
    """

    def __init__(self, height: int, width: int):
        super().__init__()
        self.height = height
        self.width = width

    def forward(self, images: Tensor) -> Tensor:
        return images[..., : self.height, : self.width]


def conv_encoder(channels: Sequence[int], pooled: bool = True) -> nn.Sequential:
    """Return an embed: convolutions of 3 x 3 that halve height and width; ReLU between them.

    From images `(image, channels[0], height, width)` to `(image, channels[-1] * rows * columns)`, see `shrunk`.
    Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7.

    Args:
        channels: Of the images, and the maps that each convolution writes.
        pooled: Whether the largest of 2 x 2 pixels follows each convolution. If not, a convolution skips every other
            pixel itself (Springenberg et al. 2014, https://arxiv.org/abs/1412.6806), and no place is forgotten.
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers.append(nn.Conv2d(before, after, 3, stride=1 if pooled else 2, padding=1))
        layers += [nn.MaxPool2d(2, ceil_mode=True)] * pooled + [nn.ReLU()]
    return nn.Sequential(ChannelsLast(nn.Sequential(*layers[:-1])), nn.Flatten())


def conv_decoder(channels: Sequence[int], height: int, width: int) -> nn.Sequential:
    """Return a head, the mirror of `shrinking`: transposed convolutions that double height and width.

    From vectors `(image, channels[0] * rows * columns)` to logits `(image, channels[-1], height, width)`.
    """
    rows, columns = downsampled_size(height, width, len(channels) - 1)
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
    unflatten = nn.Unflatten(1, (channels[0], rows, columns))
    return nn.Sequential(unflatten, ChannelsLast(nn.Sequential(*layers[:-1])), Crop(height, width))


def downsampled_size(height: int, width: int, times: int) -> tuple[int, int]:
    """Return rows and columns of an image after it was halved several times, an odd rest counted as whole."""
    return -(-height // 2**times), -(-width // 2**times)


def frame_encoder(size: tuple[int, int, int], channels: Sequence[int], vector: int) -> nn.Sequential:
    """Return an embed: convolutions that halve height and width, and one vector for each frame.

    From frames `(frame, *size)` to `(frame, vector)`. Strides in place of pooling (Springenberg et al. 2014,
    https://arxiv.org/abs/1412.6806), which would compute three of four values for nothing.

    Args:
        size: Channels, height and width of a frame.
        channels: Maps that each layer writes.
        vector: Length of the vector.
    """
    rows, columns = downsampled_size(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([size[0], *channels]):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(0.1)]
    flat = nn.Linear(channels[-1] * rows * columns, vector)
    return nn.Sequential(ChannelsLast(nn.Sequential(*layers)), nn.Flatten(), flat)


def frame_decoder(
    vector: int, channels: Sequence[int], size: tuple[int, int, int], output_bias: float = 0.0
) -> nn.Sequential:
    """Return a head, the mirror of `frame_encoder`: transposed convolutions that double height and width.

    From vectors `(frame, vector)` to logits or values `(frame, *size)`.

    Args:
        vector: Length of the vector.
        channels: Maps that each layer reads, the mirror of those of the embed.
        size: Channels, height and width of a frame.
        output_bias: What is written before anything is learnt. Give the mean, or its logit: dark frames take long to find.
    """
    rows, columns = downsampled_size(*size[1:], len(channels))
    layers: list[nn.Module] = []
    for before, after in pairwise([*channels, size[0]]):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
    nn.init.constant_(layers[-2].bias, output_bias)
    spread = nn.Linear(vector, channels[0] * rows * columns)
    unflatten = nn.Unflatten(1, (channels[0], rows, columns))
    return nn.Sequential(
        spread, nn.LeakyReLU(0.1), unflatten, ChannelsLast(nn.Sequential(*layers[:-1])), Crop(*size[1:])
    )
