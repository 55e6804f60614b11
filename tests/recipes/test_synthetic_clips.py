import numpy as np
import torch
from synthetic_clips import MAX_FRAMES, MIN_FRAMES, SHAPES, SIDE, SIZES, WAYS, most_frequent, synthetic_clips


def middle(frame: torch.Tensor) -> np.ndarray:
    """Return the center of the light, row and column."""
    light = frame[0].double().numpy() - 0.3
    light = light.clip(0)
    positions = np.arange(SIDE)
    return np.array([light.sum(axis=1) @ positions, light.sum(axis=0) @ positions]) / light.sum()


def test_a_seed_makes_the_same_clips_again():
    first, again, other = synthetic_clips(3, seed=1), synthetic_clips(3, seed=1), synthetic_clips(3, seed=2)
    for left, right in zip(first, again):
        assert torch.equal(left.frames, right.frames) and left.caption == right.caption
    assert not torch.equal(first[0].frames, other[0].frames)


def test_a_shape_moves_as_the_caption_says():
    for clip in synthetic_clips(40, seed=3):
        _, _, _, _, first, _, second = clip.caption.split()
        start, stop = middle(clip.frames[0]), middle(clip.frames[3])
        np.testing.assert_allclose(np.sign(np.round(stop - start)), WAYS[first])
        start, stop = middle(clip.frames[-4]), middle(clip.frames[-1])
        np.testing.assert_allclose(np.sign(np.round(stop - start)), WAYS[second])


def test_a_large_shape_is_larger():
    light = {size: [] for size in SIZES}
    for clip in synthetic_clips(60, seed=4):
        light[clip.caption.split()[1]].append(float((clip.frames > 0.4).sum()) / len(clip.frames))
    assert np.mean(light["large"]) > 2 * np.mean(light["small"])


def test_clips_have_different_lengths_and_values_from_0_to_1():
    clips = synthetic_clips(60, seed=5)
    lengths = {len(clip.frames) for clip in clips}
    assert len(lengths) > 5 and min(lengths) >= MIN_FRAMES and max(lengths) <= MAX_FRAMES
    for clip in clips:
        assert clip.frames.shape[1:] == (1, SIDE, SIDE)
        assert clip.frames.min() >= 0 and clip.frames.max() <= 1


def test_combinations_for_the_test_are_never_in_the_training_but_all_their_words_are():
    seen = {clip.caption for clip in synthetic_clips(1000, seed=0)}
    kept = {clip.caption for clip in synthetic_clips(300, seed=0, unseen=True)}
    assert not seen & kept
    assert len(seen) == 5 * len(kept) == 120
    for word in {*SHAPES, *SIZES}:
        assert any(word in caption.split() for caption in seen)
    assert {caption.split("moves")[1] for caption in kept} <= {caption.split("moves")[1] for caption in seen}


def test_the_most_frequent_words_are_those_of_each_position():
    captions = ["a ring moves", "a disc moves", "the disc moves", "a disc", "one ring moves up"]
    assert most_frequent(captions) == "a disc moves"
