"""Whether an object works: asked of each one that is saved or loaded, of itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import nn


def check_soundness(objects: Mapping[str, object], read: Mapping[str, Any] | None = None) -> dict[str, list[int]]:
    """Ask every object that can tell, by a method of the name `check_soundness`, whether it works.

    Args:
        objects: The objects by their path.
        read: By their paths, the shapes of the sequences that networks read when they were saved.

    Returns:
        The shapes of the sequences that networks have read, by their paths; not of their parts.

    Raises:
        ValueError: One does not; names its path, and what it says of itself.
    """
    shapes: dict[str, list[int]] = {}
    for path, obj in sorted(objects.items(), key=lambda item: len(item[0])):  # the whole before its parts
        check = getattr(type(obj), "check_soundness", None)
        if check is None or any(not whole or path.startswith(f"{whole}.") for whole in shapes):
            continue
        try:
            with _in_evaluation(obj) if isinstance(obj, nn.Module) else nullcontext(obj) as checked:
                shape = check(checked) if read is None or path not in read else check(checked, read[path])
        except Exception as error:  # whatever a part that is no number or of another type leads to
            what = f"{path}: {type(obj).__name__}" if path else type(obj).__name__
            why = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise ValueError(f"{what} does not work: {why}".partition("\n")[0]) from error
        if shape is not None:
            shapes[path] = list(shape)
    return shapes


def _in_evaluation(module: nn.Module) -> AbstractContextManager[nn.Module]:
    from seqae.inference import in_evaluation  # which loads networks: a saved transform needs none

    return in_evaluation(module)
