"""Separate autoencoders for all channels, computed at once.

An error in one channel never leaks into another, so that reconstruction errors name the channel at fault. The weights
start from principal components, the optimum of a linear autoencoder, and a nonlinear path learns the remaining error.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder


class PerChannelEncoder(Encoder):
    """Codes of windows, for each channel separately: a linear path plus a nonlinear one with a hidden layer.

    Args:
        steps: Steps of each window.
        channels: Channels of a step.
        code_size_per_channel: Length of the code of a channel; `code_size` is `channels` times that.
        hidden_size: Length of the hidden vector of a channel; 0 leaves the linear path alone.
    """

    center: Tensor
    active: Tensor

    def __init__(self, steps: int, channels: int, code_size_per_channel: int, hidden_size: int = 16):
        super().__init__()
        self.steps = steps
        self.channels = channels
        self.code_size_per_channel = code_size_per_channel
        self.hidden_size = hidden_size
        self.code_size = channels * code_size_per_channel
        self.linear = _random_weights(channels, steps, code_size_per_channel)
        self.hidden_weight = _random_weights(channels, steps, hidden_size)
        self.output_weight = nn.Parameter(torch.zeros(channels, hidden_size, code_size_per_channel))
        self.register_buffer("center", torch.zeros(channels, 1, steps))
        self.register_buffer("active", torch.ones(channels, 1, code_size_per_channel))

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, channel after channel, given windows `(batch, time, channel)`.

        Raises:
            ValueError: The windows have other steps or channels.
        """
        is_window = batch.values.shape[2:] == (self.channels,) and bool((batch.lengths == self.steps).all())
        if not is_window:
            raise ValueError(
                f"windows of shape {tuple(batch.values.shape[1:])} (lengths {int(batch.lengths.min())} and up); this "
                f"encoder reads windows of {self.steps} steps and {self.channels} channels"
            )
        # A missing value is read as zero, the mean of a scaled channel.
        windows = batch.values[:, : self.steps].nan_to_num().permute(2, 0, 1) - self.center  # (channel, batch, time)
        code = windows @ self.linear + (windows @ self.hidden_weight).tanh() @ self.output_weight
        return (code * self.active).permute(1, 0, 2).flatten(start_dim=1)


class PerChannelDecoder(Decoder):
    """Windows from the codes of a `PerChannelEncoder`, by the same two paths for each channel.

    Args:
        steps: Steps of each window.
        channels: Channels of a step.
        code_size_per_channel: Length of the code of a channel.
        hidden_size: Length of the hidden vector of a channel; 0 leaves the linear path alone.
    """

    def __init__(self, steps: int, channels: int, code_size_per_channel: int, hidden_size: int = 16):
        super().__init__()
        self.steps = steps
        self.channels = channels
        self.code_size_per_channel = code_size_per_channel
        self.hidden_size = hidden_size
        self.linear = _random_weights(channels, code_size_per_channel, steps)
        self.hidden_weight = _random_weights(channels, code_size_per_channel, hidden_size)
        self.hidden_bias = _random_weights(channels, 1, hidden_size)
        self.output_weight = nn.Parameter(torch.zeros(channels, hidden_size, steps))
        self.center = nn.Parameter(torch.zeros(channels, 1, steps))

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return windows `(batch, time, channel)`, given codes `(batch, code_size)`; see `Decoder`.

        Raises:
            ValueError: A length is above `steps`.
        """
        time = int(lengths.max())
        if time > self.steps:
            raise ValueError(f"asked for {time} steps; this decoder writes at most {self.steps}")
        codes = code.unflatten(1, (self.channels, self.code_size_per_channel)).transpose(0, 1)  # (channel, batch, code)
        windows = (
            codes @ self.linear
            + (codes @ self.hidden_weight + self.hidden_bias).tanh() @ self.output_weight
            + self.center
        )
        return Batch(windows[..., :time].permute(1, 2, 0), lengths)


def start_from_principal_components(
    encoder: PerChannelEncoder, decoder: PerChannelDecoder, windows: Tensor, explained_variance: float
) -> None:
    """Set the linear paths to the principal components of each channel's windows, in place.

    Args:
        encoder: Its codes keep as many components of a channel as explain the variance asked for, at most
            `code_size_per_channel`; the other units are inactive (zero).
        decoder: A decoder of the same sizes.
        windows: `(window, time, channel)`, without missing values.
        explained_variance: The fraction of the variance of a channel's windows, from 0 to 1.
    """
    by_channel = windows.permute(2, 0, 1).double()
    center = by_channel.mean(dim=1, keepdim=True)
    covariance = (by_channel - center).transpose(1, 2) @ (by_channel - center) / by_channel.shape[1]
    variances, axes = torch.linalg.eigh(covariance)
    variances, axes = variances.flip(1).clamp(min=0), axes.flip(2)[:, :, : encoder.code_size_per_channel]
    cumulative = variances.cumsum(1) / variances.sum(1, keepdim=True).clamp(min=1e-12)
    kept = (cumulative < explained_variance).sum(dim=1) + 1
    # A periodic signal takes two components of similar variance, sine and cosine: one without the other is useless.
    last = variances.gather(1, (kept - 1).clamp(max=variances.shape[1] - 1).unsqueeze(1))
    after = variances.gather(1, kept.clamp(max=variances.shape[1] - 1).unsqueeze(1))
    kept += (after > 0.5 * last).squeeze(1)
    kept[variances.sum(dim=1) < 1e-10] = 0  # a constant channel needs no code
    with torch.no_grad():
        encoder.active.copy_((torch.arange(encoder.code_size_per_channel) < kept.unsqueeze(1)).unsqueeze(1))
        encoder.linear.copy_(axes)
        encoder.center.copy_(center)
        decoder.linear.copy_(axes.transpose(1, 2))
        decoder.center.copy_(center)


def _random_weights(channels: int, size: int, after: int) -> nn.Parameter:
    """Return weights `(channel, size, after)` that keep the variance of their input."""
    return nn.Parameter(nn.init.normal_(torch.empty(channels, size, after), std=size**-0.5))
