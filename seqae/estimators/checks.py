"""What users give to the estimators beside sequences: settings, codes, lengths."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state
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
