import numpy as np
import pytest

from seqae.anomaly.control_charts import ROWS_AHEAD, WINDOW_ROWS, MeanChart, StuckChart

FLOOR = np.full(3, 1e-3)
ELSEWHERE = np.array([5, 0, -5])


def noise(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3))


def within(start: int, stop: int) -> slice:
    """The rows whose windows lie between two rows."""
    return slice(start + WINDOW_ROWS - 1 - ROWS_AHEAD, stop - ROWS_AHEAD)


@pytest.fixture(scope="module")
def mean() -> MeanChart:
    return MeanChart().fit([noise(4000, seed=0)], 0.01, FLOOR)


@pytest.fixture(scope="module")
def stuck() -> StuckChart:
    return StuckChart().fit([noise(4000, seed=0)], FLOOR)


def test_independent_rows_are_off_their_mean_about_as_often_as_asked(mean: MeanChart):
    off = (mean.ratios(noise(40_000, seed=1)) > 1).any(axis=1).mean()
    assert 0.01 / 10 < off < 0.01 * 2, "the largest mean seen is a threshold, too"


def test_a_shift_is_seen_when_the_window_holds_enough_of_it(mean: MeanChart):
    rows = noise(300, seed=2)
    rows[150:, 1] += 3
    off = mean.ratios(rows)[:, 1] > 1
    assert off[within(150, 300)].all()
    assert not off[: 150 - ROWS_AHEAD].any()


def test_the_center_is_that_of_the_normal_rows():
    chart = MeanChart().fit([noise(500, seed=0) + ELSEWHERE], 0.01, FLOOR)
    assert (chart.ratios(noise(500, seed=1) + ELSEWHERE) < 2).all()
    assert (chart.ratios(noise(500, seed=1)) > 1)[:, [0, 2]].all()


def test_a_channel_that_wanders_gets_a_wider_threshold():
    walk = noise(500, seed=0)
    for row in range(1, 500):
        walk[row, 0] += 0.99 * walk[row - 1, 0]
    walk /= walk.std(axis=0)
    narrow, wide = (MeanChart().fit([rows], 0.01, FLOOR).threshold_ for rows in (noise(500, seed=0), walk))
    assert wide[0] > 5 * narrow[0]
    np.testing.assert_allclose(wide[1:], narrow[1:], rtol=0.2)


@pytest.mark.parametrize("kind", ["mean", "stuck"])
def test_missing_values_are_no_evidence(kind: str, request: pytest.FixtureRequest):
    chart, rows = request.getfixturevalue(kind), noise(100, seed=3)
    rows[40:60, 0] = np.nan
    ratios = chart.ratios(rows)
    assert np.isfinite(ratios).all()

    assert (ratios[within(40, 60), 0] == 0).all(), "windows that hold nothing else"


@pytest.mark.parametrize("rows", [1, WINDOW_ROWS - 1, WINDOW_ROWS])
def test_few_rows_can_be_judged(rows: int, mean: MeanChart, stuck: StuckChart):
    assert mean.ratios(noise(rows, seed=1)).shape == stuck.ratios(noise(rows, seed=1)).shape == (rows, 3)
    assert (mean.ratios(noise(rows, seed=1)) < 1.5).all()


def test_a_sensor_that_hangs_is_stuck_at_any_value(stuck: StuckChart):
    rows = noise(300, seed=2)
    rows[100:140, 2] = rows[99, 2]
    hangs = stuck.ratios(rows) > 1
    assert hangs[within(100, 140), 2].all()
    assert not np.delete(hangs, np.s_[100:140], axis=0).any()
    assert not hangs[:, :2].any()


def test_a_channel_that_stood_still_is_never_stuck():
    still = np.zeros((100, 3))
    assert (StuckChart().fit([still], FLOOR).ratios(still) == 0).all()


def test_a_channel_without_values_is_never_off():
    rows = noise(200, seed=0)
    rows[:, 1] = np.nan
    mean, stuck = MeanChart().fit([rows], 0.01, FLOOR), StuckChart().fit([rows], FLOOR)
    assert (mean.ratios(rows)[:, 1] == 0).all()
    assert (stuck.ratios(rows)[:, 1] == 0).all()
