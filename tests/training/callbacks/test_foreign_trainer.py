"""Our callbacks in a Trainer of one's own, each alone and all together."""

import os
import signal

import lightning
import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae.training import (
    BestWeights,
    ChecksummedCheckpointIO,
    GracefulShutdown,
    Interrupted,
    PeriodicCheckpoint,
    Task,
    TerminateOnNaN,
    valid_checkpoints,
)
from seqae.training.callbacks.checkpoints import checkpoints_in, read_checked


def task(learning_rate: float = 0.01) -> seqae.Reconstruction:
    torch.manual_seed(0)
    encoder = seqae.RecurrentEncoder(seqae.GRU(1, 6), 4, embed=nn.Dropout(0.2))
    model = seqae.Autoencoder(encoder, seqae.ConstantDecoder(nn.Linear(4, 1)))
    return seqae.Reconstruction(model, seqae.squared_error, learning_rate=learning_rate)


def trainer(callbacks: list[lightning.Callback], epochs: int = 3, **settings) -> lightning.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(
        **{"max_epochs": epochs, "accelerator": "cpu", "enable_checkpointing": False, **quiet, **settings},
        callbacks=callbacks,
    )


def loader() -> seqae.DataLoader[seqae.Batch]:
    return seqae.make_loader(waves(), 8, seed=1)


def held_out() -> seqae.DataLoader[seqae.Batch]:
    return seqae.make_loader(waves(), 16, shuffle=False)


class Plain(lightning.LightningModule):
    """A module of somebody else, which logs its losses itself, from a list."""

    def __init__(self, losses: list[float]):
        super().__init__()
        self.weight, self.losses = nn.Parameter(torch.zeros(())), losses

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 1.0)

    def training_step(self, batch, batch_idx):
        self.log("train_loss", self.weight.detach(), on_epoch=True, batch_size=len(batch))
        return self.weight

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.losses[self.current_epoch], batch_size=len(batch))


def test_the_best_weights_of_a_task_are_kept():
    best, one = BestWeights(patience=2), task(learning_rate=0.5)
    trainer([best], epochs=12).fit(one, loader(), held_out())
    (metrics,) = trainer([]).validate(one, held_out(), verbose=False)
    assert metrics["val_loss"] == pytest.approx(min(best.valid_losses), rel=1e-5)
    assert best.best_epoch == 1 + best.valid_losses.index(min(best.valid_losses))
    assert len(best.valid_losses) == min(12, best.best_epoch + 2)
    assert len(best.metrics["val_r2"]) == len(best.valid_losses)


def test_the_best_weights_of_any_module_are_kept():
    module, best = Plain([3.0, 1.0, 2.0, 4.0, 0.0]), BestWeights(patience=2)
    trainer([best], epochs=5).fit(module, loader(), held_out())
    assert best.valid_losses == [3.0, 1.0, 2.0, 4.0] and best.best_epoch == 2
    assert float(module.weight.detach()) == -10.0  # after 2 epochs of 5 steps
    assert len(best.train_losses) == 4


def test_the_best_weights_of_a_second_training_are_its_own():
    one = task()
    for _ in range(2):
        best = BestWeights(patience=1)
        trainer([best], epochs=2).fit(one, loader(), held_out())
        assert len(best.valid_losses) == 2


def test_checkpoints_are_whole_and_checked(tmp_path):
    used = trainer([], epochs=1, plugins=[ChecksummedCheckpointIO()])
    one = task()
    used.fit(one, loader())
    used.save_checkpoint(tmp_path / "one.ckpt")
    assert read_checked(tmp_path / "one.ckpt")
    again = task()
    further = trainer([], epochs=2, plugins=[ChecksummedCheckpointIO()])
    further.fit(again, loader(), ckpt_path=tmp_path / "one.ckpt")
    assert further.global_step == 10
    data = bytearray((tmp_path / "one.ckpt").read_bytes())
    data[100] ^= 1
    (tmp_path / "one.ckpt").write_bytes(data)
    with pytest.raises(ValueError, match="is damaged"):
        trainer([], plugins=[ChecksummedCheckpointIO()]).fit(task(), loader(), ckpt_path=tmp_path / "one.ckpt")


