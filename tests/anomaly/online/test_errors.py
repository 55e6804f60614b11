import numpy as np
import pytest

from seqae.anomaly.control_charts import MeanChart, StuckChart
from seqae.anomaly.multiscale import ResolutionModel
from seqae.anomaly.online.errors import OnlineCharts, OnlineErrors, RowBuffer
from seqae.anomaly.window_models import MovingAveragePredictor

SIZES = [1, 2, 30, 1, 5, 3, 17, 200]


def rows_of(count: int) -> np.ndarray:
    random = np.random.default_rng(count)
    rows = random.normal(size=(count, 2)).astype(np.float32)
    return np.where(random.random(rows.shape) < 0.1, np.float32(np.nan), rows)


def pieces(rows: np.ndarray) -> list[np.ndarray]:
    return [piece for piece in np.split(rows, np.cumsum(SIZES)) if len(piece)]


@pytest.mark.parametrize("count", [1, 5, 24, 25, 100])
@pytest.mark.parametrize(("per_step", "stride"), [(1, 1), (1, 4), (3, 1), (4, 6)])
def test_errors_in_pieces_are_those_of_the_segment(count: int, per_step: int, stride: int):
    model, rows = ResolutionModel(MovingAveragePredictor(2), 6, per_step), rows_of(count)
    online = OnlineErrors(model, stride, channels=2)
    found = [online.push(piece)[0] for piece in pieces(rows)] + [online.finish()]
    np.testing.assert_allclose(np.concatenate(found), model.errors(rows, stride), rtol=1e-5)


@pytest.mark.parametrize(("per_step", "stride"), [(1, 1), (1, 4), (3, 1), (4, 6)])
def test_errors_are_final_with_the_row_that_is_required(per_step: int, stride: int):
    online = OnlineErrors(ResolutionModel(MovingAveragePredictor(2), 6, per_step), stride, channels=2)
    finals = []  # the row with which each row became final
    for row, values in enumerate(rows_of(100)):
        finals += [row] * len(online.push(values[None])[0])
    assert finals == [online.required_row(row) for row in range(len(finals))]
    assert len(finals) > 60


@pytest.mark.parametrize("count", [1, 15, 16, 17, 100])
def test_charts_in_pieces_are_those_of_the_segment(count: int):
    normal, rows = [np.random.default_rng(0).normal(size=(500, 2))], rows_of(count)
    charts = MeanChart().fit(normal, 0.01, np.full(2, 1e-3)), StuckChart().fit(normal, np.full(2, 1e-3))
    online, found = OnlineCharts(charts, channels=2), []
    for piece in pieces(rows):
        found.append(online.push(piece))
        taken = sum(len(ratios) for ratios, _ in found)
        assert all(online.required_row(row) < online.first + len(online.rows) for row in range(taken))
    found.append(online.finish())
    for number, chart in enumerate(charts):
        np.testing.assert_allclose(np.concatenate([each[number] for each in found]), chart.ratios(rows), rtol=1e-6)


def test_a_buffer_keeps_the_numbers_of_its_rows():
    buffer = RowBuffer(np.zeros((0, 1)))
    buffer.append(np.arange(5.0)[:, None])
    buffer.discard(3)
    buffer.append(np.arange(5.0, 8)[:, None])
    assert (buffer.first, buffer.stop) == (3, 8)
    assert buffer.between(4, 7).ravel().tolist() == [4, 5, 6]
    buffer.discard(1)
    assert buffer.first == 3
