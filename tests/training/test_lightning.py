"""Tasks in a Trainer of one's own: with Lightning's callbacks, loggers, tuner and data modules."""

import copy

import lightning
import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, StochasticWeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.tuner import Tuner
from torch import nn

import seqae
from generators import waves
from seqae.datasets import LabelledDataset, MaskedImage, MaskedImageDataset, PairDataset, TreeDataset
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.recursive import BalancedTree, RecursiveAutoencoder
from seqae.training import (
    FixMatch,
    SequenceDataModule,
    Task,
    TreeReconstruction,
    mask_cross_entropy,
)
from seqae.training.tasks.segmentation import Segmentation
from seqae.transforms.corruptions import GaussianNoise

LENGTHS = (7, 3, 12, 5, 4, 9, 6, 8)


def autoencoder() -> seqae.Autoencoder:
    torch.manual_seed(0)
    return seqae.Autoencoder(seqae.MeanEncoder(1, 3), seqae.ConstantDecoder(nn.Linear(3, 1)))


def task(**settings) -> seqae.Reconstruction:
    return seqae.Reconstruction(autoencoder(), seqae.squared_error, **settings)


def loader(batch_size: int = 8, shuffle: bool = True) -> seqae.DataLoader[seqae.Batch]:
    return seqae.make_loader(waves(), batch_size, shuffle=shuffle)


def trainer(epochs: int = 2, **settings) -> lightning.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return lightning.Trainer(
        **{"max_epochs": epochs, "accelerator": "cpu", "enable_model_summary": False, **quiet, **settings}
    )


def r2(model: seqae.Autoencoder, sequences: list[torch.Tensor]) -> float:
    truth = np.concatenate([np.asarray(each) for each in sequences])
    found = np.concatenate(seqae.reconstruct(model, sequences))
    known = ~np.isnan(truth)
    deviation = np.where(known, truth - np.nanmean(truth, axis=0), 0)
    return 1 - np.sum(np.where(known, truth - found, 0) ** 2) / np.sum(deviation**2)


# What is logged


def test_every_item_counts_once_in_uneven_batches():
    used, held_out = trainer(epochs=1), loader(16, shuffle=False)  # batches of 16, 16 and 8, of other lengths
    one = task()
    used.fit(one, loader(), held_out)
    logged = {name: float(value) for name, value in used.callback_metrics.items()}
    truth, found = torch.cat(waves().sequences), np.concatenate(seqae.reconstruct(one.model, waves().sequences))
    assert logged["val_loss"] == pytest.approx(float(((truth.numpy() - found) ** 2).mean()), rel=1e-5)
    assert logged["val_r2"] == pytest.approx(r2(one.model, waves().sequences), abs=1e-5)
    assert logged["steps_per_second"] > 0


def test_the_train_loss_is_the_mean_over_the_sequences():
    losses = []

    class Recorded(seqae.Reconstruction):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            losses.append((loss.item(), len(batch)))
            return loss

    for batches in (1, 4):
        losses.clear()
        used = trainer(epochs=1, accumulate_grad_batches=batches)
        used.fit(Recorded(autoencoder(), seqae.squared_error), loader(12))
        expected = sum(loss * count for loss, count in losses) / 40
        assert sorted(count for _, count in losses) == [4, 12, 12, 12]
        assert float(used.callback_metrics["train_loss"]) == pytest.approx(expected, rel=1e-5)


def test_steps_per_second_counts_no_padding(monkeypatch):
    now = iter(float(second) for second in range(100))
    monkeypatch.setattr("seqae.training.tasks.metrics.time.monotonic", lambda: next(now))
    used = trainer(epochs=1)
    used.fit(task(), loader(), loader())
    assert float(used.callback_metrics["steps_per_second"]) == sum(waves().lengths)  # in one second of this clock


def test_missing_values_do_not_count():
    sequences = [each.clone() for each in waves().sequences]
    for index, each in enumerate(sequences):
        each[index % len(each)] = torch.nan
    missing = [torch.nan_to_num(each, nan=0.3) for each in sequences]  # what the encoder reads

    class Filled(seqae.Encoder):
        def __init__(self, encoder):
            super().__init__()
            self.encoder, self.code_size = encoder, encoder.code_size

        def forward(self, batch):
            return self.encoder(batch.map(lambda steps: torch.nan_to_num(steps, nan=0.3)))

    model = autoencoder()
    model.encoder = Filled(model.encoder)
    (metrics,) = trainer().validate(
        seqae.Reconstruction(model, seqae.squared_error),
        seqae.make_loader(seqae.SequenceDataset(sequences), 16, shuffle=False),
        verbose=False,
    )
    known = [~each.isnan() for each in sequences]
    truth = torch.cat([each[mask] for each, mask in zip(sequences, known)]).numpy()
    found = np.concatenate([each[mask] for each, mask in zip(seqae.reconstruct(model, missing), known)])
    error, deviation = np.sum((truth - found) ** 2), np.sum((truth - truth.mean()) ** 2)
    assert metrics["val_loss"] == pytest.approx(error / len(truth), rel=1e-5)
    assert metrics["val_r2"] == pytest.approx(1 - error / deviation, abs=1e-5)