def test_checkpoints_are_written_into_a_new_folder_and_go_on_bit_by_bit(tmp_path):
    def run(folder, epochs, existing=()):
        one = task()
        newest = existing[-1] if existing else None
        callbacks = [BestWeights(), PeriodicCheckpoint(str(folder), existing, interval=0.0)]
        used = trainer(callbacks, epochs, plugins=[ChecksummedCheckpointIO()])
        used.fit(one, loader(), held_out(), ckpt_path=newest)
        return one.state_dict()

    whole = run(tmp_path / "whole", 3)
    assert [path.name for path in checkpoints_in(tmp_path / "whole")] == [
        "step=13.ckpt",
        "step=14.ckpt",
        "step=15.ckpt",
    ]
    folder = tmp_path / "new" / "folder"
    run(folder, 2)
    existing, notes = valid_checkpoints(str(folder))
    assert len(existing) == 3 and notes == []
    resumed = run(folder, 3, existing)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_loss_that_is_not_finite_ends_training():
    class Broken(Task):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(1, 1)

        def training_step(self, batch, batch_idx):
            return self.model.weight.sum() * (torch.nan if batch_idx == 3 else 1.0)

    one = Broken()
    with pytest.raises(FloatingPointError, match=r"loss is not finite at step 3 \(epoch 1\)"):
        trainer([TerminateOnNaN()]).fit(one, loader())
    assert one.model.weight.isfinite().all()


@pytest.mark.parametrize("in_validation", [False, True])
def test_a_signal_ends_training_and_it_goes_on_as_if_nothing_had_been(tmp_path, in_validation):
    class Asked(seqae.Reconstruction):
        ask = False

        def training_step(self, batch, batch_idx):
            self._ask(not in_validation and self.global_step == 7)
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch, batch_idx):
            torch.rand(1)
            self._ask(in_validation and self.global_step == 5 and batch_idx == 1)
            return super().validation_step(batch, batch_idx)

        def _ask(self, is_now):
            if self.ask and is_now:
                os.kill(os.getpid(), signal.SIGTERM)

    def run(folder, ask, existing=()):
        one = Asked(task().model, seqae.squared_error, learning_rate=0.01)
        one.ask = ask
        callbacks = [BestWeights(), PeriodicCheckpoint(folder, existing), GracefulShutdown()]
        used = trainer(callbacks, plugins=[ChecksummedCheckpointIO()], num_sanity_val_steps=0)
        used.fit(one, loader(), held_out(), ckpt_path=existing[-1] if existing else None)
        return one.state_dict()

    whole = run(tmp_path / "whole", ask=False)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted):
        run(tmp_path / "run", ask=True)
    assert signal.getsignal(signal.SIGTERM) == before
    existing, _ = valid_checkpoints(tmp_path / "run")
    assert existing[-1].name == f"step={5 if in_validation else 8}.ckpt"
    resumed = run(tmp_path / "run", ask=False, existing=existing)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("with_checkpoints", [False, True])
def test_a_signal_ends_training_without_our_other_callbacks(tmp_path, with_checkpoints):
    class Asked(seqae.Reconstruction):
        def training_step(self, batch, batch_idx):
            if self.global_step == 7:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().training_step(batch, batch_idx)

    checkpoints = [PeriodicCheckpoint(tmp_path)] if with_checkpoints else []
    used = trainer([*checkpoints, GracefulShutdown()])
    with pytest.raises(Interrupted):
        used.fit(Asked(task().model, seqae.squared_error), loader(), held_out())
    assert used.global_step == 8
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step=5.ckpt", "step=8.ckpt"] * with_checkpoints
