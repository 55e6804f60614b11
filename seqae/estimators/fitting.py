"""Fits that change an estimator only when they are done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

E = TypeVar("E")


def fit_into_copy(estimator: E, fit: Callable[[E], object]) -> E:
    """Return the estimator, fitted; one that was fitted before stays as it was if the fit is refused or interrupted.

    Args:
        estimator: Has its settings in attributes, and what it learns in others whose names end in "_".
        fit: Fits the copy that it is given, which knows the settings alone.
    """
    fresh = object.__new__(type(estimator))
    vars(fresh).update({name: value for name, value in vars(estimator).items() if not _is_learnt(name)})
    fit(fresh)
    estimator.__dict__ = vars(fresh)  # in one step, which nothing interrupts
    return estimator


def _is_learnt(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")
