import numpy as np
import pytest
import torch

from seqae._processes import one_thread
from seqae.anomaly.windows import (
    largest_in_windows,
    least_over_windows,
    mean_over_windows,
    windows_of,
)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("window", "rows_per_step"), [(1, 1), (5, 1), (5, 3), (2, 7), (4, 8)])
def test_windows_start_at_every_row_and_their_steps_are_means_of_rows(window: int, rows_per_step: int):
    rows = noise(40, 2)
    found = windows_of(rows, window, rows_per_step)
    assert len(found) == 40 - window * rows_per_step + 1
    for start, steps in enumerate(found):
        for step in range(window):
            first = start + step * rows_per_step
            torch.testing.assert_close(steps[step], rows[first : first + rows_per_step].mean(dim=0))


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7, 16, 30])
@pytest.mark.parametrize(
    ("ask", "expected"), [(least_over_windows, np.min), (mean_over_windows, np.mean)], ids=["least", "mean"]
)
def test_a_row_has_the_value_of_the_windows_that_cover_it(length: int, ask, expected):
    windows = noise(30, 2)
    found = ask(windows, length)
    assert found.shape == (30 + length - 1, 2)
    for row, values in enumerate(found.numpy()):
        # At the ends, the outermost window stands for those that would begin before it or after it.
        covering = [min(max(start, 0), 29) for start in range(row - length + 1, row + 1)]
        np.testing.assert_allclose(values, expected(windows.numpy()[covering], axis=0), rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 7, 8, 30])
def test_a_window_has_the_largest_value_of_its_rows(length: int):
    rows = noise(30, 2)
    found = largest_in_windows(rows, length)
    expected = [rows[start : start + length].amax(dim=0) for start in range(31 - length)]
    torch.testing.assert_close(found, torch.stack(expected))


def test_a_huge_value_leaves_nothing_behind_in_the_rows_after_it():
    rows = noise(60, 1)
    spoiled = rows.clone()
    spoiled[10] = 1e18
    for ask in (lambda values: windows_of(values, 3, 5), lambda values: mean_over_windows(values, 7)):
        assert torch.equal(ask(spoiled)[18:], ask(rows)[18:])


def test_one_thread_is_for_the_block_alone():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="within"), one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("within")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
