"""U-Net: from images to the class of each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae.batch import on_host, to_device


class UNet(nn.Module):
    """Convolutions down to coarse maps and up again, with a skip connection on each level.

    Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597, with three changes: the convolutions pad, so that the
    logits cover the whole image; each pair of them has a residual connection (He et al. 2016,
    https://arxiv.org/abs/1512.03385); and their weights are standardised (Brock et al. 2021,
    https://arxiv.org/abs/2101.08692) instead of the activations. Thus an output depends on its own image alone, and a
    surface without contrast stays one, where instance normalisation would make noise as strong as defects.

    Images may have any size, also several sizes in one batch: the padding beyond an image is zeroed after each layer.

    Args:
        channels: The number of channels of an image.
        classes: The number of classes of pixels: 1 for one logit that a pixel is foreground, else one logit for each
            class.
        channels_per_level: Channels of the maps, the finest first; each further level has half the height and width.
        mean: Mean of the training pixels.
        std: Standard deviation of the training pixels.

    Raises:
        ValueError: `std` is not positive.
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
            raise ValueError(f"a std of {std}. Expected the standard deviation of pixels, more than 0")
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
            images: Pixels from 0 to 1, `(image, channel, height, width)`.
            sizes: `(image, 2)` int64, height and width of each image, which begins in the upper left corner; pixels
                beyond are never read. None if all images have the full size.

        Raises:
            ValueError: The images have another number of dimensions or channels.
        """
        if images.ndim != 4 or images.shape[1] != self.channels:
            raise ValueError(
                f"images of shape {tuple(images.shape)}. Expected (image, channel, height, width) with "
                f"{self.channels} channels, as this U-Net was made for"
            )
        height, width = images.shape[-2:]
        values, masks = self._pad((images - self.mean) / self.std, sizes)
        values = _zeroed(self.stem(values), masks[0])
        finer: list[Tensor] = []
        for layers, mask in zip(self.down, masks):
            values = layers(F.max_pool2d(values, 2) if finer else values, mask)
            finer.append(values)
        for layers, fine, mask in zip(self.up, finer[-2::-1], masks[-2::-1]):
            values = layers(torch.cat([fine, _zeroed(F.interpolate(values, scale_factor=2), mask)], dim=1), mask)
        return self.head(values)[..., :height, :width]

    def _pad(self, images: Tensor, sizes: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """Pad images until they can be halved often enough; return them and the mask of each image on each level."""
        levels, (height, width) = len(self.channels_per_level), images.shape[-2:]
        multiple = 2 ** (levels - 1)
        bottom, right = -height % multiple, -width % multiple
        full = torch.tensor([[height, width]], device="cpu")
        sizes = to_device(full, images.device) if sizes is None else sizes
        if not bottom and not right and bool((on_host(sizes) == full).all()):
            return images, [None] * levels
        padded = F.pad(images, (0, right, 0, bottom))
        masks = [_inside(-(-sizes // 2**level), *_halved(padded, level)) for level in range(levels)]
        return torch.where(masks[0], padded, torch.zeros_like(padded)), [*masks]


class Segmenter(nn.Module):
    """A trained segmentation network with its threshold: from images of any sizes to masks.

    Args:
        model: Maps images `(image, channel, height, width)` to logits `(image, class, height, width)`.
        threshold: For one logit: the probability from which on a pixel is of class 1.
        test_time_augmentation: Whether to average the logits over the four quarter turns of an image and their mirror
            images. It takes eight times as long; for images that may have any orientation.
    """

    def __init__(self, model: nn.Module, threshold: float = 0.5, test_time_augmentation: bool = False):
        super().__init__()
        self.model = model
        self.threshold = threshold
        self.test_time_augmentation = test_time_augmentation

    def forward(self, images: Sequence[Tensor]) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)` int64, of images `(channel, height, width)` from 0 to 1."""
        return [self._classes(self.logits(image)) for image in images]

    @torch.no_grad()
    def logits(self, image: Tensor) -> Tensor:
        """Return logits `(class, height, width)` of an image `(channel, height, width)` from 0 to 1."""
        quarters, mirrored = (range(4), (False, True)) if self.test_time_augmentation else (range(1), (False,))
        found = []
        for quarter in quarters:
            for mirror in mirrored:
                turned = image.rot90(quarter, (-2, -1))
                logits = self.model((turned.flip(-1) if mirror else turned).unsqueeze(0))[0]
                found.append((logits.flip(-1) if mirror else logits).rot90(-quarter, (-2, -1)))
        return torch.stack(found).mean(dim=0)

    def _classes(self, logits: Tensor) -> Tensor:
        return (logits[0].sigmoid() >= self.threshold).long() if len(logits) == 1 else logits.argmax(dim=0)


class _Residual(nn.Module):
    """Two convolutions with a residual connection; they nearly keep a variance of one."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.first = _Convolution(before, after, 3)
        self.second = _Convolution(after, after, 3)
        self.shortcut = _Convolution(before, after, 1)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        between = _zeroed(_relu(self.first(values)), mask)
        return _zeroed(_relu((self.second(between) + self.shortcut(values)) / math.sqrt(2)), mask)


class _Convolution(nn.Module):
    """A convolution with weight standardisation: for each output channel, mean zero and a learnt norm."""

    def __init__(self, before: int, after: int, size: int):
        super().__init__()
        # Their norm has no effect on the output, but the larger it is, the smaller is the relative step of training.
        self.weight = nn.Parameter(torch.randn(after, before, size, size) / math.sqrt(before * size**2))
        self.norm = nn.Parameter(torch.ones(after, 1, 1, 1))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, values: Tensor) -> Tensor:
        centred = self.weight - self.weight.mean(dim=(1, 2, 3), keepdim=True)
        squared_norms = centred.square().sum(dim=(1, 2, 3), keepdim=True)
        weight = centred * (squared_norms + 1e-4).rsqrt() * self.norm
        return F.conv2d(values, weight, self.bias, padding="same")


def _relu(values: Tensor) -> Tensor:
    """Return max(0, values), scaled to variance one for standard normal values."""
    return math.sqrt(2 / (1 - 1 / math.pi)) * F.relu(values)


def _zeroed(values: Tensor, mask: Tensor | None) -> Tensor:
    return values if mask is None else values * mask


def _halved(images: Tensor, times: int) -> tuple[int, int]:
    return images.shape[-2] >> times, images.shape[-1] >> times


def _inside(sizes: Tensor, height: int, width: int) -> Tensor:
    """Return True at the pixels of each image, `(image, 1, height, width)`, given sizes `(image, 2)`."""
    rows = torch.arange(height, device=sizes.device) < sizes[:, :1]
    columns = torch.arange(width, device=sizes.device) < sizes[:, 1:]
    return (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)
