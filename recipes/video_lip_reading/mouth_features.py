"""What a mouth in two frames is turned into: a vector, by convolutions; and how both are changed while they learn."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Generator, Tensor, nn

import seqae
from seqae.modules import downsampled_size


def in_pairs(frames: Tensor) -> Tensor:
    """Return frames `(time, 1, height, width)` without their mean, two in a step: `(time // 2, 2, height, width)`."""
    moving = (frames - frames.mean(dim=0))[: len(frames) // 2 * 2]
    return moving.reshape(-1, 2, *moving.shape[2:])


@dataclass(frozen=True)
class OnFrames:
    """Changes the frames in steps `(batch, time, 2, height, width)` one by one, not two at a time.

    Args:
        change: Changes a batch of frames `(batch, 2 * time, 1, height, width)`.
    """

    change: Callable[[seqae.Batch, Generator], seqae.Batch]

    def __call__(self, batch: seqae.Batch, generator: Generator) -> seqae.Batch:
        """Return the changed batch."""
        frames = seqae.Batch(batch.values.flatten(1, 2).unsqueeze(2), 2 * batch.lengths)
        return seqae.Batch(self.change(frames, generator).values.view_as(batch.values), batch.lengths)


def frame_convolutions(size: tuple[int, int], vector_size: int, dropout: float) -> seqae.TimeDistributed:
    """Return layers from steps `(batch, time, 2, height, width)` to vectors `(batch, time, vector_size)`.

    Args:
        size: Height and width of a frame, multiples of 8.
        vector_size: Length of the vector of a step.
        dropout: Probability with which training drops a value of the last maps.
    """
    rows, columns = downsampled_size(*size, 3)
    layers = [
        *(nn.Conv2d(2, 32, 6, stride=4, padding=1), nn.BatchNorm2d(32), nn.SiLU()),
        *(nn.Conv2d(32, 48, 3, stride=2, padding=1), nn.BatchNorm2d(48), nn.SiLU()),
        *(nn.Flatten(), nn.Dropout(dropout), nn.Linear(48 * rows * columns, vector_size)),
    ]
    return seqae.TimeDistributed(nn.Sequential(*layers))
