import numpy as np
import pytest
import torch

from seqae.anomaly import multiscale
from seqae.anomaly.multiscale import ResolutionModel, mean_of_rows, one_thread
from seqae.anomaly.window_models import MovingAveragePredictor
from seqae.batch import Batch
from seqae.data.windows import window_starts

WINDOW = 6


def rows_of(count: int, missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(count)
    rows = random.normal(size=(count, 2)).astype(np.float32)
    return np.where(random.random(rows.shape) < missing, np.float32(np.nan), rows)


def predicted(window: np.ndarray) -> np.ndarray:
    return MovingAveragePredictor(2).reconstruct(Batch.full(torch.from_numpy(window)[None])).values[0].numpy()


def slow_errors(rows: np.ndarray, size: int, stride: int) -> np.ndarray:
    """The errors around each row, window by window."""
    steps = np.stack([means(rows[at : at + size]) for at in range(0, len(rows), size)])
    found = [[] for _ in steps]
    for start in window_starts(len(steps), WINDOW, stride):
        window = steps[start : start + WINDOW]
        for place in range(start, start + WINDOW):
            found[place].append(means((predicted(window) - window) ** 2))
    return np.repeat([means(np.array(each)) for each in found], size, axis=0)[: len(rows)]


def means(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is known."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return (np.where(known, values, 0).sum(axis=0) / known.sum(axis=0)).astype(np.float32)


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.9])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (1, 5), (3, 1), (4, 6)])
def test_errors_equal_a_plain_loop(size: int, stride: int, missing: float):
    rows = rows_of(50, missing)
    errors = ResolutionModel(MovingAveragePredictor(2), WINDOW, size).errors(rows, stride)
    np.testing.assert_allclose(errors, slow_errors(rows, size, stride), rtol=1e-4)


def test_batches_of_windows_change_nothing(monkeypatch: pytest.MonkeyPatch):
    model, rows = ResolutionModel(MovingAveragePredictor(2), WINDOW, 1), rows_of(100)
    whole = model.errors(rows), model.reconstruct(rows), model.encode(rows, 1)
    monkeypatch.setattr(multiscale, "WINDOWS_PER_BATCH", 7)
    parts = model.errors(rows), model.reconstruct(rows), model.encode(rows, 1)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-5)
    np.testing.assert_allclose(parts[1], whole[1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(parts[2], whole[2], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 5, 6, 7, 23])
@pytest.mark.parametrize("size", [1, 4])
def test_every_row_has_an_error_even_where_rows_do_not_fill_a_window(count: int, size: int):
    errors = ResolutionModel(MovingAveragePredictor(2), WINDOW, size).errors(rows_of(count))
    assert errors.shape == (count, 2)
    assert np.isfinite(errors).all()


def test_reconstruction_is_the_mean_of_what_windows_say():
    rows = rows_of(9)
    expected, count = np.zeros((9, 2)), np.zeros((9, 1))
    for start in range(9 - WINDOW + 1):
        expected[start : start + WINDOW] += predicted(rows[start : start + WINDOW])
        count[start : start + WINDOW] += 1
    np.testing.assert_allclose(
        ResolutionModel(MovingAveragePredictor(2), WINDOW, 1).reconstruct(rows), expected / count, rtol=1e-4
    )


def test_codes_are_those_of_the_windows():
    rows = rows_of(14)
    codes = ResolutionModel(MovingAveragePredictor(2), WINDOW, 1).encode(rows, stride=WINDOW)
    expected = [rows[start : start + WINDOW].mean(axis=0) for start in (0, 6, 8)]
    np.testing.assert_allclose(codes, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 4, 50])
def test_means_of_rows_equal_a_plain_loop(count: int):
    rows = rows_of(18, missing=0.4)
    expected = np.stack([means(rows[at : at + count]) for at in range(0, 18, count)])
    np.testing.assert_allclose(mean_of_rows(rows, count), expected, rtol=1e-5, atol=1e-7)


def test_the_number_of_threads_comes_back_even_after_a_failure():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError), one_thread():
            assert torch.get_num_threads() == 1
            _ = 1 / 0
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
