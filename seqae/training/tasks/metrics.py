"""What a task logs of an epoch: sums over its batches, so that every item counts once in batches of any sizes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from seqae.evaluation.reconstruction_scores import AccuracyScore, R2Score, Total

_MANY = 1000  # batches


class HeldOutResult(tuple[Tensor, int]):
    """The mean loss of a held-out batch, `()`, and how many items it is the mean of, as a pair, with a score.

    Args:
        loss: The mean loss.
        count: The number of items.
        score: How good the predictions are; None if nothing measures it.
    """

    score: R2Score | AccuracyScore | None

    def __new__(cls, loss: Tensor, count: int, score: R2Score | AccuracyScore | None = None) -> HeldOutResult:
        pair = super().__new__(cls, (loss, count))
        pair.score = score
        return pair


class HeldOutSums:
    """Loss and score of all held-out batches."""

    def __init__(self) -> None:
        self.loss, self.count = 0.0, 0
        self.score: Any = None

    def add(self, result: tuple[Tensor, int]) -> None:
        """Add the result of a batch."""
        loss, count = result
        if count:  # else all values are missing, and their mean is NaN
            self.loss += float(loss) * count
            self.count += count
        score = getattr(result, "score", None)
        if self.score is None:
            self.score = score
        elif score is not None:
            self.score.add(score)

    def compute(self, total: Total) -> dict[str, float]:
        """Return the mean loss and the score by their names; empty if there was nothing to compare with."""
        loss, count = total(torch.tensor([self.loss, self.count], dtype=torch.float64)).tolist()
        if not count:
            return {}
        found = {"loss": loss / count}
        return found if self.score is None else {**found, self.score.name: self.score.compute(total)}


class TrainingSums:
    """Loss and steps of an epoch's batches so far, and the time that they took; adding never waits for the device."""

    def __init__(self) -> None:
        self.loss, self.items, self.steps = 0.0, 0, 0
        self.seconds = 0.0
        self._since: float | None = None
        self._latest: list[tuple[Tensor, int, Tensor]] = []  # not summed up yet: many at once are quicker

    def start_clock(self) -> None:
        """Count the time from now on."""
        self._since = time.monotonic()

    def stop_clock(self) -> None:
        """Count no more time, when all that was asked of the device is done."""
        self._sum_up()
        if self._since is not None:
            self.seconds += time.monotonic() - self._since
            self._since = None

    def add(self, loss: Tensor, batch: Any) -> None:
        """Add the mean loss `()` of a batch."""
        self._latest.append((loss, len(batch), batch.lengths))
        if len(self._latest) >= _MANY:
            self._sum_up()

    def compute(self, total: Total) -> dict[str, float]:
        """Return the mean loss, and the steps in a second without padding; the clock stops."""
        self.stop_clock()
        loss, items, steps = total(torch.tensor([self.loss, self.items, self.steps], dtype=torch.float64)).tolist()
        if not items:
            return {}
        found = {"train_loss": loss / items}
        return {**found, "steps_per_second": steps / self.seconds} if self.seconds else found

    def _sum_up(self) -> None:
        """Sum up the latest batches; waits for the device."""
        if not self._latest:
            return
        losses, items, lengths = zip(*self._latest)
        counts = torch.tensor(items, dtype=torch.float64)
        self.loss += float(torch.stack(losses).cpu().double() @ counts)
        self.items += sum(items)
        self.steps += int(torch.cat(lengths).sum())
        self._latest = []


def loss_in(outputs: Any) -> Tensor | None:
    """Return the loss in what a training step returned, `()`, or None if there is none."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    return loss.detach() if isinstance(loss, Tensor) else None


def undivided(loss: Tensor, trainer: lightning.Trainer) -> Tensor:
    """Return the loss of a batch, `()`, which Lightning has divided by the number of batches in an optimizer step."""
    is_divided = trainer.accumulate_grad_batches > 1 and trainer.lightning_module.automatic_optimization
    return loss * trainer.accumulate_grad_batches if is_divided else loss
