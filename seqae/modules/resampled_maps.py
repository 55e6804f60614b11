"""Codes of videos that keep where things are: the maps of all frames, resampled to a fixed number of positions, as one.

The frames of a video become channels of one image, which convolutions turn into the maps of the code, and those of the
code into maps of frames: SimVP (Gao et al. 2022, https://arxiv.org/abs/2206.05099), here for videos of any lengths.
"""

from __future__ import annotations

from torch import Tensor, nn

from seqae.batch import Batch, max_length
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder, embed_steps
from seqae.modules.positions import position_weights, step_weights


class ResampledMapsEncoder(Encoder):
    """The maps of frames, resampled to as many positions for each video; a network makes the code of them.

    Args:
        embed: Turns frames `(steps, *step)` into maps `(steps, channels, height, width)`.
        network: Turns the maps of all positions, `(batch, num_positions * channels, height, width)`, into those of the
            code, `(batch, *code_shape)`.
        num_positions: The number of positions, each as long as the others.
        code_shape: Channels, height and width of the maps of the code, which are flattened.

    Raises:
        ValueError: `num_positions` is below 1.
    """

    def __init__(self, embed: nn.Module, network: nn.Module, num_positions: int, code_shape: tuple[int, int, int]):
        super().__init__()
        self.embed = embed
        self.network = network
        self.num_positions = _positive(num_positions)
        self.code_shape = code_shape
        self.code_size = code_shape[0] * code_shape[1] * code_shape[2]

    def forward(self, batch: Batch) -> Tensor:
        """Return the codes, `(batch, code_size)`, given frames `(batch, time, *step)`.

        Raises:
            ValueError: The network writes maps of another shape than `code_shape`.
        """
        maps = embed_steps(batch, self.embed).mask_padding().values
        weights = position_weights(batch.lengths, maps.shape[1], self.num_positions).to(maps.dtype)
        resampled = (weights @ maps.flatten(2)).unflatten(2, maps.shape[2:])
        code = self.network(resampled.flatten(1, 2))
        if code.shape[1:] != self.code_shape:
            raise ValueError(
                f"maps of {tuple(code.shape[1:])}; the code of this encoder is made of {self.code_shape}. Give frames "
                "of one size, and the shape of the maps that the network writes for it"
            )
        return code.flatten(1)


class ResampledMapsDecoder(Decoder):
    """A network makes maps of all positions of a code, which are resampled to the frames of a video, all at once.

    A video of any length is as long as the positions together. A decoder of the future is therefore for as many frames
    as it learnt to predict.

    Args:
        network: Turns the maps of the code, `(batch, *code_shape)`, into those of all positions,
            `(batch, num_positions * channels, height, width)`.
        num_positions: The number of positions, each as long as the others.
        code_shape: Channels, height and width of the maps of the code.
        head: Turns maps `(steps, channels, height, width)` into predictions `(steps, *prediction)`.

    Raises:
        ValueError: `num_positions` is below 1.
    """

    def __init__(self, network: nn.Module, num_positions: int, code_shape: tuple[int, int, int], head: nn.Module):
        super().__init__()
        self.network = network
        self.num_positions = _positive(num_positions)
        self.code_shape = code_shape
        self.head = head
        self.code_size = code_shape[0] * code_shape[1] * code_shape[2]

    def forward(self, code: Tensor, lengths: Tensor, targets: Batch | None = None) -> Batch:
        """Return predictions `(batch, time, *prediction)`, given codes `(batch, code_size)`; see `Decoder`."""
        maps = self.network(code.unflatten(1, self.code_shape)).unflatten(1, (self.num_positions, -1))
        weights = step_weights(lengths, max_length(lengths), self.num_positions).to(maps.dtype)
        return Batch((weights @ maps.flatten(2)).unflatten(2, maps.shape[2:]), lengths).map(self.head)


def _positive(num_positions: int) -> int:
    if num_positions < 1:
        raise ValueError(f"num_positions is {num_positions}. Give at least 1")
    return num_positions
