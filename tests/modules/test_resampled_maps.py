"""Codes of videos that keep where things are, whatever the number of frames."""

import pytest
import torch
from torch import nn

from seqae.batch import Batch
from seqae.modules.resampled_maps import ResampledMapsDecoder, ResampledMapsEncoder

POSITIONS, SIZE = 4, (2, 6, 5)
SHAPE = (POSITIONS * SIZE[0], *SIZE[1:])
encoder = ResampledMapsEncoder(nn.Identity(), nn.Identity(), POSITIONS, SHAPE)
decoder = ResampledMapsDecoder(nn.Identity(), POSITIONS, SHAPE, nn.Identity())


def test_as_many_frames_as_positions_are_the_code_in_their_order_and_come_back():
    frames = torch.rand(1, POSITIONS, *SIZE)
    code = encoder(Batch.full(frames))
    torch.testing.assert_close(code.view(frames.shape), frames)
    torch.testing.assert_close(decoder(code, torch.tensor([POSITIONS])).values, frames)


@pytest.mark.parametrize("length", [4, 5, 16, 101])
def test_brightness_that_rises_evenly_does_so_in_code_and_reconstruction_at_any_number_of_frames(length: int):
    times = (torch.arange(length) + 0.5) / length
    code = encoder(Batch.full(times.view(1, length, 1, 1, 1).expand(1, length, *SIZE)))
    middles = (torch.arange(POSITIONS) + 0.5) / POSITIONS
    torch.testing.assert_close(code.view(POSITIONS, -1).mean(dim=1), middles, atol=0.05, rtol=0)
    written = decoder(code, torch.tensor([length])).values[0].flatten(1).mean(dim=1)
    inner = (times >= middles[0]) & (times <= middles[-1])  # what lies beyond the middles of the ends is as they are
    torch.testing.assert_close(written[inner], times[inner], atol=0.05, rtol=0)


def test_a_video_shorter_than_the_positions_is_repeated():
    frames = torch.rand(1, 1, *SIZE)
    code = encoder(Batch.full(frames))
    torch.testing.assert_close(code.view(POSITIONS, *SIZE), frames[0].expand(POSITIONS, *SIZE))
    torch.testing.assert_close(decoder(code, torch.tensor([1])).values, frames)


def test_a_pixel_stays_where_it_is_in_the_code():
    torch.manual_seed(0)
    local = ResampledMapsEncoder(nn.Conv2d(2, 3, 1), nn.Conv2d(POSITIONS * 3, 7, 1), POSITIONS, (7, *SIZE[1:]))
    frames = torch.rand(1, 9, *SIZE)
    moved = frames.clone()
    moved[0, 4, :, 2, 3] += 1
    changed = (local(Batch.full(frames)) != local(Batch.full(moved))).view(7, *SIZE[1:]).any(dim=0)
    assert changed.nonzero().tolist() == [[2, 3]]


def test_frames_of_another_size_are_named():
    with pytest.raises(ValueError, match=r"maps of \(8, 6, 4\).*made of \(8, 6, 5\)"):
        encoder(Batch.full(torch.zeros(1, 3, 2, 6, 4)))


def test_no_positions_are_refused():
    with pytest.raises(ValueError, match="num_positions is 0"):
        ResampledMapsEncoder(nn.Identity(), nn.Identity(), 0, SHAPE)
    with pytest.raises(ValueError, match="num_positions is -1"):
        ResampledMapsDecoder(nn.Identity(), -1, SHAPE, nn.Identity())
