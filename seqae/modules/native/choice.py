"""Which is quicker for a layer on this machine, the kernel or torch: measured once for each kind of layer, and kept.

Small layers are the kernel's on every processor tried so far, and nothing is measured for them.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import time
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import RLock
from typing import NamedTuple, cast

import torch
from torch import Tensor

from seqae._files import read_file, write_atomically
from seqae._processes import one_thread
from seqae.batch import Batch
from seqae.modules.native.build import load_kernel, rounds_products
from seqae.modules.native.layer import LayerState, Weights, can_run, gru, lstm

_SMALL, _LARGE = 128, 512  # hidden units: up to which nothing is measured, and up to which layers are compared
_BATCHES = (1, 8, 32)  # sequences, which stand for fewer than four, for fewer than 24, and for more
_PRODUCTS = 2**26  # of a pass that is timed, which takes some milliseconds
_ROUNDS = 5
_MOST_BYTES = 2**20
_MARGIN = 1.25  # how much quicker torch has to be, twice, so that neither chance nor other programs choose
_lock = RLock()
_known: dict[Path, dict[str, float]] = {}


class Kind(NamedTuple):
    """What decides how quick a layer is; hidden units and sequences are numbers that stand for those near them."""

    cell: str
    units: int
    sequences: int
    is_trained: bool

    @classmethod
    def of(cls, cell: str, units: int, sequences: int, is_trained: bool) -> Kind:
        """Return the kind of a layer."""
        units = min(_LARGE, 2 ** (units - 1).bit_length())
        sequences = _BATCHES[(sequences >= 4) + (sequences >= 24)]
        return cls(cell, units, sequences, is_trained)

    def __str__(self) -> str:
        use = "trained" if self.is_trained else "used"
        return f"{self.cell} {use}, {self.units} units, {self.sequences} sequences"


def is_supported(cell: str, batch: Batch, state: LayerState | None, *directions: Weights) -> bool:
    """Return whether the kernel can run a layer and is not slower than torch; takes the arguments of `gru`."""
    if not can_run(batch, state, *directions):
        return False
    units = directions[0][1].shape[1]
    if units <= _SMALL or rounds_products():  # by products that torch has not for these layers
        return True
    is_trained = torch.is_grad_enabled() and any(part.requires_grad for part in (batch.values, *chain(*directions)))
    return advantage(Kind.of(cell, units, len(batch), is_trained)) * _MARGIN > 1


def advantage(kind: Kind) -> float:
    """Return how many times as quick as torch the kernel is, measured when this is asked for the first time."""
    with _lock:
        file = _file()
        if file not in _known:
            _known[file] = _read(file)
        known = _known[file]
        if str(kind) not in known:
            ratio = _measure(kind)
            known[str(kind)] = ratio if ratio * _MARGIN > 1 else max(ratio, _measure(kind))
            with suppress(OSError, ValueError):  # without a file, each process measures for itself
                write_atomically(file, json.dumps(known, indent=1).encode())
        return known[str(kind)]


def all_kinds() -> list[Kind]:
    """Return the kinds of layers that are measured."""
    return [
        Kind.of(cell, units, sequences, is_trained)
        for cell in ("lstm", "gru")
        for units in range(2 * _SMALL, _LARGE + 1, 2 * _SMALL)
        for sequences in _BATCHES
        for is_trained in (False, True)
    ]


def _file() -> Path:
    """Return where the measurements of this machine lie: beside the kernel, of this processor and this torch."""
    library = load_kernel()
    assert library is not None
    return _beside(library._name)


@functools.cache  # large layers ask each time that they run
def _beside(library: str) -> Path:
    machine = hashlib.sha256(f"{_processor()}\0{torch.__version__}".encode()).hexdigest()[:20]
    return Path(library).with_name(f"{Path(library).stem}-{machine}.json")


def _processor() -> str:
    with suppress(OSError):  # not on every Linux
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line for line in lines if line.startswith("model name")), "")
    return ""


def _read(file: Path) -> dict[str, float]:
    """Return what is kept; nothing if there is no file or others have spoilt it."""
    try:
        kept = json.loads(read_file(file, max_bytes=_MOST_BYTES))
        return {str(kind): ratio for kind, ratio in kept.items() if isinstance(ratio, float) and 0 < ratio < math.inf}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _measure(kind: Kind) -> float:
    steps = max(8, min(100, _PRODUCTS // (8 * kind.units**2 * kind.sequences)))
    rows = (3 if kind.cell == "gru" else 4) * kind.units
    with (
        torch.inference_mode(False),
        torch.set_grad_enabled(kind.is_trained),
        one_thread(),
    ):  # in whose time other programs do not count
        sizes = [(rows, kind.units), (rows, kind.units), (rows,), (rows,)]
        weights = cast(Weights, tuple(_numbers(*size).requires_grad_(kind.is_trained) for size in sizes))
        batch = Batch.full(_numbers(kind.sequences, steps, kind.units))
        start = _numbers(1, kind.sequences, kind.units)
        quickest = {by_torch: math.inf for by_torch in (False, True)}
        for _ in range(_ROUNDS):
            for by_torch, seconds in quickest.items():
                quickest[by_torch] = min(seconds, _seconds(kind.cell, by_torch, batch, start, weights))
    return quickest[True] / quickest[False]


def _numbers(*size: int) -> Tensor:
    return torch.full(size, 0.01, dtype=torch.float32, device="cpu")  # no random ones, which a seed would miss


def _seconds(cell: str, by_torch: bool, batch: Batch, start: Tensor, weights: Weights) -> float:
    begun = time.process_time()
    if not by_torch:
        written = {"lstm": lstm, "gru": gru}[cell](batch, None, weights)
    elif cell == "lstm":
        written = torch.lstm(batch.values, (start, start), weights, True, 1, 0.0, False, False, True)[0]
    else:
        written = torch.gru(batch.values, start, weights, True, 1, 0.0, False, False, True)[0]
    if written.requires_grad:
        torch.autograd.grad(written.sum(), weights)
    return time.process_time() - begun
