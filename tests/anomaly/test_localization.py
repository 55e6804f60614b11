import numpy as np
import pytest
import torch

from seqae.anomaly.localization import COARSE_WEIGHT, Localization

FINE, COARSE = 8, 32


@pytest.fixture(params=["1", "0"], ids=["kernel", "torch"], autouse=True)
def native(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQAE_NATIVE", request.param)


def windows_with(rows: int, length: int, places: dict[int, float], channels: int = 2, channel: int = 0) -> torch.Tensor:
    """Return the evidence of windows that hold a row of these, its value in one channel, `(window, channel)`."""
    found = torch.zeros(rows - length + 1, channels, dtype=torch.float64)
    for row, value in places.items():
        covering = slice(max(row - length + 1, 0), row + 1)
        found[covering, channel] = found[covering, channel].clamp(min=value)
    return found


def noise(count: int, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).exponential(size=(count, channels)))


def test_a_row_has_the_evidence_of_the_least_window_that_covers_it():
    evidence = noise(60)
    found = Localization((FINE,)).of_rows([evidence]).sum(dim=1)
    assert found.shape == (60 + FINE - 1,)
    totals = evidence.sum(dim=1)
    for row in range(len(found)):
        covering = totals[max(row - FINE + 1, 0) : row + 1]
        torch.testing.assert_close(found[row], covering.min())


def test_evidence_of_a_channel_alone_stays_in_the_channel():
    found = Localization((FINE,)).of_rows([windows_with(100, FINE, {50: 9.0}, channel=1)])
    assert found[:, 0].abs().max() == 0
    assert found[50, 1].item() == pytest.approx(9)


@pytest.mark.parametrize("length", [1, 5, 20])
def test_a_fault_is_where_it_is_and_nowhere_else(length: int):
    places = dict.fromkeys(range(50, 50 + length), 9.0)
    found = Localization((FINE, COARSE)).of_rows([windows_with(120, FINE, places), windows_with(120, COARSE, places)])
    np.testing.assert_array_equal(np.flatnonzero(found.sum(dim=1).numpy() > 0), list(places))


@pytest.mark.parametrize("row", [0, 119])
def test_a_fault_in_the_outermost_row_is_found(row: int):
    found = Localization((FINE,)).of_rows([windows_with(120, FINE, {row: 9.0})])
    assert int(found.sum(dim=1).argmax()) == row or found[row].sum() == found.sum(dim=1).max()
    assert found[row].sum().item() == pytest.approx(9)


def test_only_what_long_windows_say_more_counts_and_it_counts_less():
    places = dict.fromkeys(range(60, 100), 4.0)
    fine, coarse = windows_with(160, FINE, places), windows_with(160, COARSE, dict.fromkeys(places, 10.0))
    found = Localization((FINE, COARSE)).of_rows([fine, coarse]).sum(dim=1)
    np.testing.assert_allclose(found[60:100].numpy(), 4 + COARSE_WEIGHT * (10 - 4))
    silent = Localization((FINE, COARSE)).of_rows([torch.zeros_like(fine), coarse]).sum(dim=1)
    np.testing.assert_allclose(silent[60:100].numpy(), COARSE_WEIGHT * 10)
    assert silent[:60].max() == silent[100:].max() == 0


def test_evidence_is_never_negative_and_a_channel_without_any_gets_none():
    evidence = [noise(93), noise(69, seed=1)]
    for each in evidence:
        each[:, 2] = 0
    found = Localization((FINE, COARSE)).of_rows(evidence)
    assert found.min() >= 0
    assert found[:, 2].max() == 0


def test_where_no_long_window_fits_short_ones_decide():
    evidence = noise(12)
    both, fine = Localization((FINE, COARSE)).of_rows([evidence, None]), Localization((FINE,)).of_rows([evidence])
    torch.testing.assert_close(both.sum(dim=1), fine.sum(dim=1))


def test_a_channel_that_has_been_off_for_long_is_not_the_one_that_goes_wrong():
    lasting = windows_with(200, FINE, dict.fromkeys(range(20, 200), 30.0), channel=0)
    new = windows_with(200, FINE, dict.fromkeys(range(150, 160), 5.0), channel=1)
    silent = torch.zeros(200 - COARSE + 1, 2, dtype=torch.float64)
    found = Localization((FINE, COARSE)).of_rows([lasting + new, silent])
    assert (found[20:25, 0] > 0.99 * found[20:25].sum(dim=1)).all()  # when it went off, it was
    assert (found[150:160, 1] > found[150:160, 0]).all()
    assert (found[170:, 0] > 0.99 * found[170:].sum(dim=1)).all()  # and afterwards it is again


def test_no_row_depends_on_rows_beyond_the_reach():
    localization, rows = Localization((FINE, COARSE)), 400
    assert localization.reach == (FINE - 1) + (COARSE - 1)
    evidence = [noise(rows - length + 1, seed=length) for length in (FINE, COARSE)]
    whole = localization.of_rows(evidence)
    row = 200
    first, last = row - localization.reach, row + localization.reach
    cut = [each[first : last - length + 2] for each, length in zip(evidence, (FINE, COARSE))]
    torch.testing.assert_close(localization.of_rows(cut)[localization.reach], whole[row])


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("lengths", [(FINE, COARSE), (7, 10, 33), (16,), (1, 4)])
@pytest.mark.parametrize("rows", [40, 2500], ids=["few rows", "several blocks"])
def test_the_kernel_says_what_torch_says(
    lengths: tuple[int, ...], channels: int, rows: int, monkeypatch: pytest.MonkeyPatch
):
    evidence = [noise(rows - length + 1, channels, seed=length) ** 3 for length in lengths]
    found = Localization(lengths).of_rows(evidence)
    monkeypatch.setenv("SEQAE_NATIVE", "0")
    expected = Localization(lengths).of_rows([each.T.contiguous().T for each in evidence])
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_evidence_that_is_not_finite_is_not_lost():
    evidence = noise(60)
    evidence[20, 1] = torch.nan
    assert Localization((FINE,)).of_rows([evidence]).isnan().any()
