import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae.datasets.loader import DataLoader, make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.training.callbacks.checkpoints import checkpoints_in
from seqae.training.tasks.task import Task
from seqae.training.trainer import fit
from seqae.transforms.corruptions import GaussianNoise


def loader(source: SequenceDataset, shuffle: bool = True) -> DataLoader:
    return make_loader(source, 8, seed=1, shuffle=shuffle)


def task(**settings) -> seqae.Reconstruction:
    torch.manual_seed(3)
    model = seqae.Autoencoder(
        seqae.RecurrentEncoder(seqae.GRU(1, 12), 4), seqae.RepeatDecoder(seqae.GRU(4, 12), nn.Linear(12, 1))
    )
    return seqae.Reconstruction(model, seqae.squared_error, **{"learning_rate": 0.01, **settings})


def test_training_lowers_the_held_out_loss_and_keeps_the_best_weights():
    source, waves_task = waves(), task()
    history = fit(waves_task, loader(source), loader(source, shuffle=False), epochs=30, progress=False)
    assert len(history.train) == len(history.valid) == 30
    assert min(history.valid) < 0.5 * history.valid[0]
    assert history.valid[history.best_epoch - 1] == min(history.valid)
    batch = source.batch(range(40))
    kept = seqae.squared_error(waves_task.model.reconstruct(batch).steps, batch.steps).mean().item()
    assert kept == pytest.approx(min(history.valid), rel=1e-4)


@pytest.mark.parametrize(
    ("losses", "epochs", "best"),
    [
        ([3.0, 2.0, 2.5, 2.1, 2.2, 1.0], 5, 2),  # never better after the second epoch
        ([3.0, 2.0, 2.5, 2.0, 2.2, 2.3, 2.4], 7, 4),  # equal is not worse
    ],
)
def test_training_stops_when_the_held_out_loss_gets_no_better(monkeypatch, losses, epochs, best):
    scripted = task()
    monkeypatch.setattr(
        scripted, "validation_step", lambda batch, batch_idx: (torch.tensor(losses[scripted.current_epoch]), 1)
    )
    history = fit(scripted, loader(waves()), loader(waves(), shuffle=False), epochs=9, patience=3, progress=False)
    assert history.valid == pytest.approx(losses[:epochs])
    assert history.best_epoch == best


def test_every_epoch_has_an_order_of_its_own():
    source, seen = waves(), []
    batch = source.batch
    source.batch = lambda indices: (seen.append(sorted(indices)), batch(indices))[1]
    fit(task(), loader(source), epochs=3, progress=False)
    epochs = [seen[:5], seen[5:10], seen[10:]]
    assert len(seen) == 15
    assert all(sorted(number for batch in epoch for number in batch) == list(range(40)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def test_same_seed_gives_the_same_weights_and_another_one_others():
    def trained(seed):
        noisy = task(corrupt=GaussianNoise(0.3), seed=seed)
        fit(noisy, loader(waves()), epochs=2, progress=False)
        return torch.cat([parameter.detach().flatten() for parameter in noisy.model.parameters()])

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))


def test_loss_that_is_not_finite_stops_training_and_names_the_step():
    bad = waves()
    bad.sequences[5] = bad.sequences[5] * 1e30
    with pytest.raises(FloatingPointError, match=r"not finite at step \d+ \(epoch 1\)"):
        fit(task(), loader(bad), epochs=2, progress=False)


def test_scheduled_sampling_follows_its_schedule():
    torch.manual_seed(0)
    decoder = seqae.AutoregressiveDecoder(4, seqae.LSTM(1, 12), nn.Linear(12, 1))
    sampled = seqae.Reconstruction(
        seqae.Autoencoder(seqae.RecurrentEncoder(seqae.GRU(1, 12), 4), decoder),
        seqae.squared_error,
        sampling_probability=lambda epoch: 0.25 * epoch,
    )
    fit(sampled, loader(waves()), epochs=3, progress=False)
    assert decoder.sampling_probability == 0.5


class Steep(Task):
    """One weight, whose gradient is 100 in every batch."""

    def __init__(self) -> None:
        super().__init__(optimizer=lambda model: torch.optim.SGD(model.parameters(), 1.0))
        self.model = nn.Linear(1, 1, bias=False)

    def training_step(self, batch: seqae.Batch, batch_idx: int) -> torch.Tensor:
        return 100 * self.model.weight.sum()


@pytest.mark.parametrize(
    ("given", "norm"), [({}, 1), ({"gradient_clip_val": 0.5}, 0.5), ({"gradient_clip_val": None}, 100)]
)
def test_gradients_are_no_longer_than_is_asked_for(given, norm):
    steep = Steep()
    before = steep.model.weight.item()
    fit(steep, loader(waves()), epochs=1, progress=False, **given)
    assert steep.model.weight.item() == pytest.approx(before - 5 * norm, rel=1e-3)  # in each of five batches


def test_the_newest_three_checkpoints_are_kept(tmp_path):
    fit(Steep(), loader(waves()), epochs=5, progress=False, checkpoint_dir=tmp_path)
    assert [path.name for path in checkpoints_in(tmp_path)] == ["step=15.ckpt", "step=20.ckpt", "step=25.ckpt"]
