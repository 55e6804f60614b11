"""Saved models in a folder: `model.safetensors` (the weights) and `seqae.json` (all the rest).

The description in `seqae.json` is a tree of class names, what their constructors were given and what
fitting learnt. One convention makes this work for models, scalers, thresholds and detectors alike: *what a
constructor takes, it keeps in an attribute of the same name; what fitting learnt ends in an underscore.*

Reading runs no code from the folder. Both files are checked against their SHA-256 before anything is
used, and the sizes in the description against the weights before memory is taken for them. A description
is read without torch, which takes seconds to import; so what needs torch is imported where it is used.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqae._files import require_local_path
from seqae._version import __version__
from seqae.artifact.checksum import FORMAT
from seqae.artifact.folder import WEIGHTS, read, write
from seqae.artifact.places import local_folder

if TYPE_CHECKING:
    from torch import Tensor

    from seqae.artifact.deserialize import ObjectWithoutWeights


def save(obj: object, folder: str | os.PathLike[str], *, metrics: Mapping[str, float] | None = None) -> Path:
    """Write a model, a detector, or anything else that follows the convention.

    Other files in the folder stay as they are. An artifact that is there already is replaced at one moment:
    a reader, or a run that was killed, finds the old one or the new one, whole.

    Args:
        obj: The object to save.
        folder: The folder to save to; created if it is absent.
        metrics: Values by name to save beside it, for example test scores.

    Returns:
        The folder.

    Raises:
        ValueError: Something in the object could not be loaded again; names it.
        OSError: Writing failed; the files in the folder are unchanged.
    """
    from seqae.artifact.serialize import serialize
    from seqae.artifact.soundness import check_soundness
    from seqae.artifact.weights import frozen_names, pack, parameter_count, refuse_non_finite, to_store

    target = require_local_path(folder)
    description = serialize(obj)
    tensors = to_store(description.modules, description.arrays)
    try:  # an artifact that cannot be built should fail now, not when it is needed
        refuse_non_finite(tensors, set(description.arrays))
        _build(description.tree, tensors, description.custom_classes)
        read = check_soundness(description.objects)
    except ValueError as error:
        raise ValueError(f"this {type(obj).__name__} could not be loaded again, so it is not saved: {error}") from error
    content = {
        "format": FORMAT,
        "provenance": _provenance(),
        "parameters": parameter_count(description.modules),
        "metrics": {name: _json_number(float(value)) for name, value in (metrics or {}).items()},
        "frozen": frozen_names(description.modules),
        "read": read,
        "tree": description.tree,
    }
    write(target, content, pack(tensors))
    return target


def load(folder: str | os.PathLike[str], classes: Iterable[type] = ()) -> Any:
    """Return an object that `save` wrote, on the CPU, modules in evaluation mode.

    Args:
        folder: The folder; or `hf://OWNER/NAME` or `hf://OWNER/NAME@REVISION`, a repository of the Hugging Face Hub,
            which is downloaded once; or `seqae://NAME`, one of the models that come with seqae: digits, gestures,
            telemetry.
        classes: Classes of your own to accept, besides those of seqae and the layers of torch.nn.

    Raises:
        FileNotFoundError: There is no artifact.
        ValueError: A file is damaged, is something else, or names a class that is not accepted.
        ConnectionError: The Hub does not answer, and nothing was downloaded before.
        ImportError: It needs an extra that is not installed.
    """
    from seqae.artifact.soundness import check_soundness
    from seqae.artifact.weights import load_weights, refuse_non_finite, unpack, widen

    source = local_folder(folder)
    content, weights = read(source)
    stored = unpack(weights, source / WEIGHTS)
    try:
        built = _build(content["tree"], stored, classes)
        stored = widen(stored, built.arrays)
        refuse_non_finite(stored, built.arrays)
        load_weights(built.modules, stored, frozen=content["frozen"])
        check_soundness(built.objects, content.get("read"))
    except (ValueError, TypeError) as error:
        writer = content["provenance"]["seqae"]
        note = (
            "" if writer == __version__ else f". It was written by seqae {writer}, this is {__version__}: fit it again"
        )
        raise ValueError(f"{source} cannot be loaded: {error}{note}") from error
    return built.obj


def inspect(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the checked description of an artifact, given as for `load`; nothing of it is built.

    Raises:
        FileNotFoundError: There is no artifact.
        ValueError: A file is damaged or is something else.
    """
    content, _ = read(local_folder(folder))
    return {**content, "metrics": {name: float(value) for name, value in content["metrics"].items()}}


def _build(tree: Any, stored: Mapping[str, Tensor], classes: Iterable[type]) -> ObjectWithoutWeights:
    from seqae.artifact.deserialize import deserialize
    from seqae.artifact.weights import compare

    built = deserialize(tree, stored, classes)
    compare(built.modules, built.arrays, stored)
    return built


def _json_number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)  # JSON has no NaN


def _provenance() -> dict[str, str]:
    import torch

    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seqae": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
