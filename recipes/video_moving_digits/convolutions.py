"""The convolutions of the model: from frames to maps and back, and from the maps of all frames to other maps."""

import torch
from torch import Tensor, nn

import seqae
from seqae.modules import ChannelsLast, CompositeAutoencoder, Crop, Residual

GROUPS = 8  # of channels; the values of each are normalized together


def frame_maps(channels: int) -> ChannelsLast:
    """Return layers from frames `(frame, 1, size, size)` to maps `(frame, channels, size / 4, size / 4)`."""
    first, second = (nn.Conv2d(before, channels, 3, stride=2, padding=1) for before in (1, channels))
    return ChannelsLast(nn.Sequential(first, nn.LeakyReLU(0.1), second))


def maps_frame(channels: int, size: int, dark: float) -> nn.Sequential:
    """Return layers from maps `(frame, channels, size / 4, size / 4)` to the logits of frames `(frame, 1, size, size)`.

    Args:
        channels: Channels of the maps.
        size: Height and width of a frame.
        dark: What is written before anything is learnt.
    """
    first, last = (nn.ConvTranspose2d(channels, after, 4, stride=2, padding=1) for after in (channels, 1))
    assert last.bias is not None
    nn.init.constant_(last.bias, dark)
    layers = nn.Sequential(nn.LeakyReLU(0.1), first, nn.LeakyReLU(0.1), last)
    return nn.Sequential(ChannelsLast(layers), Crop(size, size))


def mapping(inputs: int, outputs: int, channels: int, blocks: int, coarse: nn.Module | None = None) -> ChannelsLast:
    """Return residual convolutions from maps `(batch, inputs, side, side)` to maps `(batch, outputs, side, side)`.

    A linear function of the maps is added, which is learnt first.

    Args:
        inputs: Channels that are read.
        outputs: Channels that are written.
        channels: Channels in between, a multiple of 8.
        blocks: Residual blocks.
        coarse: Layers before them, on `channels` channels, for example `coarse_mapping`.
    """
    first, last = nn.Conv2d(inputs, channels, 3, padding=1), nn.Conv2d(channels, outputs, 1)
    between = [] if coarse is None else [coarse]
    layers = nn.Sequential(first, *between, *_residual(channels, blocks), *_normalized(channels), last)
    return ChannelsLast(Residual(layers, shortcut=nn.Conv2d(inputs, outputs, 1)))


def coarse_mapping(channels: int, side: int, blocks: int) -> Residual:
    """Return residual convolutions at half the height and width, with twice the channels, which see farther.

    Args:
        channels: Channels of the maps that are read and written, a multiple of 8.
        side: Height and width of these maps.
        blocks: Residual blocks.
    """
    down = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
    up = nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1)
    between = *_residual(2 * channels, blocks), *_normalized(2 * channels)
    return Residual(nn.Sequential(down, *between, up, Crop(side, side)))


def _residual(channels: int, blocks: int) -> list[Residual]:
    """Return blocks of two convolutions each (He et al. 2016, https://arxiv.org/abs/1603.05027)."""

    def half() -> list[nn.Module]:
        return [*_normalized(channels), nn.Conv2d(channels, channels, 3, padding=1)]

    return [Residual(nn.Sequential(*half(), *half())) for _ in range(blocks)]


def _normalized(channels: int) -> list[nn.Module]:
    return [nn.GroupNorm(GROUPS, channels), nn.LeakyReLU(0.1)]


def reconstruct_and_predict(model: CompositeAutoencoder, read: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frames that were read, `(video, frame, 1, size, size)`, and as many that follow, as probabilities."""
    with seqae.evaluating(model):
        found = model(seqae.Batch.full(read), torch.full((len(read),), read.shape[1]))
    assert found.past is not None and found.future is not None
    return found.past.values.sigmoid(), found.future.values.sigmoid()
