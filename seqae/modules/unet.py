"""U-Net: from images to the class of each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class UNet(nn.Module):
    """Convolutions down to coarse maps and up again, with each fine map kept and read again on the way up.

    Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597, with three changes: the convolutions pad, so that the
    logits cover the whole image; each pair of them has a residual connection (He et al. 2016,
    https://arxiv.org/abs/1512.03385); and their weights are standardised (Brock et al. 2021,
    https://arxiv.org/abs/2101.08692) in place of what they write. Thus nothing depends on the other images of a batch,
    and a surface without contrast stays one, where a normalisation of each image would make noise as strong as defects.

    Images may have any size, also several sizes in one batch: what stands beyond an image is zeroed after each layer.

    Args:
        channels: Of an image.
        classes: Of pixels: 1 for a logit that a pixel is not background, else one logit for each class.
        channels_per_level: Channels of the maps, the finest first; each further one has half the height and width.
        mean: Of the pixels that it learns from.
        std: Their standard deviation.
    """

    def __init__(
        self,
        channels: int = 3,
        classes: int = 1,
        channels_per_level: Sequence[int] = (8, 32, 64, 96, 96),
        mean: float = 0.5,
        std: float = 0.25,
    ):
        super().__init__()
        if not std > 0:
            raise ValueError(f"a spread of {std}. Expected the standard deviation of pixels, more than 0")
        self.channels = channels
        self.classes = classes
        self.channels_per_level = tuple(channels_per_level)
        self.mean = mean
        self.std = std
        down, up = pairwise([channels_per_level[0], *channels_per_level]), pairwise(channels_per_level[::-1])
        # Not standardised: weights of mean zero would not see how bright an image is.
        self.stem = nn.Conv2d(channels, channels_per_level[0], 3, padding=1)
        self.down = nn.ModuleList(_Residual(before, after) for before, after in down)
        self.up = nn.ModuleList(_Residual(coarse + fine, fine) for coarse, fine in up)
        self.head = nn.Conv2d(channels_per_level[0], classes, 1)

    def forward(self, images: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Return logits `(image, class, height, width)`.

        Args:
            images: From 0 to 1, `(image, channel, height, width)`.
            sizes: `(image, 2)`, height and width of each image, which stands in the upper left corner; what is
                beyond them is never read. None if no image is smaller than the others.
        """
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ValueError(
                f"images of shape {tuple(images.shape)}. Expected (image, channel, height, width) with "
                f"{self.channels} channels, as this U-Net was made for"
            )
        height, width = images.shape[-2:]
        values, masks = self._framed((images - self.mean) / self.std, sizes)
        values = _zeroed(self.stem(values), masks[0])
        finer: list[Tensor] = []
        for layers, mask in zip(self.down, masks):
            values = layers(F.max_pool2d(values, 2) if finer else values, mask)
            finer.append(values)
        for layers, fine, mask in zip(self.up, finer[-2::-1], masks[-2::-1]):
            values = layers(torch.cat([fine, _zeroed(F.interpolate(values, scale_factor=2), mask)], dim=1), mask)
        return self.head(values)[..., :height, :width]

    def _framed(self, images: Tensor, sizes: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """Add zeros until height and width can be halved often enough; tell where the image is, on each level."""
        levels, (height, width) = len(self.channels_per_level), images.shape[-2:]
        multiple = 2 ** (levels - 1)
        bottom, right = -height % multiple, -width % multiple
        if sizes is None:
            sizes = torch.tensor([[height, width]], device=images.device)
        if not bottom and not right and bool((sizes == sizes.new_tensor([height, width])).all()):
            return images, [None] * levels
        framed = F.pad(images, (0, right, 0, bottom))
        masks = [_inside(-(-sizes // 2**level), *_halved(framed, level)) for level in range(levels)]
        return torch.where(masks[0], framed, torch.zeros_like(framed)), masks


class Segmenter(nn.Module):
    """A trained network with its threshold: images of any sizes in, masks out.

    Args:
        model: From images `(image, channel, height, width)` to logits `(image, class, height, width)`.
        threshold: Where there is one logit: the probability from which on a pixel is of class 1.
        test_time_augmentation: Whether logits are the mean of those of the image, of its quarter turns and of the mirror images of all
            four. It takes eight times as long, and single mistakes even out. For what may stand any way round.
    """

    def __init__(self, model: nn.Module, threshold: float = 0.5, test_time_augmentation: bool = False):
        super().__init__()
        self.model = model
        self.threshold = threshold
        self.test_time_augmentation = test_time_augmentation

    def forward(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)`, of images `(channel, height, width)` from 0 to 1."""
        return [self._classes(self.logits(image)) for image in images]

    @torch.no_grad()
    def logits(self, image: Tensor) -> Tensor:
        """Return logits `(class, height, width)` of an image `(channel, height, width)` from 0 to 1."""
        quarters, mirrored = (range(4), (False, True)) if self.test_time_augmentation else (range(1), (False,))
        found = []
        for quarter in quarters:
            for mirror in mirrored:
                seen = image.rot90(quarter, (-2, -1))
                logits = self.model((seen.flip(-1) if mirror else seen).unsqueeze(0))[0]
                found.append((logits.flip(-1) if mirror else logits).rot90(-quarter, (-2, -1)))
        return torch.stack(found).mean(dim=0)

    def _classes(self, logits: Tensor) -> Tensor:
        return (logits[0].sigmoid() >= self.threshold).long() if len(logits) == 1 else logits.argmax(dim=0)


class _Residual(nn.Module):
    """Two convolutions and a way past both; if what comes in has variance one, what goes out has, too, or nearly."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first = _Convolution(before, after, 3)
        self.second = _Convolution(after, after, 3)
        self.past = _Convolution(before, after, 1)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        between = _zeroed(_relu(self.first(values)), mask)
        return _zeroed(_relu((self.second(between) + self.past(values)) / math.sqrt(2)), mask)


class _Convolution(nn.Module):
    """A convolution whose weights have, for each channel that it writes, mean zero and a length of its own."""

    def __init__(self, before: int, after: int, size: int):
        super().__init__()
        # Their length does not count, but the longer they are, the less a step of the optimizer turns them.
        self.weight = nn.Parameter(torch.randn(after, before, size, size) / math.sqrt(before * size**2))
        self.length = nn.Parameter(torch.ones(after, 1, 1, 1))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, values: Tensor) -> Tensor:
        centred = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        lengths = centred.square().sum(dim=(1, 2, 3), keepdim=True)
        weight = centred * (lengths + 1e-4).rsqrt() * self.length
        return F.conv2d(values, weight, self.bias, padding="same")


def _relu(values: Tensor) -> Tensor:
    """Return max(0, values) with variance one if the values are normal with variance one."""
    return math.sqrt(2 / (1 - 1 / math.pi)) * F.relu(values)


def _zeroed(values: Tensor, mask: Tensor | None) -> Tensor:
    return values if mask is None else values * mask


def _halved(images: Tensor, times: int) -> tuple[int, int]:
    return images.shape[-2] >> times, images.shape[-1] >> times


def _inside(sizes: Tensor, height: int, width: int) -> Tensor:
    """Return True at the pixels of each image, `(image, 1, height, width)`."""
    rows = torch.arange(height, device=sizes.device) < sizes[:, :1]
    columns = torch.arange(width, device=sizes.device) < sizes[:, 1:]
    return (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)
