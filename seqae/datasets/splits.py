"""Splits by place: images of one spot, at several times, never stand on two sides of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def group_split(
    items: Sequence[T], names: Sequence[str], group: str, seed: int = 0, test: float = 0.25, valid: float = 0.15
) -> tuple[list[T], list[T], list[T]]:
    """Return things to train on, to choose by, and to test on. Places are drawn at random, all of one go together.

    Args:
        items: What is split.
        names: One for each.
        group: Regular expression: the first part of a name that it matches is the place, else the whole name is.
        seed: Of the draw.
        test: The share for the test, at least; more, if the last place is large.
        valid: The share to choose by, at least.

    Raises:
        ValueError: There are not enough places.
    """
    groups: dict[str, list[T]] = {}
    for thing, name in zip(items, names, strict=True):
        found = re.search(group, name)
        groups.setdefault(found[0] if found else name, []).append(thing)
    tested, chosen, trained = [], [], []
    for key in np.random.default_rng(seed).permutation(sorted(groups)):
        if len(tested) < test * len(items):
            tested += groups[key]
        elif len(chosen) < valid * len(items):
            chosen += groups[key]
        else:
            trained += groups[key]
    if not trained:
        raise ValueError(
            f"{len(items)} images of {len(groups)} places. Expected enough for three parts. Give more images, or "
            f"another expression for the place in a name than {group!r}"
        )
    return trained, chosen, tested
