"""Augmented frames: where it may be, and nowhere else."""

import pytest
import torch

from seqae.batch import Batch
from seqae.transforms.spectrograms import VTLP, FrequencyMasking, TimeMasking

BANDS = 12
TRANSFORMS = [VTLP(2.0, BANDS), FrequencyMasking(5, BANDS), TimeMasking(0.5)]


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(0)
    return Batch.of([torch.randn(length, 2 * BANDS) for length in (9, 1, 20, 14)])


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: type(transform).__name__)
def test_a_seed_gives_the_same_frames_and_the_input_stays(transform, batch):
    before = batch.values.clone()
    once, again, other = (transform(batch, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(batch.values, before)
    assert torch.equal(once.values, again.values) and not torch.equal(once.values, other.values)
    assert torch.equal(once.lengths, batch.lengths)


@pytest.mark.parametrize("transform", [VTLP(2.0, 5), FrequencyMasking(5, 5), VTLP(2.0, 10**9), FrequencyMasking(5, 0)])
def test_frames_that_are_no_copies_of_so_many_bands_are_refused(transform, batch):
    with pytest.raises(ValueError, match=r"frames have 24 values, and bands is \d+"):
        transform(batch, torch.Generator())


def test_a_ramp_over_the_bands_is_moved_by_the_same_in_all_copies_and_at_all_times():
    ramp = Batch.full(torch.arange(float(BANDS)).repeat(2).expand(50, 5, 2 * BANDS))
    warped = VTLP(2.0, BANDS)(ramp, torch.Generator().manual_seed(0)).values
    assert torch.equal(warped[:, :1].expand_as(warped), warped)
    assert torch.equal(warped[..., :BANDS], warped[..., BANDS:])
    moved = (warped - ramp.values)[:, 0, :BANDS]
    assert moved.abs().max() <= 3.0 and moved[:, BANDS // 2].abs().max() > 1.5
    assert (moved[:, 4:8].diff(dim=1).diff(dim=1).abs() < 1e-4).all()  # straight where no end is reached


def test_masked_bands_are_neighbours_and_the_same_in_all_copies():
    masked = FrequencyMasking(5, BANDS)(
        Batch.full(torch.ones(200, 3, 2 * BANDS)), torch.Generator().manual_seed(0)
    ).values
    gone = masked[:, 0, :BANDS] == 0
    assert torch.equal(masked == 0, gone.repeat(1, 2).unsqueeze(1).expand(-1, 3, -1))
    assert 4 <= int(gone.sum(dim=1).max()) <= 5 and int(gone.sum(dim=1).min()) == 0
    assert int(gone.int().diff(dim=1).abs().sum(dim=1).max()) <= 2
    assert gone.any(dim=0).all()


def test_masked_time_is_a_fraction_of_each_sequence():
    ones = Batch.of([torch.ones(length, 3) for length in [10, 40] * 100])
    masked = TimeMasking(0.5)(ones, torch.Generator().manual_seed(0))
    gone = [(steps == 0).all(dim=1).sum().item() / len(steps) for steps in masked.unpad()]
    assert max(gone) <= 0.6 and max(gone[1::2]) > 0.45 and 0.2 < sum(gone) / len(gone) < 0.3


def test_one_band_can_be_warped():
    batch = Batch.full(torch.randn(2, 3, 1))
    assert torch.equal(VTLP(2.0, 1)(batch, torch.Generator()).values, batch.values)
