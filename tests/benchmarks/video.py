"""Training a ConvLSTM on videos, beside a loop over videos and frames. Prints one line.

    python tests/benchmarks/video.py
    python tests/benchmarks/video.py --quick

Called by race.py with the name of a contestant, it is that contestant, see contestants.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from contestants import THREADS, Work
from contestants import main as contest
from race import race
from torch import Tensor, nn

import seqae
from seqae.batch import Batch
from seqae.modules.conv_lstm import ConvLSTM

CHANNELS, HIDDEN, SIDE = 8, 16, 8  # maps of frames of 64 x 64, halved three times


class FrameByFrame(nn.Module):
    """What one writes from the paper: one video at a time, one convolution of frame and state for each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.gates = nn.Conv2d(CHANNELS + HIDDEN, 4 * HIDDEN, 3, padding=1)

    def forward(self, video: Tensor) -> Tensor:
        hidden = cell = video.new_zeros(1, HIDDEN, SIDE, SIDE)
        for frame in video:
            gates = self.gates(torch.cat([frame.unsqueeze(0), hidden], dim=1))
            entering, keeping, new, leaving = gates.chunk(4, dim=1)
            cell = keeping.sigmoid() * cell + entering.sigmoid() * new.tanh()
            hidden = leaving.sigmoid() * cell.tanh()
        return hidden


def videos(quick: bool) -> list[Tensor]:
    """Films of 5 to 20 frames."""
    torch.manual_seed(0)
    return [torch.rand(5 + number % 16, CHANNELS, SIDE, SIDE) for number in range(16 if quick else 64)]


def conv_lstm_by_seqae(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    model, sequences = ConvLSTM(CHANNELS, HIDDEN), videos(quick)

    def work() -> int:
        model.zero_grad()
        hidden = model(Batch.of(sequences))[1][0]
        hidden.square().mean().backward()
        return len(sequences)

    return work


def conv_lstm_frame_by_frame(quick: bool) -> Work:
    torch.set_num_threads(THREADS)
    model, sequences = FrameByFrame(), videos(quick)

    def work() -> int:
        model.zero_grad()
        for video in sequences:
            (model(video).square().mean() / len(sequences)).backward()
        return len(sequences)

    return work


def videos_per_second(quick: bool) -> tuple[float, float]:
    """Return how many videos per second seqae trains on, and the loop."""
    names = ["conv_lstm_by_seqae", "conv_lstm_frame_by_frame"]
    ours, loop = race(names, 3 if quick else 9, quick, Path(__file__)).values()
    return 1 / ours, 1 / loop


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        contest(*sys.argv[1:], contestants=globals())
    else:
        ours, loop = videos_per_second("--quick" in sys.argv)
        print(f"ConvLSTM {ours / loop:5.2f} x   {ours:.0f} against {loop:.0f} videos/s")
