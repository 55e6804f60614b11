"""A small autoencoder for each channel by itself, all of them at once.

An error in one channel then never leaks into another, so the channel to blame is the one that looks
strange. They start from principal components, the best that a linear autoencoder can do, and learn
what is left.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder


class PerChannelEncoder(Encoder):
    """Codes of windows, each channel's on its own: a linear way and a bent one beside it.

    Args:
        steps: Steps of a window; all windows have as many.
        channels: Channels of a step.
        numbers: Numbers in the code of a channel; `code_size` is `channels * numbers`.
        hidden_size: Length of the hidden vector of a channel; 0 leaves the linear way alone.
    """

    def __init__(self, steps: int, channels: int, numbers: int, hidden_size: int = 16):
        super().__init__()
        self.steps = steps
        self.channels = channels
        self.numbers = numbers
        self.hidden_size = hidden_size
        self.code_size = channels * numbers
        self.linear = _drawn(channels, steps, numbers)
        self.into = _drawn(channels, steps, hidden_size)
        self.out = nn.Parameter(torch.zeros(channels, hidden_size, numbers))
        self.register_buffer("center", torch.zeros(channels, 1, steps))
        self.register_buffer("used", torch.ones(channels, 1, numbers))

    def forward(self, batch: Batch) -> Tensor:
        is_window = batch.values.shape[2:] == (self.channels,) and bool((batch.lengths == self.steps).all())
        if not is_window:
            raise ValueError(
                f"windows of shape {tuple(batch.values.shape[1:])} (lengths {int(batch.lengths.min())} and up); this "
                f"encoder reads windows of {self.steps} steps and {self.channels} channels"
            )
        # A missing value is read as zero, the mean of a scaled channel.
        windows = batch.values[:, : self.steps].nan_to_num().permute(2, 0, 1) - self.center  # (channel, batch, time)
        code = windows @ self.linear + (windows @ self.into).tanh() @ self.out
        return (code * self.used).permute(1, 0, 2).flatten(start_dim=1)


class PerChannelDecoder(Decoder):
    """The way back from the codes of a `PerChannelEncoder`.

    Args:
        steps: Steps of a window.
        channels: Channels of a step.
        numbers: Numbers in the code of a channel.
        hidden_size: Length of the hidden vector of a channel; 0 leaves the linear way alone.
    """

    def __init__(self, steps: int, channels: int, numbers: int, hidden_size: int = 16):
        super().__init__()
        self.steps = steps
        self.channels = channels
        self.numbers = numbers
        self.hidden_size = hidden_size
        self.linear = _drawn(channels, numbers, steps)
        self.into = _drawn(channels, numbers, hidden_size)
        self.bend = _drawn(channels, 1, hidden_size)
        self.out = nn.Parameter(torch.zeros(channels, hidden_size, steps))
        self.center = nn.Parameter(torch.zeros(channels, 1, steps))

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        time = int(lengths.max())
        if time > self.steps:
            raise ValueError(f"asked for {time} steps; this decoder writes at most {self.steps}")
        codes = code.unflatten(1, (self.channels, self.numbers)).transpose(0, 1)  # (channel, batch, number)
        windows = codes @ self.linear + (codes @ self.into + self.bend).tanh() @ self.out + self.center
        return Batch(windows[..., :time].permute(1, 2, 0), lengths)


def start_from_principal_components(
    encoder: PerChannelEncoder, decoder: PerChannelDecoder, windows: Tensor, share: float
) -> None:
    """Let the linear ways begin as the principal components of each channel's windows.

    Args:
        encoder: Its codes keep as many components of a channel as explain the share, at most `numbers`.
        decoder: Of the same sizes.
        windows: `(window, time, channel)`, without missing values.
        share: Of the variance of a channel's windows.
    """
    by_channel = windows.permute(2, 0, 1).double()
    center = by_channel.mean(dim=1, keepdim=True)
    spread = (by_channel - center).transpose(1, 2) @ (by_channel - center) / by_channel.shape[1]
    variances, axes = torch.linalg.eigh(spread)
    variances, axes = variances.flip(1).clamp(min=0), axes.flip(2)[:, :, : encoder.numbers]
    explained = variances.cumsum(1) / variances.sum(1, keepdim=True).clamp(min=1e-12)
    wanted = (explained < share).sum(dim=1) + 1
    # A wave takes two components of like variance, a sine and a cosine: one without the other is of no use.
    last = variances.gather(1, (wanted - 1).clamp(max=variances.shape[1] - 1).unsqueeze(1))
    after = variances.gather(1, wanted.clamp(max=variances.shape[1] - 1).unsqueeze(1))
    wanted += (after > 0.5 * last).squeeze(1)
    wanted[variances.sum(dim=1) < 1e-10] = 0  # a constant channel needs no code
    with torch.no_grad():
        encoder.used.copy_((torch.arange(encoder.numbers) < wanted.unsqueeze(1)).unsqueeze(1))
        encoder.linear.copy_(axes)
        encoder.center.copy_(center)
        decoder.linear.copy_(axes.transpose(1, 2))
        decoder.center.copy_(center)


def _drawn(channels: int, size: int, after: int) -> nn.Parameter:
    """Return weights `(channel, size, after)` that keep the spread of what they are multiplied by."""
    return nn.Parameter(nn.init.normal_(torch.empty(channels, size, after), std=size**-0.5))
