import numpy as np
import pytest

from seqae.anomaly.charts import AHEAD, WINDOW, LevelChart, QuietChart

FLOOR = np.full(3, 1e-3)
ELSEWHERE = np.array([5, 0, -5])


def noise(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 3))


def within(start: int, stop: int) -> slice:
    """The rows whose windows lie between two rows."""
    return slice(start + WINDOW - 1 - AHEAD, stop - AHEAD)


@pytest.fixture(scope="module")
def level() -> LevelChart:
    return LevelChart().fit([noise(4000, seed=0)], 0.01, FLOOR)


@pytest.fixture(scope="module")
def quiet() -> QuietChart:
    return QuietChart().fit([noise(4000, seed=0)], FLOOR)


def test_independent_rows_are_off_their_level_about_as_often_as_asked(level: LevelChart):
    off = (level.ratios(noise(40_000, seed=1)) > 1).any(axis=1).mean()
    assert 0.01 / 10 < off < 0.01 * 2, "the largest mean seen is a limit, too"


def test_a_shift_is_seen_when_the_window_holds_enough_of_it(level: LevelChart):
    rows = noise(300, seed=2)
    rows[150:, 1] += 3
    off = level.ratios(rows)[:, 1] > 1
    assert off[within(150, 300)].all()
    assert not off[: 150 - AHEAD].any()


def test_the_level_is_that_of_the_normal_rows():
    chart = LevelChart().fit([noise(500, seed=0) + ELSEWHERE], 0.01, FLOOR)
    assert (chart.ratios(noise(500, seed=1) + ELSEWHERE) < 2).all()
    assert (chart.ratios(noise(500, seed=1)) > 1)[:, [0, 2]].all()


def test_a_channel_that_wanders_gets_a_wider_limit():
    walk = noise(500, seed=0)
    for row in range(1, 500):
        walk[row, 0] += 0.99 * walk[row - 1, 0]
    walk /= walk.std(axis=0)
    narrow, wide = (LevelChart().fit([rows], 0.01, FLOOR).limit_ for rows in (noise(500, seed=0), walk))
    assert wide[0] > 5 * narrow[0]
    np.testing.assert_allclose(wide[1:], narrow[1:], rtol=0.2)


@pytest.mark.parametrize("kind", ["level", "quiet"])
def test_missing_values_are_no_evidence(kind: str, request: pytest.FixtureRequest):
    chart, rows = request.getfixturevalue(kind), noise(100, seed=3)
    rows[40:60, 0] = np.nan
    ratios = chart.ratios(rows)
    assert np.isfinite(ratios).all()

    assert (ratios[within(40, 60), 0] == 0).all(), "windows that hold nothing else"


@pytest.mark.parametrize("rows", [1, WINDOW - 1, WINDOW])
def test_few_rows_can_be_judged(rows: int, level: LevelChart, quiet: QuietChart):
    assert level.ratios(noise(rows, seed=1)).shape == quiet.ratios(noise(rows, seed=1)).shape == (rows, 3)
    assert (level.ratios(noise(rows, seed=1)) < 1.5).all()


def test_a_sensor_that_hangs_is_too_quiet_at_any_level(quiet: QuietChart):
    rows = noise(300, seed=2)
    rows[100:140, 2] = rows[99, 2]
    hangs = quiet.ratios(rows) > 1
    assert hangs[within(100, 140), 2].all()
    assert not np.delete(hangs, np.s_[100:140], axis=0).any()
    assert not hangs[:, :2].any()


def test_a_channel_that_stood_still_is_never_too_quiet():
    still = np.zeros((100, 3))
    assert (QuietChart().fit([still], FLOOR).ratios(still) == 0).all()


def test_a_channel_without_values_is_never_off():
    rows = noise(200, seed=0)
    rows[:, 1] = np.nan
    level, quiet = LevelChart().fit([rows], 0.01, FLOOR), QuietChart().fit([rows], FLOOR)
    assert (level.ratios(rows)[:, 1] == 0).all()
    assert (quiet.ratios(rows)[:, 1] == 0).all()
