"""The options of Lightning's Trainer that `fit` passes on, and those that it sets itself."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import lightning
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins import Precision

SET_BY_FIT = {
    "max_epochs": "epochs",
    "enable_progress_bar": "progress",
    "use_distributed_sampler": "a loader whose sampler is a DistributedSampler",
    "enable_checkpointing": "checkpoint_dir, or a ModelCheckpoint among the callbacks",
}


def check_options(options: Iterable[str]) -> None:
    """Check that these are options of Lightning's Trainer, and not such as `fit` sets itself.

    Raises:
        TypeError: One is not; names it and what to give.
    """
    known = [name for name in inspect.signature(lightning.Trainer).parameters if name not in SET_BY_FIT]
    for name in options:
        if name in SET_BY_FIT:
            raise TypeError(f"fit sets {name} of Lightning's Trainer itself. Give {SET_BY_FIT[name]} instead")
        if name not in known:
            similar = difflib.get_close_matches(name, [*known, "epochs", "patience", "checkpoint_dir", "progress"], 1)
            hint = f"Did you mean {similar[0]}?" if similar else "See the arguments of lightning.Trainer"
            raise TypeError(f"{name} is no argument of fit, nor of Lightning's Trainer. {hint}")


def trainer_settings(
    callbacks: list[lightning.Callback], plugins: list[Any], precision: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a Trainer that writes and prints nothing but what its callbacks and loggers do."""
    given = options.get("plugins") or []
    given = list(given) if isinstance(given, list | tuple) else [given]
    return {
        "precision": None if any(isinstance(plugin, Precision) for plugin in given) else precision,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(callback, Checkpoint) for callback in callbacks),
        "num_sanity_val_steps": 0,
        "use_distributed_sampler": False,
        **options,
        "callbacks": callbacks,
        "plugins": [*plugins, *given],
    }
