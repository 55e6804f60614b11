import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data import arrays
from seqae.transforms.scaler import Scaler


def parts_with_gaps(seed: int = 0, lengths: tuple[int, ...] = (50, 1, 33)) -> list[np.ndarray]:
    """Three channels of different scales and means; a tenth of the values is missing."""
    random = np.random.default_rng(seed)
    parts = [random.normal([3, -1e6, 0], [1, 50, 1e-9], size=(length, 3)) for length in lengths]
    return [np.where(random.random(part.shape) < 0.1, np.nan, part) for part in parts]


@given(st.integers(0, 10_000), st.lists(st.integers(1, 40), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_mean_and_deviation_are_those_of_all_parts_together(seed, lengths):
    parts = parts_with_gaps(seed, (20, *lengths))
    together = np.concatenate(parts)
    scaler = Scaler().fit(parts)
    np.testing.assert_allclose(scaler.mean_, np.nanmean(together, axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale_, np.nanstd(together, axis=0), rtol=1e-9)


def test_it_does_not_matter_in_which_blocks_rows_are_read(monkeypatch: pytest.MonkeyPatch):
    parts = parts_with_gaps()
    whole = Scaler().fit(parts)
    monkeypatch.setattr(arrays, "_BLOCK", 7)
    blockwise = Scaler().fit(parts)
    np.testing.assert_allclose(blockwise.mean_, whole.mean_, rtol=1e-12)
    np.testing.assert_allclose(blockwise.scale_, whole.scale_, rtol=1e-9)


def test_scaled_rows_have_mean_0_and_deviation_1():
    parts = parts_with_gaps()
    scaled = np.concatenate([Scaler().fit(parts).transform(part) for part in parts])
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.nanstd(scaled, axis=0), 1, rtol=1e-5)


def test_restore_undoes_transform_and_missing_values_stay_missing():
    parts = parts_with_gaps()
    scaler = Scaler().fit(parts)
    restored = scaler.inverse_transform(scaler.transform(parts[0]))
    assert restored.dtype == np.float64
    np.testing.assert_array_equal(np.isnan(restored), np.isnan(parts[0]))
    assert np.nanmax(np.abs(restored - parts[0]) / scaler.scale_) < 1e-5


def test_a_copy_with_another_mean_keeps_the_scale_and_leaves_the_scaler_alone():
    scaler = Scaler().fit([np.array([[1.0, 10.0], [3.0, 30.0]])])
    shifted = scaler.with_mean(np.array([4.0, 20.0]))
    np.testing.assert_array_equal(shifted.transform(np.array([[5.0, 40.0]])), [[1.0, 2.0]])
    np.testing.assert_array_equal(scaler.mean_, [2.0, 20.0])


def test_a_small_movement_far_from_zero_keeps_its_size():
    values = 1e8 + np.sin(np.arange(1000.0))[:, None]
    assert Scaler().fit([values]).scale_ == pytest.approx(values.std(), rel=1e-6)


def test_a_channel_that_did_not_move_is_measured_in_its_own_units_or_in_its_size_if_that_is_smaller():
    rows = np.tile([5.0, -200.0, 0.0, 0.1, np.nan, 1e-30], (100, 1))
    scaler = Scaler().fit([rows])
    assert scaler.is_constant_.all()
    np.testing.assert_allclose(scaler.scale_, [1, 1, 1, 0.1, 1, 1e-30])
    np.testing.assert_allclose(scaler.transform(rows[:1] * 1.1)[0], [0.5, -20, 0, 0.1, np.nan, 0.1], atol=1e-6)


def test_a_channel_that_stood_at_zero_is_measured_in_what_moves_most_if_all_is_small():
    rows = np.c_[np.zeros(100), 1e-30 * np.sin(np.arange(100)), 1e-32 * np.cos(np.arange(100))]
    for factor in (1.0, 1e40):
        scaler = Scaler().fit([factor * rows])
        assert scaler.scale_[0] == min(scaler.scale_[1], 1)


@pytest.mark.parametrize("constant", [1e8, -1e8, 1e12, 12.3, 1e-30])
def test_what_rounding_to_float32_makes_of_a_constant_is_no_movement(constant):
    random = np.random.default_rng(0)
    rounded = (constant * (1 + 1e-7 * random.uniform(-0.5, 0.5, (500, 1)))).astype(np.float32)
    assert len(np.unique(rounded)) > 1
    for normal in (rounded, rounded.astype(np.float64), np.full((500, 1), constant)):
        scaler = Scaler().fit([normal[:100], normal[100:]])
        assert scaler.is_constant_.all()
        assert not scaler.transform(rounded).any() and not scaler.transform(rounded.astype(np.float64)).any()
        assert abs(scaler.transform(rounded + np.float64(constant) * 1e-6)).min() >= 0.9e-6


def test_what_is_out_of_all_proportion_is_held():
    scaler = Scaler().fit([np.array([[0.0], [2.0]])])
    assert scaler.transform(np.array([[1e300], [-1e300], [1.0]])).ravel().tolist() == [1e6, -1e6, 0]


def test_rows_are_not_changed():
    parts = parts_with_gaps()
    before = [part.copy() for part in parts]
    for part in parts:
        part.flags.writeable = False
    Scaler().fit(parts).transform(parts[0])
    np.testing.assert_array_equal(parts[0], before[0])
