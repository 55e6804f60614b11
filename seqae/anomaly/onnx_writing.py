"""A fitted detector as one ONNX file."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqae._extras import require
from seqae._files import write_atomically
from seqae._version import __version__
from seqae.anomaly.onnx_graph import WINDOW_MODEL_CONVERTERS, evidence_of_rows, fill_rows, scores_of_evidence
from seqae.anomaly.scorer import Scorer
from seqae.data.signals.recordings import Recording
from seqae.export.graph import Graph
from seqae.export.onnx_file import CONVERTERS, onnx_target, refuse_other_dtypes
from seqae.export.scaling import scale_values

_FLOAT64 = 11  # the number that ONNX gives to this type
_TOLERANCE, _TOLERANCE_OF_FLOAT32 = 1e-6, 1e-4  # relative to the largest score, which counts as 1 if it is smaller
_ROUNDING = 4  # times the rounding error of torch itself, where that is more


def write_scorer(scorer: Scorer, path: str | os.PathLike[str]) -> Path:
    """Write a scorer to an ONNX file; see `AnomalyDetector.to_onnx`, which tells its inputs, outputs and errors."""
    if scorer.rhythm is not None:
        raise ValueError(
            "this detector has learnt the rhythm of the day or the week, and a graph has no calendar. Fit it with "
            "AnomalyDetector(calendar=False) to export it"
        )
    target = onnx_target(path)
    require("onnxruntime", extra="onnx", purpose="the check of an ONNX file")
    for each in scorer.resolutions:
        refuse_other_dtypes(each.model)
    graph = Graph({**CONVERTERS, **WINDOW_MODEL_CONVERTERS})
    _add_graph(graph, scorer)
    content = graph.serialize(_metadata(scorer))
    _check(content, scorer)
    return write_atomically(target, content)


def _add_graph(graph: Graph, scorer: Scorer) -> None:
    channels, window = len(scorer.channels), scorer.resolutions[0].window
    rows = graph.input("rows", np.float64, ("row", channels))
    threshold = graph.input("threshold", np.float32, (), np.array(scorer.threshold))
    before = graph.input("before", np.float64, (window, channels), np.zeros((window, channels)))
    scaled = graph.node("Cast", scale_values(graph, scorer.scaler, rows), to=_FLOAT64)
    filled = fill_rows(graph, scorer, scaled, before)
    missing = graph.node("IsNaN", rows)
    evidence = evidence_of_rows(graph, scorer, filled, missing)
    scores, channel_scores = scores_of_evidence(graph, scorer, evidence, missing)
    graph.output("scores", scores, np.float32, ("row",))
    graph.output("channel_scores", channel_scores, np.float32, ("row", channels))
    graph.output("alarms", graph.node("Greater", scores, threshold), np.bool_, ("row",))
    graph.output("filled", filled, np.float64, ("row", channels))


def _metadata(scorer: Scorer) -> dict[str, str]:
    found: dict[str, Any] = {
        "channels": scorer.channels,
        "units": dict(scorer.units),
        "period": scorer.period,
        "threshold": scorer.threshold,
        "reach": scorer.localization.reach,
        "least_rows": max(scorer.localization.lengths),
        "window": scorer.resolutions[0].window,
    }
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}
    return {"seqae": __version__, "model": "AnomalyDetector", **texts}


def _check(content: bytes, scorer: Scorer) -> None:
    """Raise a ValueError unless the graph gives the scores of the scorer, for rows usual and unusual."""
    runtime = require("onnxruntime", extra="onnx", purpose="the check of an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wide = _in_float64(scorer)
    weights = [weight for each in scorer.resolutions for weight in each.model.state_dict().values()]
    tolerance = _TOLERANCE_OF_FLOAT32 if torch.float32 in {weight.dtype for weight in weights} else _TOLERANCE
    for rows in _examples(scorer):
        recording = Recording(rows, scorer.channels)
        expected = vars(scorer.score(recording))
        found = dict(zip(expected, session.run(list(expected), {"rows": rows})))
        if _difference(found, expected) > tolerance:
            exact = vars(wide.score(recording))
            if not _difference(found, exact) <= _ROUNDING * _difference(expected, exact):
                raise ValueError(
                    f"the graph's scores differ from the detector's by {_difference(found, expected):.2g} ({len(rows)} "
                    f"rows); at most {tolerance:g} is allowed, so nothing is written. Report this with the model"
                )


def _in_float64(scorer: Scorer) -> Scorer:
    resolutions = [replace(each, model=copy.deepcopy(each.model).double()) for each in scorer.resolutions]
    return replace(scorer, resolutions=resolutions)


def _examples(scorer: Scorer) -> Iterator[np.ndarray]:
    """Yield rows in the units of the data, `(row, channel)`: as few as can be, a slow drift, and missing values."""
    random = np.random.default_rng(0)
    least, channels = max(scorer.localization.lengths), len(scorer.channels)
    few = 3 * random.standard_normal((least, channels))
    drift = np.linspace(0, 2, 4 * least)[:, None] * random.standard_normal(channels)
    gaps = np.linspace(0, 3, 3 * least + 1)[:, None] * random.standard_normal((3 * least + 1, channels))
    gaps[least : 2 * least][random.random((least, channels)) < 0.1] = np.nan
    gaps[-1] = np.nan
    for rows in (few, drift, gaps):
        yield rows * scorer.scaler.scale_ + scorer.scaler.mean_


def _difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """Return the largest difference of two results, relative to the largest score, or to 1; infinite for other NaN."""
    if any((np.isnan(found[name]) != np.isnan(values)).any() for name, values in expected.items()):
        return np.inf
    largest = max(1.0, float(np.nanmax(expected["scores"])))
    return max(float(np.nanmax(np.abs(found[name] - values))) for name, values in expected.items()) / largest
