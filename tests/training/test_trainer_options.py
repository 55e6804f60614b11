"""What `fit` passes on to Lightning's Trainer, and what it refuses."""

import lightning
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch import nn

import seqae
from generators import waves
from seqae.training import GracefulShutdown


def task(learning_rate: float = 0.01) -> seqae.Reconstruction:
    torch.manual_seed(0)
    model = seqae.Autoencoder(seqae.MeanEncoder(1, 3), seqae.ConstantDecoder(nn.Linear(3, 1)))
    return seqae.Reconstruction(model, seqae.squared_error, learning_rate=learning_rate)


def fit(valid: bool = True, epochs: int = 2, **settings) -> tuple[seqae.History, seqae.Reconstruction]:
    one, loader = task(), seqae.make_loader(waves(), 8)
    held_out = seqae.make_loader(waves(), 16, shuffle=False) if valid else None
    return seqae.fit(one, loader, held_out, epochs=epochs, progress=False, **settings), one


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("acumulate_grad_batches", "Did you mean accumulate_grad_batches?"),
        ("epoch", "Did you mean epochs?"),
        ("xyzzy", "See the arguments of lightning.Trainer"),
        ("max_epochs", "Give epochs instead"),
        ("enable_progress_bar", "Give progress instead"),
        ("enable_checkpointing", "Give checkpoint_dir"),
        ("use_distributed_sampler", "Give a loader whose sampler"),
    ],
)
def test_an_option_that_is_none_or_set_by_fit_is_refused_in_a_line(option, hint):
    with pytest.raises(TypeError, match=option) as refused:
        fit(**{option: 3})
    assert hint in str(refused.value) and "\n" not in str(refused.value)


class Seen(lightning.Callback):
    """Counts steps, and writes down what it is given at the end of each epoch."""

    def __init__(self) -> None:
        self.steps, self.epochs = 0, []

    def on_before_optimizer_step(self, trainer, task, optimizer):
        self.steps += 1

    def on_train_epoch_end(self, trainer, task):
        self.epochs.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def test_callbacks_run_beside_ours_and_other_options_are_passed_on():
    seen = Seen()
    history, one = fit(callbacks=seen, accumulate_grad_batches=5, limit_val_batches=1, accelerator="cpu")
    assert seen.steps == 2
    assert [epoch["train_loss"] for epoch in seen.epochs] == pytest.approx(history.train)
    assert [epoch["val_loss"] for epoch in seen.epochs] == pytest.approx(history.valid)
    batch = next(iter(seqae.make_loader(waves(), 16, shuffle=False)))
    first = float(seqae.squared_error(one.model.reconstruct(batch).steps, batch.steps).mean())
    assert history.valid[history.best_epoch - 1] == pytest.approx(first)


def test_the_number_of_machines_is_the_callers(monkeypatch):
    given = {}
    monkeypatch.setattr(lightning, "Trainer", lambda **settings: given.update(settings) or 1 / 0)
    monkeypatch.setattr("seqae.training.trainer.check_options", lambda options: None)
    with pytest.raises(ZeroDivisionError):
        fit(num_nodes=2, devices=4)
    assert (given["num_nodes"], given["devices"], given["strategy"]) == (2, 4, "auto")


def test_a_logger_gets_every_epoch(tmp_path):
    history, _ = fit(epochs=3, logger=CSVLogger(tmp_path, name="", version=""))
    table = pd.read_csv(tmp_path / "metrics.csv").groupby("epoch").first()
    assert table["train_loss"].tolist() == pytest.approx(history.train)
    assert table["val_loss"].tolist() == pytest.approx(history.valid)
    assert table["val_r2"].tolist() == pytest.approx(history.metrics["val_r2"])


def test_nothing_is_written_without_a_logger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit()
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_and_stopping_of_lightning_work_in_fit(tmp_path):
    keep = ModelCheckpoint(tmp_path, monitor="val_r2", mode="max")
    history, _ = fit(epochs=9, callbacks=[keep, EarlyStopping("val_loss", patience=0, min_delta=1.0)])
    assert len(history.valid) == 2 and len(list(tmp_path.glob("*.ckpt"))) == 1


def test_ending_by_another_callback_stays_an_end():
    class Stop(lightning.Callback):
        def on_validation_end(self, trainer, task):
            trainer.should_stop = True

    assert len(fit(epochs=9, callbacks=[Stop()])[0].train) == 1


def test_a_validation_now_and_then_finds_the_best_epoch():
    history, _ = fit(epochs=4, check_val_every_n_epoch=2)
    assert len(history.train) == 4 and len(history.valid) == 2
    assert history.best_epoch == 2 * (1 + history.valid.index(min(history.valid)))
    known = [value == value for value in history.metrics["val_r2"]]
    assert known == [False, True, False, True]


def test_of_several_validations_in_an_epoch_the_last_one_counts():
    losses = []

    class Record(lightning.Callback):
        def on_validation_end(self, trainer, task):
            losses.append(float(trainer.callback_metrics["val_loss"]))

    history, _ = fit(epochs=1, val_check_interval=2, callbacks=[Record()])
    assert len(losses) == 2 and losses[0] != losses[1]
    assert history.valid == pytest.approx(losses[-1:])


def test_the_history_has_what_else_was_logged():
    history, _ = fit(epochs=3)
    assert set(history.metrics) == {"val_r2", "steps_per_second"}
    assert all(len(values) == 3 for values in history.metrics.values())
    steps = torch.cat(waves().sequences)
    deviation = float((steps - steps.mean()).square().mean())
    assert history.metrics["val_r2"] == pytest.approx([1 - loss / deviation for loss in history.valid], abs=1e-5)
    assert set(fit(valid=False)[0].metrics) == {"steps_per_second"}


def test_metrics_are_resumed(tmp_path):
    whole, _ = fit(epochs=3)
    fit(epochs=2, checkpoint_dir=tmp_path)
    resumed, _ = fit(epochs=3, checkpoint_dir=tmp_path)
    assert resumed.metrics["val_r2"] == whole.metrics["val_r2"] and len(whole.metrics["val_r2"]) == 3


def test_a_signal_handler_is_ours_alone_in_fit():
    history, _ = fit(callbacks=[GracefulShutdown()])
    assert len(history.train) == 2


def test_a_figure_takes_the_history(tmp_path):
    pytest.importorskip("matplotlib")
    history, _ = fit()
    seqae.save_figure(seqae.loss_figure({"train": history.train, "valid": history.valid}), tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000
