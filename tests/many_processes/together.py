"""What each of several processes trains, and what it saw; torchrun starts it with a folder for the results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn

import seqae
from seqae._processes import rank_and_world_size
from seqae.datasets import PairDataset
from seqae.seq2seq import attention_seq2seq
from seqae.training import BestWeights, PeriodicCheckpoint

EPOCHS, BATCH = 3, 8  # of training; items of a batch of all processes together
LENGTHS = np.random.default_rng(0).integers(2, 30, 45)  # five batches of 8, and five items


class Recorder(seqae.SequenceDataset):
    """Sequences that remember which of them were read, batch by batch."""

    def __init__(self, count: int = 45, bad: int | None = None):
        random = np.random.default_rng(1)
        sequences = [torch.from_numpy(random.normal(size=(length, 2)).astype("float32")) for length in LENGTHS[:count]]
        if bad is not None:
            sequences[bad] = sequences[bad] * 1e30
        super().__init__([sequence.cumsum(0) / 4 for sequence in sequences])
        self.seen: list[list[int]] = []

    def batch(self, indices: np.ndarray) -> seqae.Batch:
        self.seen.append([int(index) for index in indices])
        return super().batch(indices)


def task(dropout: float = 0.0, **settings: Any) -> seqae.Reconstruction:
    """An autoencoder of two channels whose code has a penalty."""
    torch.manual_seed(3)
    encoder = seqae.RecurrentEncoder(seqae.GRU(2, 12), 4, embed=nn.Dropout(dropout))
    decoder = seqae.RepeatDecoder(seqae.GRU(4, 12), nn.Linear(12, 2))
    model = seqae.Autoencoder(encoder, decoder, code=seqae.L1Code(0.1))
    return seqae.Reconstruction(model, seqae.squared_error, learning_rate=0.01, **settings)


def trained(source: Any, model: seqae.Reconstruction, **settings: Any) -> dict[str, Any]:
    """Train with the batches of `BATCH` items for all processes together, and return losses and weights."""
    if isinstance(source, seqae.SequenceDataset):
        source = seqae.make_loader(source, BATCH // int(os.environ.get("WORLD_SIZE", 1)), seed=1)
    settings = {"epochs": EPOCHS, "progress": False, "accelerator": "cpu", **settings}
    history = seqae.fit(model, source, settings.pop("valid", None), **settings)
    weights = torch.cat([parameter.detach().flatten() for parameter in model.model.parameters()])
    found = {"train": history.train, "valid": history.valid, "best": history.best_epoch, "weights": weights.tolist()}
    return found | {"r2": history.metrics.get("val_r2", []), "warnings": history.warnings}


def held_out(source: Recorder) -> seqae.DataLoader[seqae.Batch]:
    return seqae.make_loader(source, BATCH // int(os.environ.get("WORLD_SIZE", 1)), shuffle=False)


class Logged(lightning.Callback):
    """Takes down the losses that other callbacks read at the end of each epoch."""

    def __init__(self) -> None:
        self.train: list[float] = []
        self.valid: list[float] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, model: lightning.LightningModule) -> None:
        self.train.append(float(trainer.callback_metrics["train_loss"]))
        if "val_loss" in trainer.callback_metrics:
            self.valid.append(float(trainer.callback_metrics["val_loss"]))


def plain(folder: Path) -> dict[str, Any]:
    """Training without anything random but the order."""
    source, valid, logged = Recorder(), Recorder(13), Logged()
    found = trained(source, task(), valid=held_out(valid), callbacks=logged)
    return found | {"seen": source.seen, "held out": valid.seen, "logged": [logged.train, logged.valid]}


def accumulated(folder: Path) -> dict[str, Any]:
    """The same, but a step of the optimizer follows two batches."""
    logged = Logged()
    return trained(Recorder(), task(), accumulate_grad_batches=2, callbacks=logged) | {"logged": logged.train}


class OwnLosses(seqae.Reconstruction):
    """A module which logs a held-out loss of its own, in each process another one: better only in the second."""

    def validation_step(self, batch: seqae.Batch, batch_idx: int) -> None:
        loss = float(self.current_epoch) * (1 - 1.5 * self.global_rank)
        self.log("val_loss", loss, batch_size=len(batch))


def foreign(folder: Path) -> dict[str, Any]:
    """Training in a Trainer of one's own, without a callback for signals; the processes' clocks differ."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    found = {}
    for name, kind in (("task", seqae.Reconstruction), ("own losses", OwnLosses)):
        checkpoint = PeriodicCheckpoint(folder / f"foreign {name}", interval=1e9 * (1 - rank_and_world_size()[0]))
        best = BestWeights(patience=1)
        trainer = lightning.Trainer(
            max_epochs=EPOCHS, accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto",
            callbacks=[best, checkpoint], logger=False, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=False, gradient_clip_val=1.0,
        )  # fmt: skip
        loader = seqae.make_loader(Recorder(), BATCH // processes, seed=1)
        trainer.fit(kind(task().model, seqae.squared_error, learning_rate=0.01), loader, held_out(Recorder(13)))
        found[name] = {"train": best.train_losses, "valid": best.valid_losses, "best": best.best_epoch}
        found[name]["kept"] = [path.name for path in checkpoint.kept]
    return found


def whole(folder: Path) -> dict[str, Any]:
    """Training with dropout and held-out sequences; the number of processes is given."""
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    return trained(Recorder(), task(0.3), valid=held_out(Recorder(13)), devices=devices, strategy="ddp")


def stopped_in_epoch(folder: Path) -> dict[str, Any]:
    """The same, but SIGTERM comes to the second process in its eighth step; later training goes on."""
    model, steps = task(0.3), []
    step = model.training_step

    def training_step(batch: seqae.Batch, batch_idx: int) -> torch.Tensor:
        steps.append(batch_idx)
        if len(steps) == 8 and rank_and_world_size()[0] == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(batch, batch_idx)

    model.training_step = training_step  # type: ignore[method-assign]
    return resumed(folder / "in epoch", model) | {"steps": len(steps)}


def stopped_in_validation(folder: Path) -> dict[str, Any]:
    """The same, but SIGTERM comes to the second process in the first batch of the second validation."""
    model, batches = task(0.3), []
    held_out_loss = model.held_out_loss

    def validate(batch: seqae.Batch) -> tuple[torch.Tensor, int]:
        batches.append(batch)
        if len(batches) == 3 and rank_and_world_size()[0] == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return held_out_loss(batch)

    model.held_out_loss = validate  # type: ignore[method-assign]
    return resumed(folder / "in validation", model) | {"steps": len(batches)}


def resumed(checkpoints: Path, model: seqae.Reconstruction) -> dict[str, Any]:
    """Train until a signal comes, and then again; with the status and the checkpoints in between."""
    settings = {"checkpoint_dir": checkpoints, "valid": held_out(Recorder(13)), "checkpoint_interval": 1e9}
    try:
        trained(Recorder(), model, **settings)
    except SystemExit as error:
        between = {"status": error.code, "files": sorted(path.name for path in checkpoints.iterdir())}
    return trained(Recorder(), task(0.3), **settings) | between


def listed(folder: Path) -> dict[str, Any]:
    """Training on a list of tensors, with the lines of an epoch."""
    return trained(Recorder().sequences, task(), epochs=1, progress=True)


def tensors(folder: Path) -> dict[str, Any]:
    """Training on a loader of torch, whose sampler asks the random numbers of each process."""
    values = torch.arange(14.0).reshape(14, 1, 1).repeat(1, 3, 2)
    seen: list[float] = []
    model = task()
    step = model.training_step
    model.training_step = lambda batch, batch_idx: (seen.extend(batch.values[:, 0, 0].tolist()), step(batch, 0))[1]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(values), batch_size=3, shuffle=True)
    return trained(loader, model, epochs=1) | {"seen": seen}


