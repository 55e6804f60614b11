"""Splits by group: items of one group, for example images of one place, are never on two sides of a split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def group_split(
    items: Sequence[T], names: Sequence[str], group: str, seed: int = 0, test: float = 0.25, valid: float = 0.15
) -> tuple[list[T], list[T], list[T]]:
    """Return items for training, validation and test. Groups are drawn at random; all items of one go together.

    Args:
        items: The items to split.
        names: The name of each item.
        group: A regular expression: the first part of a name that it matches is the name of the group; if none does,
            the whole name is.
        seed: Seed of the draw.
        test: The fraction of the items for the test, at least; more, if the last group is large.
        valid: The fraction of the items for validation, at least.

    Raises:
        ValueError: There are not enough groups.
    """
    groups: dict[str, list[T]] = {}
    for item, name in zip(items, names, strict=True):
        found = re.search(group, name)
        groups.setdefault(found[0] if found else name, []).append(item)
    testing: list[T] = []
    validation: list[T] = []
    training: list[T] = []
    for key in np.random.default_rng(seed).permutation(sorted(groups)):
        if len(testing) < test * len(items):
            testing += groups[key]
        elif len(validation) < valid * len(items):
            validation += groups[key]
        else:
            training += groups[key]
    if not training:
        raise ValueError(
            f"{len(items)} items in {len(groups)} groups are too few for three parts. Give more items, or another "
            f"expression for the group in a name than {group!r}"
        )
    return training, validation, testing