def test_tokens_have_an_accuracy():
    tokens = [torch.arange(length) % 5 for length in LENGTHS]
    model = seqae.Autoencoder(
        seqae.RecurrentEncoder(seqae.GRU(6, 4), 3, embed=nn.Embedding(5, 6)),
        seqae.RepeatDecoder(seqae.GRU(3, 4), nn.Linear(4, 5)),
    )
    batches = seqae.make_loader(seqae.SequenceDataset(tokens), 3, shuffle=False)
    (metrics,) = trainer().validate(seqae.Reconstruction(model, seqae.token_cross_entropy), batches, verbose=False)
    found = np.concatenate([each.argmax(axis=1) for each in seqae.reconstruct(model, tokens)])
    assert metrics["val_accuracy"] == pytest.approx(np.mean(found == torch.cat(tokens).numpy()))
    assert "val_r2" not in metrics


def test_a_task_of_ones_own_logs_its_losses():
    class Mean(Task):
        def __init__(self):
            super().__init__(learning_rate=0.1)
            self.model = nn.Linear(1, 1)

        def training_step(self, batch, batch_idx):
            return (self.model.bias - batch.steps).square().mean()

        def held_out_loss(self, batch):
            return (self.model.bias - batch.steps).square().mean(), len(batch.steps)

    used = trainer(epochs=1)
    used.fit(Mean(), loader(), loader())
    assert {"train_loss", "val_loss"} < set(used.callback_metrics)


# Callbacks and loggers


def test_early_stopping_and_the_best_checkpoint_follow_the_held_out_loss(tmp_path):
    stop = EarlyStopping("val_loss", patience=0, min_delta=10.0)
    keep = ModelCheckpoint(tmp_path, monitor="val_loss", filename="{epoch}-{val_loss:.3f}")
    used = trainer(9, callbacks=[stop, keep], enable_checkpointing=True)
    used.fit(task(), loader(), loader())
    assert used.current_epoch == 2
    assert len(list(tmp_path.iterdir())) == 1 and float(keep.best_model_score) > 0


def test_a_csv_file_has_every_epoch(tmp_path):
    used = trainer(3, logger=CSVLogger(tmp_path, name="", version=""), log_every_n_steps=2)
    used.fit(task(), loader(), loader())
    table = pd.read_csv(tmp_path / "metrics.csv")
    by_epoch = table.groupby("epoch").first()
    assert by_epoch[["train_loss", "val_loss", "val_r2", "steps_per_second"]].notna().all(axis=None)
    assert table["train_loss_step"].count() == 15 // 2 and len(by_epoch) == 3


def test_tensorboard_gets_the_losses(tmp_path):
    pytest.importorskip("tensorboard")
    used = trainer(2, logger=TensorBoardLogger(tmp_path, name="", version=""))
    used.fit(task(), loader(), loader())
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"train_loss", "val_loss", "val_r2"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("val_loss")) == 2


class Recorder(Logger):
    """A logger as those of tracking services: it is given numbers."""

    name, version = "recorder", 0

    def __init__(self) -> None:
        super().__init__()
        self.records: list[tuple[dict[str, float], int | None]] = []

    def log_metrics(self, metrics, step=None):
        self.records.append((metrics, step))

    def log_hyperparams(self, *arguments, **settings):
        pass

    def values(self, name: str) -> list[float]:
        return [metrics[name] for metrics, _ in self.records if name in metrics]


def test_a_logger_is_given_plain_numbers():
    logger = Recorder()
    used = trainer(2, logger=logger)
    used.fit(task(), loader(), loader())
    for name in ("train_loss", "val_loss", "val_r2"):
        assert len(logger.values(name)) == 2 and all(isinstance(value, float) for value in logger.values(name))
    assert logger.values("train_loss")[-1] == pytest.approx(float(used.callback_metrics["train_loss"]))