def other_tasks(folder: Path) -> dict[str, Any]:
    """The weights of an epoch of tasks that take means over other things than values."""
    source = Recorder()
    model = task().model
    elbo = seqae.ELBO(model, lambda prediction, steps: seqae.squared_error(prediction, steps).sum(dim=1))
    classify = seqae.Classification(task().model.encoder, nn.Linear(4, 3))
    torch.manual_seed(3)
    tokens = [torch.randint(3, 8, (length,)) for length in LENGTHS]
    pairs = PairDataset(seqae.SequenceDataset(tokens), seqae.SequenceDataset(tokens[::-1]))
    translate = seqae.SequenceToSequence(attention_seq2seq(9, 8, 4, 4, dropout=0.0), label_smoothing=0.1)
    trained(source, elbo, epochs=1)
    for own, dataset in ((classify, seqae.LabelledDataset(source, np.arange(45) % 3)), (translate, pairs)):
        loader = seqae.make_loader(dataset, BATCH // int(os.environ.get("WORLD_SIZE", 1)), seed=1)
        seqae.fit(own, loader, epochs=1, progress=False, accelerator="cpu")
    every = {"elbo": elbo, "classify": classify, "translate": translate}
    return {
        name: torch.cat([each.detach().flatten() for each in own.parameters()]).tolist() for name, own in every.items()
    }


def early(folder: Path) -> dict[str, Any]:
    """Training whose held-out loss gets better without end in the second process, and on average never."""
    model, rank = task(), rank_and_world_size()[0]
    model.held_out_loss = lambda batch: (torch.tensor(model.current_epoch * (1 - 1.5 * rank)), len(batch))
    return trained(Recorder(), model, epochs=9, patience=1, valid=Recorder(8).sequences)


def errors(folder: Path) -> dict[str, Any]:
    """Trainings that cannot be."""
    alone = folder / f"alone-{rank_and_world_size()[0]}"
    alone.mkdir()
    newest = max((folder / "in epoch").iterdir(), key=lambda path: path.stat().st_mtime)
    if alone.name == "alone-0":
        shutil.copy(newest, alone)
    return {
        "not finite": error_of(lambda: trained(Recorder(bad=5), task(), epochs=1)),
        "a list of batches": error_of(lambda: trained([Recorder().batch(np.arange(3))], task(), epochs=1)),
        "another folder": error_of(lambda: trained(Recorder(), task(0.3), checkpoint_dir=alone)),
    }


def error_of(fitted: Callable[[], object]) -> str:
    try:
        fitted()
    except (ValueError, FloatingPointError) as error:
        return f"{type(error).__name__}: {error}"
    return "none"


TRAININGS = (
    plain,
    accumulated,
    foreign,
    whole,
    stopped_in_epoch,
    stopped_in_validation,
    listed,
    tensors,
    other_tasks,
    early,
    errors,
)


def main(folder: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    results = {each.__name__: each(folder) for each in TRAININGS if not names or each.__name__ in names}
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
