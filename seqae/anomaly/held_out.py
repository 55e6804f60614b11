"""Blocks of normal rows that are measured by models that were not fitted to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import torch
from torch import Tensor

from seqae.anomaly.evidence import KINDS, Surprise, WindowEvidence, count_moves, fit_surprise

Distances = Sequence[Tensor | None]  # of windows, (kind, window, channel) for each resolution that has some


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive normal rows that are measured by models that were not fitted to them.

    Attributes:
        distances: The distances of their windows.
        fold: The number of the fold that they were held out in.
        entity: Their machine, "" if none is named.
    """

    distances: Distances
    fold: int
    entity: str = ""


def measure(evidence: Sequence[WindowEvidence | None], rows: Tensor) -> Distances:
    """Return the distances of windows, `(kind, window, channel)` for each resolution with a window as short as rows."""
    with torch.inference_mode():
        return [None if each is None or len(rows) < each.length else each.distances(rows) for each in evidence]


def evidence_of_block(
    evidence: Sequence[WindowEvidence], attribute: Callable[[Sequence[Tensor | None]], Tensor], block: Distances
) -> np.ndarray:
    """Return the evidence attributed to rows by the distances of a block, `(row,)` float64."""
    windows = [None if each is None else own.of_distances(each) for own, each in zip(evidence, block)]
    return attribute(windows).sum(dim=1).numpy()


def known_resolutions(
    evidence: Sequence[WindowEvidence], blocks: Sequence[Block], later: Sequence[Distances]
) -> tuple[Sequence[WindowEvidence], Sequence[Block], Sequence[Distances]]:
    """Return the resolutions of which some block holds a window, and the distances at these alone."""
    known = [any(block.distances[number] is not None for block in blocks) for number in range(len(evidence))]
    if not any(known):
        raise ValueError(
            f"no block of normal rows without a gap holds {evidence[0].length} rows, a window, beside those that a "
            "model is fitted to. Give longer recordings, or finer resolutions"
        )
    of_blocks = [replace(block, distances=list(compress(block.distances, known))) for block in blocks]
    return list(compress(evidence, known)), of_blocks, [list(compress(each, known)) for each in later]


def surprise_of_blocks(own: WindowEvidence, distances: Sequence[Tensor | None], parts: list[np.ndarray]) -> Surprise:
    """Fit to the distances of all blocks, `(kind, window, channel)` each."""
    known = [each for each in distances if each is not None]
    assert known and known[0].shape[0] == KINDS
    return fit_surprise(torch.cat(known, dim=1), count_moves(parts), own.window)


def widened(own: WindowEvidence, distances: Sequence[Tensor | None], parts: list[np.ndarray]) -> WindowEvidence:
    """Return evidence that also takes these distances for usual, if there are any."""
    if all(each is None for each in distances):
        return own
    assert own.surprise is not None
    return replace(own, surprise=surprise_of_blocks(own, distances, parts).widen(own.surprise))