def test_gradients_of_several_batches_are_accumulated():
    together, apart = task(learning_rate=0.1), task(learning_rate=0.1)
    same = seqae.make_loader(seqae.SequenceDataset(waves().sequences[:1] * 8), 4)
    whole = seqae.make_loader(seqae.SequenceDataset(waves().sequences[:1] * 8), 8)
    trainer(1, accumulate_grad_batches=2).fit(apart, same)
    trainer(1).fit(together, whole)
    for one, other in zip(together.parameters(), apart.parameters()):
        torch.testing.assert_close(one, other)


def test_weights_are_averaged():
    used = trainer(4, callbacks=[StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=1)])
    one = task()
    used.fit(one, loader(), loader())
    assert all(parameter.isfinite().all() for parameter in one.parameters())


@pytest.mark.parametrize("kind", ["reconstruction", "trees"])
def test_the_tuner_finds_a_learning_rate(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuned, batches = (task(learning_rate=1e-7), loader()) if kind == "reconstruction" else HELD_OUT["trees"]()
    before = tuned.learning_rate
    found = Tuner(trainer(50)).lr_find(tuned, batches, num_training=30, min_lr=1e-6, max_lr=1.0)
    assert len(set(found.results["lr"])) == 30  # the losses are those of 30 rates
    assert tuned.learning_rate == found.suggestion() != before
    used = trainer(1)
    used.fit(tuned, batches)
    assert used.optimizers[0].param_groups[0]["lr"] == found.suggestion()


def test_a_data_module_is_taken():
    class Waves(lightning.LightningDataModule):
        def train_dataloader(self):
            return loader()

        def val_dataloader(self):
            return loader(shuffle=False)

        test_dataloader = predict_dataloader = val_dataloader

    used, one = trainer(1), task()
    used.fit(one, datamodule=Waves())
    (tested,) = used.test(one, datamodule=Waves(), verbose=False)
    assert tested["test_loss"] == pytest.approx(float(used.callback_metrics["test_loss"]))
    assert len(used.predict(one, datamodule=Waves())) == 5


def test_torchs_own_loader_is_taken():
    used, one = trainer(1), task()
    batches = torch.utils.data.DataLoader(waves().sequences, batch_size=8, collate_fn=seqae.Batch.of)
    used.fit(one, batches, batches)
    assert "val_r2" in used.callback_metrics


# Validation, test and prediction of every task


def tokens(count: int) -> seqae.SequenceDataset:
    return seqae.SequenceDataset([3 + torch.arange(length) % (count - 3) for length in LENGTHS])


def trees() -> tuple[Task, seqae.DataLoader]:
    torch.manual_seed(0)
    encoder = seqae.RecursiveEncoder(Composition(4), BalancedTree(), nn.Embedding(9, 4))
    model = RecursiveAutoencoder(encoder, Decomposition(4), head=nn.Linear(4, 2))
    data = TreeDataset(tokens(9).sequences, [n % 2 for n in range(8)])
    return TreeReconstruction(model), seqae.make_loader(data, 3, shuffle=False)


def classification() -> tuple[Task, seqae.DataLoader]:
    data = LabelledDataset(seqae.SequenceDataset(waves().sequences[:8]), np.arange(8) % 3)
    return seqae.Classification(seqae.MeanEncoder(1, 4), nn.Linear(4, 3)), seqae.make_loader(data, 3, shuffle=False)


def pairs() -> tuple[Task, seqae.DataLoader]:
    model = seqae.attention_seq2seq(9, 9, 8, 8)
    return seqae.SequenceToSequence(model), seqae.make_loader(PairDataset(tokens(9), tokens(9)), 3, shuffle=False)


def segmentation() -> tuple[Task, seqae.DataLoader]:
    images = [
        MaskedImage(f"{n}", torch.zeros(1, 4 + n, 5, dtype=torch.uint8), torch.zeros(4 + n, 5, dtype=torch.int64))
        for n in range(4)
    ]

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 1)

        def forward(self, images, sizes=None):
            return self.conv(images)

    return Segmentation(Wide(), mask_cross_entropy), seqae.make_loader(MaskedImageDataset(images), 3, shuffle=False)


def variational() -> seqae.Autoencoder:
    return seqae.Autoencoder(
        seqae.MeanEncoder(1, 6), seqae.ConstantDecoder(nn.Linear(3, 2)), seqae.GaussianCode()
    )  # means and log-variances


def iwae() -> Task:
    adam = lambda model: torch.optim.Adam(model.parameters(), 0.01)  # noqa: E731
    return seqae.IWAE(variational(), seqae.gaussian_nll, 3, adam, seqae.cosine_with_warmup)


