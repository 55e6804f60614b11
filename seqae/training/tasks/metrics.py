"""What a task logs of an epoch: sums over its batches, so that every item counts once in batches of any sizes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import Tensor

from seqae._processes import Processes
from seqae.evaluation.reconstruction_scores import AccuracyScore, R2Score

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
    """Loss and score of all held-out batches of all processes.

    Args:
        processes: Those that train together.
    """

    def __init__(self, processes: Processes | None = None):
        self.processes = processes or Processes()
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

    def compute(self) -> dict[str, float]:
        """Return the mean loss and the score by their names; empty if there was nothing to compare with."""
        sums = torch.tensor([self.loss, self.count, self.score is None], dtype=torch.float64)
        loss, count, without_score = self.processes.total(sums).tolist()
        if not count:
            return {}
        found = {"loss": loss / count}
        return found if without_score else {**found, self.score.name: self.score.compute(self.processes.total)}


class LossSum:
    """The sum of the losses of batches, in which every item counts once; adding never waits for the device.

    The loss of a batch that processes share is the mean of their losses, see `Task.shares`; it counts with the items of
    all of them.

    Args:
        processes: Those that train together. All of them have to add the same number of losses.
    """

    def __init__(self, processes: Processes | None = None):
        self.processes = processes or Processes()
        self.loss, self.items = 0.0, 0.0
        self._latest: list[tuple[Tensor, int]] = []  # not summed up yet: many at once are quicker

    def add(self, loss: Tensor, items: int) -> None:
        """Add the mean loss `()` of a batch."""
        self._latest.append((loss, items))
        if len(self._latest) >= _MANY:
            self.sum_up()

    def sum_up(self) -> None:
        """Sum up the latest batches; waits for the device, and for the other processes."""
        if not self._latest:
            return
        losses, items = zip(*self._latest)
        counts = self.processes.total(torch.tensor(items, dtype=torch.float64)).tolist()
        for loss, count in zip(torch.stack(losses).tolist(), counts):  # one by one: the same bits after a resume
            self.loss += loss * count
            self.items += count
        self._latest = []

    def mean(self) -> float | None:
        """Return the mean loss of all processes; None if there was no batch."""
        self.sum_up()
        loss, items = self.processes.total(torch.tensor([self.loss, self.items], dtype=torch.float64)).tolist()
        return loss / items if items else None


class TrainingSums:
    """Loss and steps of an epoch's batches so far, and the time that they took; adding never waits for the device.

    Args:
        processes: Those that train together.
    """

    def __init__(self, processes: Processes | None = None):
        self.losses = LossSum(processes)
        self.steps, self.seconds = 0, 0.0
        self._since: float | None = None
        self._lengths: list[Tensor] = []  # not summed up yet

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
        self.losses.add(loss, len(batch))
        self._lengths.append(batch.lengths)
        if len(self._lengths) >= _MANY:
            self._sum_up()

    def compute(self) -> dict[str, float]:
        """Return the mean loss, and the steps in a second without padding; the clock stops."""
        self.stop_clock()
        loss, steps = self.losses.mean(), float(self.losses.processes.total(torch.tensor(self.steps)))
        if loss is None:
            return {}
        return {"train_loss": loss, "steps_per_second": steps / self.seconds} if self.seconds else {"train_loss": loss}

    def _sum_up(self) -> None:
        """Sum up the latest batches; waits for the device."""
        self.losses.sum_up()
        if self._lengths:
            self.steps += int(torch.cat(self._lengths).sum())
            self._lengths = []


def loss_in(outputs: Any) -> Tensor | None:
    """Return the loss in what a training step returned, `()`, or None if there is none."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    return loss.detach() if isinstance(loss, Tensor) else None


def undivided(loss: Tensor, trainer: lightning.Trainer) -> Tensor:
    """Return the loss of a batch, `()`, which Lightning has divided by the number of batches in an optimizer step."""
    is_divided = trainer.accumulate_grad_batches > 1 and trainer.lightning_module.automatic_optimization
    return loss * trainer.accumulate_grad_batches if is_divided else loss
