"""Training without what Lightning says about itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from seqae._warnings import warnings_here

_LOGGERS = ("lightning.pytorch", "lightning.fabric")
_ABOUT_ITSELF = (
    "num_workers|LeafSpec|IterableDataset|number of training batches|Checkpoint directory|does not have many workers|"
    "no `val_dataloader`"
)
_lock = threading.Lock()
_levels: dict[str, int] = {}  # of the loggers, before the first of the runs that are on
_runs = 0  # in all threads


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Silence the warnings of Lightning in this thread, and its log below errors as long as any thread trains."""
    _begin()
    try:
        with warnings_here("ignore", pattern=_ABOUT_ITSELF):
            yield
    finally:
        _end()


def _begin() -> None:
    global _runs
    with _lock:
        _runs += 1
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            if _runs == 1 and logger.level < logging.ERROR:
                _levels[name] = logger.level
                logger.setLevel(logging.ERROR)


def _end() -> None:
    global _runs
    with _lock:
        _runs -= 1
        while not _runs and _levels:
            name, level = _levels.popitem()
            logging.getLogger(name).setLevel(level)