def forecasting() -> Task:
    model = seqae.CompositeAutoencoder(
        seqae.MeanEncoder(1, 3), seqae.ConstantDecoder(nn.Linear(3, 1)), seqae.ConstantDecoder(nn.Linear(3, 1))
    )
    return seqae.ReconstructAndForecast(model, seqae.squared_error, context_length=4)


HELD_OUT = {
    "reconstruction": lambda: (task(), loader(12, shuffle=False)),
    "elbo": lambda: (seqae.ELBO(variational(), seqae.gaussian_nll), loader(12, shuffle=False)),
    "iwae": lambda: (iwae(), loader(12, shuffle=False)),
    "forecasting": lambda: (forecasting(), loader(12, shuffle=False)),
    "classification": classification,
    "pairs": pairs,
    "segmentation": segmentation,
    "trees": trees,
}
SCORES = {
    "reconstruction": "test_r2",
    "forecasting": "test_r2",
    "classification": "test_accuracy",
    "pairs": "test_accuracy",
}


@pytest.mark.parametrize("name", HELD_OUT)
def test_a_task_is_trained_validated_tested_and_predicts(name):
    one, batches = HELD_OUT[name]()
    used = trainer(1)
    used.fit(one, batches, batches)
    (validated,) = used.validate(one, batches, verbose=False)
    (tested,) = used.test(one, batches, verbose=False)
    if name not in ("elbo", "iwae"):  # which draw codes
        assert validated["val_loss"] == pytest.approx(tested["test_loss"])
    assert set(tested) == {"test_loss"} | ({SCORES[name]} if name in SCORES else set())
    counts = [len(found) for found in used.predict(one, batches)]
    assert counts == [len(batch) for batch in batches]


def test_predictions_are_reconstructions_without_padding():
    one, batches = HELD_OUT["reconstruction"]()
    found = [each for batch in trainer().predict(one, batches) for each in batch]
    for ours, expected in zip(found, seqae.reconstruct(one.model, waves().sequences), strict=True):
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_predictions_are_classes_texts_masks_and_forecasts():
    one, batches = classification()
    found = torch.cat(trainer().predict(one, batches))
    codes = torch.from_numpy(seqae.encode(one.encoder, waves().sequences[:8]))
    assert found.tolist() == one.head(codes).argmax(dim=1).tolist()
    unlabelled = seqae.make_loader(seqae.SequenceDataset(waves().sequences[:8]), 4, shuffle=False)
    assert torch.cat(trainer().predict(one, unlabelled)).tolist() == found.tolist()

    one, batches = pairs()
    written = [text for batch in trainer().predict(one, batches) for text in batch]
    expected = seqae.generate(one.model, tokens(9).sequences, 20, seqae.GreedySearch())
    assert all(torch.equal(text[:20], other[:20]) for text, other in zip(written, expected, strict=True))

    one, batches = segmentation()
    assert [tuple(mask.shape) for batch in trainer().predict(one, batches) for mask in batch] == [
        (4, 5),
        (5, 5),
        (6, 5),
        (7, 5),
    ]

    one, batches = HELD_OUT["forecasting"]()
    horizons = [len(each) for batch in trainer().predict(one, batches) for each in batch]
    assert horizons == [length - 4 for length in waves().lengths]


def test_tasks_without_held_out_loss_or_prediction_say_so():
    encoder = seqae.MeanEncoder(1, 4)
    data = LabelledDataset(seqae.SequenceDataset(waves().sequences[:8]), np.arange(8) % 3)
    one = FixMatch(encoder, nn.Linear(4, 3), data, GaussianNoise(0.1))
    with pytest.raises(NotImplementedError, match="FixMatch has no held-out loss"):
        trainer().test(one, loader())
    with pytest.raises(NotImplementedError, match="FixMatch predicts nothing"):
        trainer().predict(one, loader())


def test_a_task_can_be_copied():
    one = task()
    trainer(1).fit(one, loader(), loader())
    copied = copy.deepcopy(one)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), copied.parameters()))


def test_our_data_module_trains_tests_and_predicts():
    data = SequenceDataModule(waves().sequences, batch_size=8, valid=0.2, test=0.1)
    used, one = trainer(2, callbacks=[EarlyStopping("val_loss")]), task()
    used.fit(one, datamodule=data)
    (tested,) = used.test(one, datamodule=data, verbose=False)
    assert tested["test_r2"] == pytest.approx(
        r2(one.model, [waves().sequences[n] for n in data.test_indices]), abs=1e-5
    )
    assert sum(len(batch) for batch in used.predict(one, datamodule=data)) == 40
