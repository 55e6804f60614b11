import numpy as np
import pytest
import torch

from generators import normal, spoiled, uniform
from seqae import Batch
from seqae.transforms.augmentations import (
    AddBumps,
    CutMix,
    RandomHorizontalFlip,
    RandomScale,
    RandomTranslate,
    TimeWarp,
)
from seqae.transforms.corruptions import MaskValues, RandomApply

ALL = [TimeWarp(5.0), RandomScale(0.5), AddBumps(1.0), CutMix()]
SEQUENCES = normal(40, 1, 25, step=(3,))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("distort", ALL, ids=lambda distort: type(distort).__name__)
def test_distortion_is_a_function_of_the_generator_and_spares_the_original(distort):
    batch = Batch.of(SEQUENCES)
    before = batch.values.clone()
    first, again = distort(batch, generator()), distort(batch, generator())
    assert torch.equal(first.values, again.values) and torch.equal(first.lengths, batch.lengths)
    assert not torch.equal(first.steps, batch.steps) and torch.equal(batch.values, before)


@pytest.mark.parametrize("distort", ALL, ids=lambda distort: type(distort).__name__)
def test_what_stands_in_the_padding_changes_nothing(distort):
    batch = Batch.of(SEQUENCES)
    assert torch.equal(distort(batch, generator()).steps, distort(spoiled(batch), generator()).steps)


def test_warped_time_reads_near_steps_in_order():
    line = torch.arange(50.0).reshape(1, 50, 1).expand(20, 50, 1)  # each value is its own time
    positions = TimeWarp(4.0)(Batch.full(line), generator()).values[..., 0]
    assert (positions - line[..., 0]).abs().max() <= 8
    assert (positions.diff(dim=1) >= 0).all()
    assert positions.min() >= 0 and positions.max() <= 49


def test_scaled_sequences_have_one_factor_each_within_bounds():
    values = torch.rand(200, 10, 2) + 1
    factors = RandomScale(1.0)(Batch.full(values), generator()).values / values
    torch.testing.assert_close(factors, factors[:, :1, :1].expand_as(factors))
    assert 0.5 <= factors.min() < 0.6 and 1.9 < factors.max() <= 2


def test_bumps_are_smooth_and_no_higher_than_asked():
    bumps = AddBumps(2.0)(Batch.full(torch.zeros(100, 80, 1)), generator()).values
    assert 1.5 < bumps.abs().max() <= 2
    assert bumps[bumps.abs().amax(dim=(1, 2)) > 0.5].ne(0).any(dim=1).all()


def test_borrowed_pieces_lie_between_the_two_sequences():
    flat = torch.arange(4.0).reshape(4, 1, 1).expand(4, 30, 1)
    mixed = CutMix()(Batch.full(flat), generator()).values
    assert mixed.min() >= 0 and mixed.max() <= 3
    assert len(np.unique(mixed.numpy().round(3))) > 4


def test_random_apply_spares_the_fraction_of_sequences_that_it_was_not_asked_for():
    batch = Batch.full(torch.zeros(2000, 5, 2))
    changed = (RandomApply(MaskValues(1.0, value=1.0), 0.25)(batch, generator()).values == 1).flatten(1)
    assert set(changed.float().mean(dim=1).tolist()) == {0.0, 1.0}
    assert changed[:, 0].float().mean().item() == pytest.approx(0.25, abs=0.04)


VIDEOS = uniform(4, 1, 3, step=(2, 5, 6))


def test_all_frames_of_a_video_are_shifted_alike_and_no_further_than_asked():
    videos = Batch.of([video for video in VIDEOS for _ in range(20)])
    shifted = RandomTranslate(1, 2)(videos, generator())
    found = set()
    for video, after in zip(videos.unpad(), shifted.unpad()):
        padded = torch.nn.functional.pad(video, (2, 2, 1, 1), mode="replicate")
        positions = [(row, column) for row in range(3) for column in range(5)]
        found |= {
            position
            for position in positions
            if torch.equal(padded[..., position[0] :, position[1] :][..., :5, :6], after)
        }
        assert any(torch.equal(padded[..., row : row + 5, column : column + 6], after) for row, column in positions)
    assert len(found) == 15, "each move is made"


def test_a_mirrored_video_is_mirrored_as_a_whole():
    videos = Batch.of([video for video in VIDEOS for _ in range(20)])
    after = RandomHorizontalFlip()(videos, generator()).unpad()
    mirrored = [torch.equal(video.flip(-1), found) for video, found in zip(videos.unpad(), after)]
    same = [torch.equal(video, found) for video, found in zip(videos.unpad(), after)]
    assert all(one != other for one, other in zip(mirrored, same))
    assert 10 < sum(mirrored) < 50


@pytest.mark.parametrize("distort", [RandomTranslate(1, 2), RandomHorizontalFlip()], ids=["MoveFrames", "MirrorFrames"])
def test_padding_of_videos_changes_nothing(distort):
    videos = Batch.of(VIDEOS)
    assert torch.equal(distort(videos, generator()).steps, distort(spoiled(videos), generator()).steps)
