import pytest
import torch

from generators import spoiled, uniform
from seqae import Batch
from seqae.transforms.corruptions import (
    Clamp,
    Compose,
    DropTokens,
    GaussianNoise,
    MaskChannels,
    MaskSteps,
    MaskTokens,
    MaskValues,
    SaltAndPepper,
    ShuffleTokens,
    corruption_generator,
)

BATCH = Batch.of([0.8 * values + 0.1 for values in uniform(300, 200, 250, step=(4,))])
ALL = [GaussianNoise(0.2), MaskValues(0.3), SaltAndPepper(0.3), MaskSteps(0.3), MaskChannels(0.5), Clamp(0.2, 0.5)]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("corrupt", ALL, ids=lambda corrupt: type(corrupt).__name__)
def test_a_corruption_is_a_function_of_the_generator_and_spares_the_original(corrupt):
    before = BATCH.values.clone()
    first, again = corrupt(BATCH, generator()), corrupt(BATCH, generator())
    assert torch.equal(first.values, again.values) and torch.equal(first.lengths, BATCH.lengths)
    assert not torch.equal(first.values, before) and torch.equal(BATCH.values, before)


def test_noise_has_the_scale_and_shift_asked_for():
    difference = GaussianNoise(0.2, mean=0.2)(BATCH, generator()).values - BATCH.values
    assert difference.mean().item() == pytest.approx(0.2, abs=0.02)
    assert difference.std().item() == pytest.approx(0.2, abs=0.02)


def test_masks_replace_the_fraction_asked_for():
    assert (MaskValues(0.3, value=-1)(BATCH, generator()).values == -1).float().mean().item() == pytest.approx(
        0.3, abs=0.03
    )
    salted = SaltAndPepper(0.4, low=-1, high=2)(BATCH, generator()).values
    assert (salted == 2).float().mean().item() == pytest.approx(0.2, abs=0.03)
    assert (salted == -1).float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_dropped_steps_and_channels_are_dropped_whole():
    steps = (MaskSteps(0.3, value=-1)(BATCH, generator()).values == -1).float()
    assert set(steps.mean(dim=2).unique().tolist()) == {0.0, 1.0}
    channels = (MaskChannels(0.5, value=-1)(BATCH, generator(3)).values == -1).float()
    assert set(channels.mean(dim=1).unique().tolist()) == {0.0, 1.0}


def test_compose_corrupts_one_after_the_other():
    both = Compose((GaussianNoise(0.5), Clamp(0, 1)))(BATCH, generator()).values
    assert torch.equal(both, GaussianNoise(0.5)(BATCH, generator()).values.clamp(0, 1))


END = 2
TEXTS = Batch.of([torch.cat([torch.arange(10, 10 + length), torch.tensor([END])]) for length in (400, 0, 300)])


@pytest.mark.parametrize(
    "corrupt", [MaskTokens(0.5), DropTokens(0.5), ShuffleTokens(4)], ids=lambda c: type(c).__name__
)
def test_texts_end_as_before_and_the_same_generator_gives_the_same_corruption(corrupt):
    before = TEXTS.values.clone()
    first, again = corrupt(TEXTS, generator()), corrupt(TEXTS, generator())
    assert torch.equal(first.values, again.values) and torch.equal(TEXTS.values, before)
    for text in first.unpad():
        assert text[-1] == END and END not in text[:-1]
    assert first.unpad()[1].tolist() == [END]
    assert first.unpad()[0].tolist() != TEXTS.unpad()[0].tolist()


def test_masked_tokens_are_the_fraction_asked_for():
    blanked = MaskTokens(0.3, token=0)(TEXTS, generator()).steps
    assert (blanked == 0).float().mean().item() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(blanked[blanked != 0], TEXTS.steps[blanked != 0])


def test_dropped_tokens_are_gone_and_the_others_keep_their_order():
    dropped = DropTokens(0.3)(TEXTS, generator())
    assert dropped.lengths[0].item() == pytest.approx(0.7 * 401, abs=30)
    assert dropped.values.shape[1] == int(dropped.lengths.max())
    for text in dropped.unpad():
        assert torch.equal(text[:-1], text[:-1].sort().values)


def test_shuffled_tokens_move_no_farther_than_their_reach():
    for distance in (0, 1, 3):
        shuffled = ShuffleTokens(distance)(TEXTS, generator())
        for text, original in zip(shuffled.unpad(), TEXTS.unpad()):
            assert sorted(text.tolist()) == sorted(original.tolist())
            moves = (text[:-1] - original[:-1]).abs()
            assert moves.numel() == 0 or (int(moves.max()) <= distance and (distance == 0) == (int(moves.max()) == 0))


def test_padding_of_texts_changes_nothing():
    for corrupt in (MaskTokens(0.5), DropTokens(0.5), ShuffleTokens(4)):
        for found, expected in zip(
            corrupt(spoiled(TEXTS, token=-99), generator()).unpad(), corrupt(TEXTS, generator()).unpad()
        ):
            assert torch.equal(found, expected)


def test_the_last_token_stays_the_last_however_far_others_are_moved():
    batch = Batch.of([torch.arange(1, length + 1) for length in range(2, 40)])
    moved = ShuffleTokens(30)(batch, torch.Generator().manual_seed(0))
    assert [int(tokens[-1]) for tokens in moved.unpad()] == list(range(2, 40))
    assert any(not torch.equal(one, other) for one, other in zip(moved.unpad(), batch.unpad()))


def test_every_batch_of_every_epoch_and_seed_is_corrupted_by_numbers_of_its_own():
    places = [(seed, epoch, batch) for seed in range(3) for epoch in range(3) for batch in range(3)]
    drawn = [torch.rand(3, generator=corruption_generator(*place)).tolist() for place in places]
    assert len(set(map(tuple, drawn))) == len(places)
    assert drawn == [torch.rand(3, generator=corruption_generator(*place)).tolist() for place in places]
