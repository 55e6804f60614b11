"""Codes that are resampled sequences: what they hold, and where."""

import math

import pytest
import torch
from torch import Tensor, nn

from seqae.batch import Batch
from seqae.modules.resampled import ResampledDecoder, ResampledEncoder

LENGTHS = pytest.mark.parametrize("length", [1, 2, 5, 8, 9, 40, 203])
POSITIONS = 8


class Same(nn.Module):
    """A network over time that does nothing, so that only the resampling is seen."""

    input_size = output_size = 6

    def forward(self, batch: Batch) -> Batch:
        return batch


def encoder(**settings: bool) -> ResampledEncoder:
    torch.manual_seed(0)
    return ResampledEncoder(3, Same(), POSITIONS, 2, **settings)


def influence(of: Tensor, on: Tensor) -> Tensor:
    """Return whether an input row `(rows, ...)` changes an output row, `(output row, input row)`."""
    grads = [torch.autograd.grad(row.sum(), of, retain_graph=True)[0] for row in on]
    return torch.stack([grad.flatten(1).abs().sum(dim=1) for grad in grads]) > 0


@LENGTHS
def test_a_part_of_the_code_reads_the_steps_of_its_part_of_the_sequence_and_their_neighbours(length: int):
    steps = torch.randn(length, 3, requires_grad=True)
    code = encoder()(Batch(steps.unsqueeze(0), torch.tensor([length]))).view(POSITIONS, 2)
    reads = influence(steps, code)
    middles = (torch.arange(length) + 0.5) * POSITIONS / length
    far = (middles - (torch.arange(POSITIONS) + 0.5).unsqueeze(1)).abs() > max(1, POSITIONS / length)
    assert reads.any(dim=0).all(), "a step that no part of the code reads"
    assert reads.any(dim=1).all(), "a part of the code that reads nothing"
    assert not (reads & far).any()


@LENGTHS
def test_a_step_is_written_from_the_nearest_parts_of_the_code(length: int):
    torch.manual_seed(0)
    decoder = ResampledDecoder(POSITIONS, 2, Same(), nn.Linear(6, 3))
    code = torch.randn(POSITIONS, 2, requires_grad=True)
    written = decoder(code.view(1, -1), torch.tensor([length])).values[0]
    reads = influence(code, written)
    middles = ((torch.arange(length) + 0.5) * POSITIONS / length).unsqueeze(1)
    far = (middles - (torch.arange(POSITIONS) + 0.5)).abs() > 2.5  # two to interpolate between, and a kernel of three
    assert reads.any(dim=1).all()
    assert not (reads & far).any()
    assert length < POSITIONS or reads.any(dim=0).all(), "a part of the code that nothing is written from"


def test_the_last_number_is_the_logarithm_of_the_length_and_the_decoder_passes_over_it():
    found, batch = encoder(keeps_length=True), Batch.of([torch.randn(4, 3), torch.randn(9, 3)])
    code = found(batch)
    assert code.shape == (2, found.code_size) == (2, POSITIONS * 2 + 1)
    assert code[:, -1].tolist() == pytest.approx([math.log(4), math.log(9)])
    torch.testing.assert_close(code[:, :-1], encoder()(batch))
    decoder = ResampledDecoder(POSITIONS, 2, Same(), nn.Linear(6, 3), keeps_length=True)
    other = torch.cat([code[:, :-1], torch.full((2, 1), 7.0)], dim=1)
    torch.testing.assert_close(decoder(code, batch.lengths).values, decoder(other, batch.lengths).values)
