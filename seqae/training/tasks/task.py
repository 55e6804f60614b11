"""The base class of all tasks: the optimizer, its learning rate schedule, and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
import torch
import torch.distributed
from lightning.pytorch.plugins import MixedPrecision
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from seqae._processes import Processes
from seqae.batch import Batch
from seqae.datasets.batches import as_batch
from seqae.training.callbacks.collapse import LearningCheck
from seqae.training.tasks.metrics import HeldOutSums, TrainingSums, loss_in, undivided

Optimizer = Callable[[nn.Module], torch.optim.Optimizer]
LearningRate = Callable[[float], float]


class Task(lightning.LightningModule):
    """A training objective; the base class of all tasks.

    A subclass defines `training_step`, which returns the loss to minimise, and may define `held_out_loss` and
    `predict_step`. A hook that it overrides calls that of this class, too. `fit` can compile a task that computes its
    loss in a method `training_loss`, of batches and numbers alone, which `training_step` calls.

    For each epoch it logs `train_loss`, `steps_per_second` (steps of the sequences, without padding), and, with
    held-out batches, `val_loss`, `val_r2` for values or `val_accuracy` for classes; for a test `test_loss` and so on;
    `train_loss_step` at the steps that a logger records. Every item counts once, in batches of any sizes.

    Args:
        learning_rate: Learning rate of Adam.
        optimizer: Returns the optimizer of `self.model`, given that model, see `seqae.training.optimizers`; None is
            Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980) for all parameters of the task.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate; None is 1.

    Examples:
        In a Trainer of one's own, with callbacks of Lightning:

        >>> import lightning, torch, seqae
        >>> from lightning.pytorch.callbacks import EarlyStopping
        >>> model = seqae.Autoencoder(seqae.MeanEncoder(1, 2), seqae.ConstantDecoder(torch.nn.Linear(2, 1)))
        >>> task = seqae.Reconstruction(model, seqae.squared_error)
        >>> loader = seqae.make_loader(seqae.SequenceDataset([torch.randn(5, 1) for _ in range(8)]), batch_size=4)
        >>> trainer = lightning.Trainer(
        ...     max_epochs=2, callbacks=[EarlyStopping("val_loss")], logger=False, enable_progress_bar=False,
        ...     enable_model_summary=False, enable_checkpointing=False,
        ... )
        >>> trainer.fit(task, loader, loader)
        >>> sorted(trainer.callback_metrics)
        ['steps_per_second', 'train_loss', 'val_loss', 'val_r2']
    """

    model: nn.Module
    teacher_forcing = False  # whether the decoder reads the true steps in the loss of held-out sequences, too

    def __init__(
        self, learning_rate: float = 1e-3, optimizer: Optimizer | None = None, lr_scheduler: LearningRate | None = None
    ):
        super().__init__()
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.lr_scheduler = lr_scheduler
        self._training_sums = TrainingSums()
        self._held_out_sums = HeldOutSums()

    @property
    def fraction_done(self) -> float:
        """The fraction of training that is done, from 0 to 1."""
        return self.global_step / self.trainer.estimated_stepping_batches

    def shares(self, *values: Tensor) -> list[Tensor | float]:
        """Return a factor for the mean over each of several tensors, 1 unless several processes train together.

        Their gradients are averaged. A mean with this factor in each process becomes, on average, the mean over the
        values of all processes, of which each may have another number. NaN does not count. All have to call it.
        """
        processes = self._processes
        if processes.count == 1:
            return [1.0] * len(values)
        own = torch.stack([(~each.isnan()).sum() for each in values]).double()
        everywhere = own.clone()
        torch.distributed.all_reduce(everywhere)
        return list((own * processes.count / everywhere.clamp(min=1)).float())

    def batch_number(self, batch_idx: int) -> int:
        """Return the number of a batch among those of all processes in this epoch, for random numbers of its own."""
        processes = self._processes
        return batch_idx * processes.count + processes.rank

    @property
    def _processes(self) -> Processes:
        return Processes() if self._trainer is None else Processes(self._trainer.global_rank, self._trainer.world_size)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with a schedule if there is an `lr_scheduler`."""
        if self.optimizer is None:
            optimizer: torch.optim.Optimizer = torch.optim.Adam(self.parameters(), lr=self.learning_rate, fused=True)
        else:
            optimizer = self.optimizer(self.model)
        if self._trainer is not None and isinstance(self.trainer.precision_plugin, MixedPrecision):
            # A fused optimizer offers to unscale gradients itself, which Lightning can't combine with clipping; without
            # the offer they are unscaled before.
            optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        if self.lr_scheduler is None:
            return optimizer
        factor, steps = self.lr_scheduler, self.trainer.estimated_stepping_batches
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factor(min(step / steps, 1.0)))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_callbacks(self) -> list[lightning.Callback]:
        """Return a check of what was learnt, which warns; Lightning adds it to a Trainer's callbacks."""
        return [LearningCheck()]

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Return a batch; floats `(batch, time, channel)`, as plain data loaders yield them, are sequences.

        Raises:
            ValueError: It is neither.
        """
        if not isinstance(batch, Tensor | list | tuple):
            return batch
        found, dtype = as_batch(batch), next((weight.dtype for weight in self.parameters()), torch.float32)
        return Batch(found.values.to(dtype), found.lengths)

    def validation_step(self, batch: Any, batch_idx: int) -> Any:
        """Return `held_out_loss(batch)`; means over batches are weighted by the count."""
        return self.held_out_loss(batch)

    def test_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the result of `validation_step`."""
        return self.validation_step(batch, batch_idx)

    def predict_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the predictions for a batch, `(batch, ...)`: what they are, each task says."""
        raise NotImplementedError(f"{type(self).__name__} predicts nothing. Call its modules, for example its encoder")

    def held_out_loss(self, batch: Any) -> tuple[Tensor, int]:
        """Return the mean loss of a held-out batch, `()`, and how many items, `(batch, *item)`, it is the mean of.

        A `HeldOutResult` adds a score to the pair.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no held-out loss, for validation and test. Train without held-out batches"
        )

    def held_out_metrics(self) -> dict[str, float]:
        """Return the mean loss and the score of the held-out batches that came last."""
        return self._held_out_sums.compute()

    def on_train_epoch_start(self) -> None:
        self._training_sums = TrainingSums(self._processes)
        self._training_sums.start_clock()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        loss, trainer = loss_in(outputs), self.trainer
        if loss is None:
            return
        loss = undivided(loss, trainer)
        self._training_sums.add(loss, batch)
        if trainer.loggers and trainer.global_step % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            is_parallel = trainer.world_size > 1
            self.log("train_loss_step", loss, on_step=True, on_epoch=False, batch_size=1, sync_dist=is_parallel)
        if trainer.is_last_batch:  # not later: callbacks read it at the end of the epoch
            self._log_training()

    def on_train_epoch_end(self) -> None:
        self._log_training()  # if the epoch was cut short

    def on_validation_start(self) -> None:
        self._training_sums.stop_clock()

    def on_validation_end(self) -> None:
        if self._training_sums.losses.items:  # a validation in the middle of an epoch
            self._training_sums.start_clock()

    def on_validation_epoch_start(self) -> None:
        self._held_out_sums = HeldOutSums(self._processes)

    def on_test_epoch_start(self) -> None:
        self._held_out_sums = HeldOutSums(self._processes)

    def on_validation_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        if isinstance(outputs, tuple):  # else a subclass logs for itself
            self._held_out_sums.add(outputs)

    def on_test_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.on_validation_batch_end(outputs, batch, batch_idx, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        self._log_epoch({f"val_{name}": value for name, value in self.held_out_metrics().items()})

    def on_test_epoch_end(self) -> None:
        self._log_epoch({f"test_{name}": value for name, value in self.held_out_metrics().items()})

    def _log_training(self) -> None:
        metrics, self._training_sums = self._training_sums.compute(), TrainingSums(self._processes)
        self._log_epoch(metrics)

    def _log_epoch(self, metrics: dict[str, float]) -> None:
        is_parallel = self.trainer.world_size > 1  # the values are those of all processes already
        for name, value in metrics.items():
            shown = name.endswith(("_loss", "_r2", "_accuracy"))
            self.log(name, value, on_step=False, on_epoch=True, batch_size=1, prog_bar=shown, sync_dist=is_parallel)
