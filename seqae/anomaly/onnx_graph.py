"""The stages of a `Scorer` as nodes of an ONNX graph: from rows in the units of the data to scores.

Each function adds what the stage of the same name computes, in float64 as there; only trained window models compute in
float32, as they do in torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from seqae.anomaly.calibration import ROUNDING, Calibration
from seqae.anomaly.evidence import LEAST_QUIET, SOFT_EXCESS, Surprise, Whitening, WindowEvidence
from seqae.anomaly.linear_windows import LARGEST_SQUARE, LinearWindowModel
from seqae.anomaly.localization import COARSE_WEIGHT, LASTING_WEIGHT, LEAST_WEIGHT
from seqae.anomaly.scorer import Scorer
from seqae.anomaly.window_models import MovingAveragePredictor, ScaledAutoencoder
from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.export.graph import Converter, Graph
from seqae.export.sequences import Lengths, Sequences

_FLOAT32, _FLOAT64 = 1, 11  # the numbers that ONNX gives to these types
_INT = np.int64
_ZERO = np.float64(0)
_TINY = np.finfo(np.float64).tiny


def fill_rows(graph: Graph, scorer: Scorer, rows: str, before: str) -> str:
    """Return `Scorer.fill` of scaled rows, `(row, channel)` float64.

    Args:
        graph: The graph to add to.
        scorer: The fitted scorer.
        rows: Scaled rows, `(row, channel)` float64, NaN where a value is missing.
        before: The filled rows just before them, `(window, channel)` float64.
    """
    shape = ("row", len(scorer.channels))
    filled: Any = ("filled", np.float64, shape)

    def one_after_the_other() -> list[str]:
        body = _fill_step(graph, scorer)
        return [graph.nodes("Scan", 2, before, rows, body=body, num_scan_inputs=1)[1]]

    return graph.node(
        "If",
        _any(graph, graph.node("IsNaN", rows)),
        then_branch=graph.subgraph("with_missing", [], [filled], one_after_the_other),
        else_branch=graph.subgraph("without_missing", [], [filled], lambda: [rows]),
    )


def _fill_step(graph: Graph, scorer: Scorer) -> Any:
    """Return the body of a loop: from the rows before and a row to the rows before the next one, and a filled row."""
    finest = scorer.resolutions[0]
    channels = len(scorer.channels)
    recent: Any = ("recent", np.float64, (finest.window, channels))
    row: Any = ("row_values", np.float64, (channels,))

    def step() -> list[str]:
        missing = graph.node("IsNaN", "row_values")
        held = graph.node("Where", missing, graph.node("Gather", "recent", _INT(-1)), "row_values")
        earlier = _slice(graph, "recent", 1, None)
        filled = held
        if finest.rows_per_step == 1:

            def reconstructed() -> list[str]:
                last = graph.node("Concat", earlier, _unsqueeze(graph, held, 0), axis=0)
                with graph.inside("resolutions.0"):  # the weights are the same
                    read = _reconstructions(graph, finest, _unsqueeze(graph, last, 0), graph.constant(np.array([1])))
                read = graph.node("Squeeze", read, np.array([0]))
                residual = _last_step(graph, finest.residuals, graph.node("Sub", last, read))
                least_unusual = graph.node("Add", graph.node("Gather", read, _INT(-1)), residual)
                return [graph.node("Where", missing, least_unusual, held)]

            filled = graph.node(
                "If",
                _any(graph, missing),
                then_branch=graph.subgraph("is_missing", [], [row], reconstructed),
                else_branch=graph.subgraph("is_known", [], [row], lambda: [held]),
            )
        return [graph.node("Concat", earlier, _unsqueeze(graph, filled, 0), axis=0), filled]

    return graph.subgraph("fill", [recent, row], [recent, row], step)


def evidence_of_rows(graph: Graph, scorer: Scorer, rows: str, missing: str) -> str:
    """Return `Localization.of_rows` of the evidence in all windows, `(row, channel)` float64.

    Args:
        graph: The graph to add to.
        scorer: The fitted scorer.
        rows: Filled rows, `(row, channel)` float64, at least as many as the longest window covers.
        missing: `(row, channel)` bool, where they were filled.
    """
    total = fine_sum = ""
    filled = graph.node("Cast", missing, to=_FLOAT64)
    for number, each in enumerate(scorer.resolutions):
        with graph.inside(f"resolutions.{number}"):
            values = _window_evidence(graph, each, rows, filled)
            if number == 0:
                total = _least(graph, values, each.length, scorer.localization.rows_before)
                fine_sum = _sum(graph, total)
                continue
            sums = _sum(graph, values)
            explained = _largest(graph, fine_sum, each.length)
            unexplained = graph.node("Max", graph.node("Sub", sums, explained), _ZERO)
            share = graph.node("Div", unexplained, _nonzero(graph, sums))
            added = _least(graph, graph.node("Mul", values, share), each.length)
            total = graph.node("Add", total, graph.node("Mul", added, np.float64(COARSE_WEIGHT)))
    return total


def calibrated(graph: Graph, calibration: Calibration, evidence: str) -> str:
    """Return `Calibration.scores` of evidence, both `(row, 1)` float64."""
    evidence = graph.node("Round", graph.node("Mul", evidence, np.float64(ROUNDING)))
    evidence = graph.node("Div", evidence, np.float64(ROUNDING))
    grid, rarity = graph.constant(calibration.grid), graph.constant(calibration.rarity)
    reached = graph.node("Cast", graph.node("GreaterOrEqual", evidence, grid), to=7)
    index = graph.node("Sub", graph.node("ReduceSum", reached, np.array([1]), keepdims=1), _INT(1))
    index = graph.node("Min", graph.node("Max", index, _INT(0)), _INT(len(calibration.grid) - 2))
    after = graph.node("Add", index, _INT(1))
    low, high, at, then = (graph.node("Gather", of, by) for of in (grid, rarity) for by in (index, after))
    width = graph.node("Max", graph.node("Sub", high, low), np.float64(1e-12))
    position = graph.node("Div", graph.node("Sub", evidence, low), width)
    position = graph.node("Clip", position, _ZERO, np.float64(1))
    within = graph.node("Add", at, graph.node("Mul", position, graph.node("Sub", then, at)))
    excess = graph.node("Max", graph.node("Sub", evidence, np.float64(calibration.grid[-1])), _ZERO)
    tail = _log1p(graph, graph.node("Mul", excess, np.float64(calibration.shape / calibration.scale)))
    tail = graph.node("Mul", tail, np.float64(1 / (calibration.shape * np.log(10))))
    scores = graph.node("Sub", graph.node("Add", within, tail), np.float64(np.log10(calibration.inflation)))
    return graph.node("Max", scores, _ZERO)


def scores_of_evidence(graph: Graph, scorer: Scorer, evidence: str, missing: str) -> tuple[str, str]:
    """Return `Scorer.scores`: `(row,)` and `(row, channel)` float32.

    Args:
        graph: The graph to add to.
        scorer: The fitted scorer.
        evidence: `(row, channel)` float64, of all rows between two gaps in time.
        missing: `(row, channel)` bool.
    """
    totals = _sum(graph, evidence)
    scores, latest = (calibrated(graph, each, totals) for each in (scorer.calibration, scorer.latest_calibration))
    scores = graph.node("Where", _near_ends(graph, scorer, evidence), graph.node("Min", scores, latest), scores)
    parts = graph.node("Mul", evidence, graph.node("Div", scores, _nonzero(graph, totals)))
    known = graph.node("ReduceMax", graph.node("Cast", graph.node("Not", missing), to=_FLOAT32), axes=[1], keepdims=1)
    scores = graph.node("Where", graph.node("Greater", known, np.float32(0)), scores, np.float64(np.nan))
    scores = graph.node("Squeeze", graph.node("Cast", scores, to=_FLOAT32), np.array([1]))
    parts = graph.node("Where", missing, np.float64(np.nan), parts)
    return scores, graph.node("Cast", parts, to=_FLOAT32)


def _near_ends(graph: Graph, scorer: Scorer, rows: str) -> str:
    """Return `Scorer.near_ends` of all rows, `(row, 1)` bool."""
    reach = _INT(scorer.localization.lengths[0] - 1)
    count = graph.node("Squeeze", _length(graph, rows), np.array([0]))
    numbers = _unsqueeze(graph, graph.node("Range", _INT(0), count, _INT(1)), 1)
    near_last = graph.node("GreaterOrEqual", numbers, graph.node("Sub", count, reach))
    return graph.node("Or", graph.node("Less", numbers, reach), near_last)


def _window_evidence(graph: Graph, own: WindowEvidence, rows: str, filled: str) -> str:
    """Return `WindowEvidence.of_rows`, `(window, channel)`; `filled` is 1 where a value was missing."""
    assert own.surprise is not None
    is_filled = graph.node("Greater", _largest(graph, filled, own.length), _ZERO)
    steps = _means(graph, rows, own.rows_per_step)
    count = graph.node("Sub", _length(graph, rows), np.array([own.length - 1]))
    starts = graph.node("Range", _INT(0), graph.node("Squeeze", count, np.array([0])), _INT(1))
    offsets = np.arange(0, own.length, own.rows_per_step, dtype=_INT)
    windows = graph.node("Gather", steps, graph.node("Add", _unsqueeze(graph, starts, 1), offsets))
    residuals = graph.node("Sub", windows, _reconstructions(graph, own, windows, count))
    kinds = [(own.values, windows), (own.residuals, residuals)]
    evidence = [
        _surprise(graph, own.surprise, kind, _distances(graph, whitening, values), is_filled)
        for kind, (whitening, values) in enumerate(kinds)
    ]
    return graph.node("Add", *evidence)


def _distances(graph: Graph, whitening: Whitening, windows: str) -> str:
    """Return `Whitening.distances` of windows `(window, time, channel)`, `(window, channel)`."""
    deviations = graph.node("Transpose", graph.node("Sub", windows, whitening.center), perm=[2, 0, 1])
    white = graph.node("MatMul", deviations, whitening.factor)
    squares = graph.node("ReduceSum", graph.node("Mul", white, white), np.array([2]), keepdims=0)
    return graph.node("Transpose", squares, perm=[1, 0])


def _last_step(graph: Graph, whitening: Whitening, window: str) -> str:
    """Return `Whitening.last_step` of the steps before the last one of a window `(time, channel)`, `(channel,)`."""
    inverse = np.einsum("cts,cs->ct", whitening.factor, whitening.factor[:, -1])  # its last row, (channel, time)
    weights = (inverse[:, :-1] / inverse[:, -1:]).T
    deviations = graph.node("Sub", _slice(graph, window, 0, -1), whitening.center[:-1])
    weighted = graph.node("ReduceSum", graph.node("Mul", deviations, weights), np.array([0]), keepdims=0)
    return graph.node("Sub", whitening.center[-1], weighted)


def _surprise(graph: Graph, surprise: Surprise, kind: int, distances: str, is_filled: str) -> str:
    """Return `Surprise.evidence` of the distances of one kind, all `(window, channel)`."""
    degrees, scale, quiet = surprise.degrees[kind], surprise.scale[kind], surprise.quiet[kind]
    distances = graph.node("Where", is_filled, graph.node("Max", distances, quiet), distances)
    logarithm = _log1p(graph, graph.node("Div", distances, degrees * scale))
    weighted = graph.node("Mul", logarithm, (degrees + surprise.dimensions) / 2)
    excess = graph.node("Sub", weighted, surprise.usual[kind])
    soft = _log1p(graph, graph.node("Exp", graph.node("Min", excess, np.float64(SOFT_EXCESS))))
    soft = graph.node("Add", soft, graph.node("Max", graph.node("Sub", excess, np.float64(SOFT_EXCESS)), _ZERO))
    loud = graph.node("Max", graph.node("Sub", soft, surprise.least[kind]), _ZERO)
    ratio = graph.node("Clip", graph.node("Div", distances, quiet), np.float64(LEAST_QUIET), np.float64(1))
    rarity = graph.node("Log", ratio)
    return graph.node("Sub", loud, graph.node("Mul", rarity, surprise.quiet_power[kind]))


def _reconstructions(graph: Graph, own: WindowEvidence, windows: str, count: str) -> str:
    """Return the reconstructions of windows, both `(window, time, channel)` float64; `count` windows, `(1,)`."""
    if not isinstance(own.model, Autoencoder | ScaledAutoencoder):
        return graph.convert(own.model, "model", windows, own.window)
    time = graph.constant(np.array([own.window]))
    places = graph.node("Concat", count, time, axis=0)
    lengths = Lengths(graph.node("Expand", time, count), graph.node("Expand", np.array(True), places), count, time)
    written = graph.convert(own.model, "model", Sequences(graph.node("Cast", windows, to=_FLOAT32), lengths))
    return graph.node("Cast", written.values, to=_FLOAT64)


def _autoencoder(graph: Graph, model: Autoencoder, batch: Sequences) -> Sequences:
    code = graph.convert(model.encoder, "encoder", batch)
    code = code if model.code is None else graph.convert(model.code, "code", code)
    return graph.convert(model.decoder, "decoder", code, batch.lengths)


def _scaled_autoencoder(graph: Graph, model: ScaledAutoencoder, batch: Sequences) -> Sequences:
    center, scale = graph.weight("center", model.center), graph.weight("scale", model.scale)
    scaled = graph.node("Div", graph.node("Sub", batch.values, center), scale)
    written = graph.convert(model.autoencoder, "autoencoder", batch.with_values(scaled))
    return batch.with_values(graph.node("Add", graph.node("Mul", written.values, scale), center))


def _linear_window_model(graph: Graph, model: LinearWindowModel, windows: str, window: int) -> str:
    steps, center = graph.node("Flatten", windows), graph.weight("center", model.center)
    deviations = graph.node("Sub", steps, center)
    values = graph.node("Add", graph.node("MatMul", deviations, graph.weight("weight", model.weight.T)), center)
    if model.has_squares:
        squared = graph.node("Min", graph.node("Mul", steps, steps), np.array(LARGEST_SQUARE))
        deviations = graph.node("Sub", squared, graph.weight("square_center", model.square_center))
        curves = graph.node("MatMul", deviations, graph.weight("square_weight", model.square_weight.T))
        values = graph.node("Add", values, curves)
    return graph.node("Reshape", values, np.array([-1, window, model.channels]))


def _moving_average_predictor(graph: Graph, model: MovingAveragePredictor, windows: str, window: int) -> str:
    steps = torch.eye(window, dtype=torch.float64)[None]
    weights = model.reconstruct(Batch.full(steps)).values[0]  # of each step for each predicted one
    return graph.node("MatMul", graph.weight("weights", weights), windows)


WINDOW_MODEL_CONVERTERS: dict[Any, Converter] = {
    Autoencoder: _autoencoder,
    ScaledAutoencoder: _scaled_autoencoder,
    LinearWindowModel: _linear_window_model,
    MovingAveragePredictor: _moving_average_predictor,
}


def _least(graph: Graph, evidence: str, length: int, rows_before: int = 0) -> str:
    """Return the evidence of the least window that covers each row, divided among the channels, `(row, channel)`."""
    total = _least_over_windows(graph, _sum(graph, evidence), length)
    mean = _means(graph, _for_all_rows(graph, evidence, length), length)
    least = graph.node("Mul", _least_over_windows(graph, evidence, length), np.float64(LEAST_WEIGHT))
    parts = graph.node("Add", mean, least)
    if rows_before:
        lately = graph.node("Neg", _largest(graph, graph.node("Neg", parts), rows_before + 1, rows_before))
        parts = graph.node("Sub", parts, graph.node("Mul", lately, np.float64(1 - LASTING_WEIGHT)))
    return graph.node("Div", graph.node("Mul", total, parts), _nonzero(graph, _sum(graph, parts)))


def _least_over_windows(graph: Graph, values: str, length: int) -> str:
    return graph.node("Neg", _largest(graph, graph.node("Neg", _for_all_rows(graph, values, length)), length))


def _for_all_rows(graph: Graph, values: str, length: int) -> str:
    """Repeat the first window and the last one, as `seqae.anomaly.windows` does."""
    return graph.node("Pad", values, np.array([length - 1, 0, length - 1, 0]), mode="edge")


def _largest(graph: Graph, values: str, length: int, before: int = 0) -> str:
    """Return the largest of each `length` consecutive values, `(value + before - length + 1, channel)`.

    There are none in the `before` places before the first value.
    """
    columns = _unsqueeze(graph, graph.node("Transpose", values, perm=[1, 0]), 0)
    pooled = graph.node("MaxPool", columns, kernel_shape=[length], strides=[1], pads=[before, 0])
    return graph.node("Transpose", graph.node("Squeeze", pooled, np.array([0])), perm=[1, 0])


def _means(graph: Graph, values: str, length: int) -> str:
    """Return the mean of each `length` consecutive values, `(value - length + 1, channel)`, added in the same order."""
    count = graph.node("Sub", _length(graph, values), np.array([length - 1]))
    total, done, block, size = "", 0, values, 1
    while True:
        if length & size:
            part = _slice(graph, block, done, graph.node("Add", count, np.array([done])))
            total = graph.node("Add", total, part) if total else part
            done += size
        if 2 * size > length:
            return graph.node("Div", total, np.float64(length))
        block = graph.node("Add", _slice(graph, block, 0, -size), _slice(graph, block, size, None))
        size *= 2


def _slice(graph: Graph, values: str, start: int, stop: str | int | None) -> str:
    """Return `values[start:stop]`."""
    if not isinstance(stop, str):
        stop = graph.constant(np.array([np.iinfo(_INT).max if stop is None else stop]))
    return graph.node("Slice", values, np.array([start]), stop, np.array([0]))


def _length(graph: Graph, values: str) -> str:
    """Return the first size of a value, `(1,)`."""
    return graph.node("Slice", graph.node("Shape", values), np.array([0]), np.array([1]))


def _sum(graph: Graph, values: str) -> str:
    """Return the sum over channels, `(row, 1)`."""
    return graph.node("ReduceSum", values, np.array([1]), keepdims=1)


def _any(graph: Graph, flags: str) -> str:
    """Return whether any flag is set, a scalar."""
    flat = graph.node("Reshape", graph.node("Cast", flags, to=7), np.array([-1]))
    return graph.node("Greater", graph.node("ReduceSum", flat, np.array([0]), keepdims=0), _INT(0))


def _nonzero(graph: Graph, values: str) -> str:
    return graph.node("Max", values, np.float64(_TINY))


def _log1p(graph: Graph, values: str) -> str:
    """Return the logarithm of 1 + a value, also of a minute one (Goldberg 1991, https://doi.org/10.1145/103162.103163)."""
    more = graph.node("Add", values, np.float64(1))
    added = graph.node("Sub", more, np.float64(1))  # the value, rounded as 1 + value is
    is_lost = graph.node("Equal", added, _ZERO)
    divisor = graph.node("Where", is_lost, np.float64(1), added)
    logarithm = graph.node("Mul", graph.node("Log", more), graph.node("Div", values, divisor))
    return graph.node("Where", is_lost, values, logarithm)


def _unsqueeze(graph: Graph, value: str, axis: int) -> str:
    return graph.node("Unsqueeze", value, np.array([axis]))
