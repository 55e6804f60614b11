"""How well predicted masks agree with the true ones."""

import numpy as np
from torch import Tensor

from seqae.evaluation import confusion


def agreement(predicted: list[Tensor], masks: list[Tensor], names: list[str]) -> dict[str, float]:
    """Return the mean IoU and F1 of all classes but the background; of more than two classes also the IoU of each."""
    found = {name: confusion(predicted, masks, index) for index, name in enumerate(names)}
    _, *classes = found.values()
    means = {key: float(np.mean([getattr(each, key) for each in classes])) for key in ("iou", "f1")}
    each = {f"IoU {name}": one.iou for name, one in found.items()} if len(names) > 2 else {}
    return {"IoU": means["iou"], "F1": means["f1"], **each}
