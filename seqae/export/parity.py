"""Whether a graph computes what its model computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from seqae._extras import require
from seqae.export.reference import Arrays, Reference
from seqae.export.steps import StepKind
from seqae.transforms.scaler import Scaler

_TOLERANCE = 1e-6  # relative to the outputs, which count as 1 if they are smaller
_ROUNDING = 4  # times the rounding error of torch itself, where that is more
_LARGEST_BATCH, _MOST_VALUES = 64, 10**7  # so that logits of many tokens fit into the memory
_EPS = float(np.finfo(np.float32).eps)


def example_inputs(
    kind: StepKind | None,
    code_size: int,
    limit: int | None,
    scaler: Scaler | None,
    missing: bool,
    most: int = _LARGEST_BATCH,
) -> Iterator[Arrays]:
    """Yield inputs of various sizes, with garbage as padding: one step, many, lengths that differ, a large batch.

    Args:
        kind: What the model reads; None for a decoder.
        code_size: The length of the codes that a decoder reads.
        limit: The largest number of steps that the model takes, None for any number.
        scaler: Of what the model reads; None if it is scaled already.
        missing: Whether some readings are missing.
        most: The number of sequences of the large batch.
    """
    random = np.random.default_rng(0)
    for batch, time, shortest in ((1, 1, 1), (1, 300, 300), (7, 53, 3), (most, 100, 1)):
        time = min(time, limit or time)
        lengths = random.integers(min(shortest, time), max(time - 3, 1) if batch == 7 else time, batch, endpoint=True)
        if kind is None:
            yield {"codes": random.standard_normal((batch, code_size), np.float32), "lengths": lengths}
            continue
        yield {"sequences": _sequences(random, kind, lengths, time, scaler, missing), "lengths": lengths}


def largest_batch(outputs: Arrays) -> int:
    """Return how many sequences of 100 steps to compare at once, given the outputs for one sequence of one step."""
    size = max(output.size for output in outputs.values())
    return min(_LARGEST_BATCH, max(2, _MOST_VALUES // (100 * size)))


def check_parity(content: bytes, reference: Reference, examples: Iterable[Arrays]) -> float:
    """Return by how much the outputs of a graph differ from those of its model, relative to their size.

    At most 1e-6 of the largest output, or of 1; where torch itself loses more to rounding (against float64), four times
    as much as it does.

    Raises:
        ValueError: They differ by more, or are not finite.
    """
    runtime = require("onnxruntime", extra="onnx", purpose="the check of an ONNX file")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    wide = reference.double()
    return max(_difference(session, reference, wide, inputs) for inputs in examples)


def _difference(session: Any, reference: Reference, wide: Reference, inputs: Arrays) -> float:
    """Return the largest difference of all outputs for the same inputs, relative to their size."""
    expected = reference.outputs(inputs)
    found = dict(zip(expected, session.run(list(expected), inputs)))
    differences = [0.0]
    for name, values in expected.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the model's {name} are not finite. Train it, or look at its weights, before the export")
        scaler = reference.scaler if name == "reconstruction" else None
        # A length of half a step more may be rounded up here and down there.
        slack = 1.0 if name == "predicted_lengths" else 0.0
        differences.append(_relative(found[name], values, scaler, slack))
        if differences[-1] <= _TOLERANCE:
            continue
        exact = wide.outputs(inputs)[name]
        if not _relative(found[name], exact, scaler, slack) <= _ROUNDING * _relative(values, exact, scaler, slack):
            sizes = " x ".join(map(str, next(iter(inputs.values())).shape))
            raise ValueError(
                f"the graph's {name} differ from the model's by {differences[-1]:.2g} (inputs {sizes}); at most "
                f"{_TOLERANCE:g} is allowed, so nothing is written. Report this with the model's layers"
            )
    return max(differences)


def _relative(found: np.ndarray, expected: np.ndarray, scaler: Scaler | None, slack: float) -> float:
    """Return the largest difference above a slack, relative to the largest value; in deviations of a scaler's data."""
    if found.shape != expected.shape:
        return np.inf
    difference = np.maximum(np.abs(found.astype(np.float64) - expected) - slack, 0)
    size = np.abs(expected)
    if scaler is not None:  # an output is a float32, and so rounded beside a large mean
        difference = np.maximum(difference - _EPS * size, 0) / scaler.scale_
        size = np.abs(expected - scaler.mean_ * (expected != 0)) / scaler.scale_
    return float(difference.max() / max(1.0, size.max()))


def _sequences(
    random: np.random.Generator, kind: StepKind, lengths: np.ndarray, time: int, scaler: Scaler | None, missing: bool
) -> np.ndarray:
    """Return values `(batch, time, *step)`: like those that the model was made for, and garbage as padding."""
    shape = (len(lengths), time, *kind.shape)
    padding = np.arange(time) >= lengths[:, None]
    if kind.vocabulary is not None:
        return np.where(padding, kind.vocabulary + 7, random.integers(0, kind.vocabulary, shape))
    values = random.standard_normal(shape)
    if scaler is not None:
        values = values * scaler.scale_ + scaler.mean_
        values = np.where(scaler.is_constant_ & (random.random(shape) < 0.5), scaler.mean_, values)
    if missing:
        values[random.random(shape) < 0.1] = np.nan
    values[padding] = random.choice([np.nan, np.inf, 1e30], values[padding].shape)
    return values.astype(np.float32)
