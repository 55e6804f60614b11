"""What users give to the estimators beside sequences: settings, codes, lengths."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from torch import Tensor


def check_counts(**counts: object) -> None:
    """Raise a ValueError if a setting is neither None nor a whole number of at least 1 (of epochs 0)."""
    for name, value in counts.items():
        least = 0 if name == "epochs" else 1
        if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < least):
            raise ValueError(f"{name}={value!r:.60}. Expected a whole number of at least {least}")


def seed_of(random_state: object) -> int:
    """Return a seed: a whole number as it is, else drawn from a `numpy.random.RandomState` or, for None, at random."""
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31))


def checked_labels(labels: Any) -> np.ndarray:
    """Return the class of each sequence, `(sequences,)`.

    Raises:
        ValueError: They are none, are continuous, have several columns, or one is missing.
        TypeError: They are one text, or classes of several types that have no order.
    """
    if labels is None:
        raise ValueError("requires y to be passed, but the target y is None: the class of each sequence")
    if isinstance(labels, str | bytes | dict | set):
        raise TypeError(f"y is a {type(labels).__name__}. Expected the class of each sequence, in a list or an array")
    if isinstance(labels, list | tuple) or getattr(getattr(labels, "dtype", None), "kind", "") == "O":
        _check_objects(list(labels))  # as they are: numpy writes "nan" and "1" among texts
    found = column_or_1d(labels, warn=True)
    check_classification_targets(found)
    return found


def _check_objects(labels: list[Any]) -> None:
    for index, label in enumerate(labels):
        if (
            label is None
            or type(label).__name__ in ("NAType", "NaTType")
            or (isinstance(label, Real) and label != label)
        ):
            raise ValueError(f"Input y contains NaN: the class of sequence {index} is {label!r}. Leave it out")
    if 0 < sum(isinstance(label, str) for label in labels) < len(labels):
        raise TypeError("classes (y) of text and of other types, which have no order. Give [str(each) for each in y]")


def checked_codes(codes: object, size: int) -> Tensor:
    """Return codes `(sequences, code_size)` as float32.

    Raises:
        ValueError: They are of another size, or not finite.
    """
    rows = np.asarray(codes)
    if rows.ndim != 2 or rows.shape[1] != size or rows.dtype.kind not in "fiub":
        raise ValueError(f"codes of shape {rows.shape} ({rows.dtype}). Expected numbers (sequences, {size})")
    if not np.isfinite(rows).all():
        raise ValueError(f"code {int(np.argwhere(~np.isfinite(rows))[0][0])} holds NaN or infinity. Leave it out")
    return torch.from_numpy(rows.astype(np.float32))


def checked_lengths(lengths: object, count: int) -> Tensor:
    """Return a length for each code, `(codes,)` int64.

    Raises:
        ValueError: They are not whole numbers from 1, one for all or one for each code.
    """
    steps = np.asarray(lengths)
    if steps.dtype.kind not in "iu" or steps.shape not in ((), (count,)) or (steps < 1).any():
        raise ValueError(f"lengths of shape {steps.shape} ({steps.dtype}) for {count} codes. Give whole numbers from 1")
    return torch.from_numpy(np.broadcast_to(steps, (count,)).astype(np.int64))
