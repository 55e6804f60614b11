"""How many processes train: what the caller asked for, or all that a launcher like torchrun has started."""

from __future__ import annotations

import os
from typing import Any


def process_options(devices: Any = None, strategy: Any = None) -> dict[str, Any]:
    """Return `devices`, `num_nodes` and `strategy` of Lightning's Trainer.

    torchrun starts processes and tells each by the environment, see
    https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables.

    Args:
        devices: What the Trainer takes; None is all processes on this machine that were started together, else one.
        strategy: What the Trainer takes; None is distributed data parallel if there are several processes.
    """
    world_size = int(os.environ.get("WORLD_SIZE", 1))
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", world_size))
    together = world_size > 1 and devices in (None, "auto", -1, local_size)
    return {
        "devices": local_size if together else devices or 1,
        "num_nodes": world_size // local_size if together else 1,
        "strategy": strategy or ("ddp" if together else "auto"),
    }
