"""Tells whether a model has learnt nothing, when training is done."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import islice
from typing import Any

import lightning
from lightning.pytorch.utilities.seed import isolate_rng

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.evaluation.posterior_collapse import collapse_warnings

MAX_BATCHES, MAX_SEQUENCES = 8, 256  # that are looked at: with large batches eight would take as long as an epoch


class TrainingWarning(UserWarning):
    """A model has learnt nothing, or does not use its code; `seqae.fit` warns so."""


class CollapseCheck(lightning.Callback):
    """Keeps a few batches, and looks at what the trained model makes of them; models without a code are not checked.

    Args:
        batches: What to read them from if training had nothing left to do.
        is_held_out: Whether they are held out; else those of training are kept.
    """

    def __init__(self, batches: Iterable[Any], is_held_out: bool):
        self.batches = batches
        self.is_held_out = is_held_out
        self.kept: list[Batch] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not self.is_held_out and batch_idx == len(self.kept):  # of one epoch, in which no sequence comes twice
            self._keep(batch)

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if batch_idx == len(self.kept):
            self._keep(batch)

    def sentences(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> list[str]:
        """Return what is wrong with the trained model, each in a sentence; the caller's random numbers stay as are."""
        model, loss = getattr(task, "model", None), getattr(task, "loss", None)
        has_code = callable(getattr(model, "encode", None)) and callable(getattr(model, "decode", None))
        if model is None or not has_code or not callable(loss):
            return []
        device = next((parameter.device for parameter in task.parameters()), task.device)
        with isolate_rng(), trainer.precision_plugin.val_step_context():
            for batch in () if self.kept else islice(self.batches, MAX_BATCHES):
                if not self._keep(trainer.precision_plugin.convert_input(batch)):
                    break
            task.to(trainer.strategy.root_device)  # Lightning has moved it away when training ended
            try:
                return collapse_warnings(
                    model, self.kept, loss, teacher_forcing=getattr(task, "teacher_forcing", False)
                )
            except (AttributeError, TypeError, ValueError, RuntimeError):
                if isinstance(model, Autoencoder):
                    raise
                return []  # its encode or decode means something else
            finally:
                task.to(device)

    def _keep(self, batch: Any) -> bool:
        """Keep a batch if there is room, and return whether there still was."""
        has_room = len(self.kept) < MAX_BATCHES and sum(map(len, self.kept)) < MAX_SEQUENCES
        if has_room and isinstance(batch, Batch):
            self.kept.append(batch.to("cpu"))
        return has_room


class LearningCheck(lightning.Callback):
    """Looks at a model that a Trainer of one's own has trained, as `seqae.fit` does, and warns; each task has one."""

    def __init__(self) -> None:
        self._check: CollapseCheck | None = None

    def on_fit_start(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        # Models that are spread over processes cannot be looked at in one.
        is_other = any(isinstance(each, CollapseCheck) for each in getattr(trainer, "callbacks", []))
        self._check = None if is_other or trainer.world_size > 1 else CollapseCheck((), is_held_out=False)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._check is not None:
            self._check.on_train_batch_end(trainer, task, outputs, batch, batch_idx)

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        task: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if self._check is None:
            return
        if not self._check.is_held_out:
            self._check = CollapseCheck((), is_held_out=True)
        self._check.on_validation_batch_end(trainer, task, outputs, batch, batch_idx, dataloader_idx)

    def on_train_end(self, trainer: lightning.Trainer, task: lightning.LightningModule) -> None:
        for sentence in [] if self._check is None else self._check.sentences(trainer, task):
            warnings.warn(sentence, TrainingWarning, stacklevel=2)

    def on_exception(
        self, trainer: lightning.Trainer, task: lightning.LightningModule, exception: BaseException
    ) -> None:
        if "stack expects" in str(exception) or "default_collate" in str(exception):
            exception.add_note("Give the data loader collate_fn=seqae.Batch.of, which takes sequences of any lengths")
