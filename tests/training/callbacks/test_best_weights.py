"""The weights that stay are those of the best epoch, and means of losses count every item once."""

import copy

import pytest
import torch
from torch import nn

import seqae
from generators import waves
from seqae.training import BestWeights, GracefulShutdown, Task


class Scripted(Task):
    """One weight, which moves by the same step in every batch, and held-out losses from a list."""

    def __init__(self, losses: list[float]):
        super().__init__(optimizer=lambda model: torch.optim.SGD(model.parameters(), 1.0))
        torch.manual_seed(0)
        self.model = nn.Linear(1, 1, bias=False)
        self.losses = losses
        self.seen: list[dict[str, torch.Tensor]] = []

    def training_step(self, batch: seqae.Batch, batch_idx: int) -> torch.Tensor:
        return self.model.weight.sum()

    def held_out_loss(self, batch: seqae.Batch) -> tuple[torch.Tensor, int]:
        if len(self.seen) == self.current_epoch:
            self.seen.append(copy.deepcopy(self.model.state_dict()))
        return torch.tensor(self.losses[self.current_epoch]), len(batch)


def trained(task: Task, **settings) -> seqae.History:
    source = waves()
    return seqae.fit(
        task, seqae.make_loader(source, 8), seqae.make_loader(source, 16), progress=False, **{"epochs": 9, **settings}
    )


@pytest.mark.parametrize(
    ("losses", "best"), [([3.0, 1.0, 2.0, 4.0], 2), ([3.0, 1.0, 1.0, 4.0], 3), ([4.0, 3.0, 2.0, 1.0], 4)]
)
def test_the_weights_of_the_best_epoch_stay(losses, best):
    task = Scripted(losses)
    history = trained(task, epochs=4)
    assert history.best_epoch == best and history.valid == losses
    weights = [float(state["weight"]) for state in task.seen]
    assert len(set(weights)) == 4
    assert float(task.model.weight.detach()) == weights[best - 1]


def test_training_ends_when_patience_does():
    assert len(trained(Scripted([1.0, 2.0, 3.0, 0.5]), patience=2).valid) == 3


def test_without_held_out_batches_the_last_weights_stay():
    task = Scripted([])
    before = float(task.model.weight.detach())
    history = seqae.fit(task, seqae.make_loader(waves(), 8), epochs=3, progress=False)
    assert (history.best_epoch, history.valid) == (3, [])
    # In each of 5 batches a gradient of 1, which is also its largest norm.
    assert float(task.model.weight.detach()) == pytest.approx(before - 3 * 5, abs=1e-3)


def test_a_validation_that_was_interrupted_needs_its_batches_again():
    interrupted = BestWeights(3, None, GracefulShutdown())
    state = interrupted.state_dict()
    interrupted.load_state_dict({**state, "validation_pending": True})
    with pytest.raises(ValueError, match="Give the held-out batches again"):
        interrupted.run_pending_validation(trainer=None, task=None)


class Sizes(Task):
    """Its loss is the number of items of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(1, 1)

    def training_step(self, batch: seqae.Batch, batch_idx: int) -> torch.Tensor:
        return 0 * self.model.weight.sum() + len(batch)

    def held_out_loss(self, batch: seqae.Batch) -> tuple[torch.Tensor, int]:
        return torch.tensor(float(len(batch))), len(batch)


def test_batches_count_by_their_items():
    history = trained(Sizes(), epochs=1)  # 40 items: 5 batches of 8; of the held-out ones 2 of 16 and one of 8
    assert history.train == [8.0]
    assert history.valid == [pytest.approx((2 * 16 * 16 + 8 * 8) / 40)]


class Half(Sizes):
    """In every other held-out batch nothing is known."""

    def validation_step(self, batch: seqae.Batch, batch_idx: int) -> tuple[torch.Tensor, int]:
        return (torch.tensor(2.0), len(batch)) if batch_idx % 2 else (torch.tensor(torch.nan), 0)


def test_a_held_out_batch_in_which_nothing_is_known_counts_nothing():
    assert trained(Half(), epochs=1).valid == [2.0]
