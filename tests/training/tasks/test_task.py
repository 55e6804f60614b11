"""What all tasks share: optimizer, learning rate schedule, device, held-out loss."""

import inspect

import pytest
import torch
from torch import nn

import seqae
import seqae.training
from generators import waves
from seqae.training import Task

TASKS = [
    kind
    for name in seqae.training.__all__
    if inspect.isclass(kind := getattr(seqae.training, name)) and issubclass(kind, Task)
]


class Mean(Task):
    """Fits one number to all values, by its squared error."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.model = nn.ParameterList([nn.Parameter(torch.zeros(()))])

    def training_step(self, batch: seqae.Batch, batch_idx: int) -> torch.Tensor:
        self.seen = [*getattr(self, "seen", []), self.fraction_done]
        return (self.model[0] - batch.steps).square().mean()


class MeanWithValidation(Mean):
    def held_out_loss(self, batch: seqae.Batch) -> tuple[torch.Tensor, int]:
        return (self.model[0] - batch.steps).square().mean(), len(batch.steps)


def trained(task: Task, epochs: int = 2, valid: bool = False) -> seqae.History:
    source = waves()
    held_out = seqae.make_loader(source, 8, shuffle=False) if valid else None
    return seqae.fit(task, seqae.make_loader(source, 8), held_out, epochs=epochs, progress=False)


def test_every_task_of_the_library_is_one():
    assert len(TASKS) == 11
    for kind in TASKS:
        assert kind is Task or "configure_optimizers" not in vars(kind), kind


def test_adam_with_the_learning_rate_is_the_default():
    task = Mean(learning_rate=0.3)
    trained(task)
    optimizer = task.trainer.optimizers[0]
    assert type(optimizer) is torch.optim.Adam and optimizer.param_groups[0]["lr"] == 0.3


def test_the_optimizer_is_given_the_model_alone():
    given = []

    def optimizer(model: nn.Module) -> torch.optim.Optimizer:
        given.append(model)
        return torch.optim.SGD(model.parameters(), 0.1)

    task = Mean(optimizer=optimizer)
    trained(task)
    assert given == [task.model] and type(task.trainer.optimizers[0]) is torch.optim.SGD


def test_schedule_and_task_know_the_fraction_of_training_that_is_done():
    factors = []

    def half(done: float) -> float:
        factors.append(done)
        return 0.5

    task = Mean(learning_rate=0.3, lr_scheduler=half)
    trained(task)  # 2 epochs of 5 batches
    assert task.seen == pytest.approx([step / 10 for step in range(10)])
    assert factors == pytest.approx([step / 10 for step in range(11)])
    assert task.trainer.optimizers[0].param_groups[0]["lr"] == 0.15


def test_held_out_batches_are_averaged_by_their_counts():
    task = MeanWithValidation(learning_rate=0.1)
    history = trained(task, epochs=1, valid=True)
    steps = torch.cat(waves().sequences)
    assert history.valid == pytest.approx([float((task.model[0].detach() - steps).square().mean())], rel=1e-5)


def test_a_task_without_held_out_loss_says_so():
    with pytest.raises(NotImplementedError, match="Mean has no held-out loss"):
        trained(Mean(), valid=True)
