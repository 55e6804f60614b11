"""R2 and accuracy add up over batches and processes to what they are of everything together."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score
from torch import Tensor

import seqae
from seqae.evaluation.reconstruction_scores import AccuracyScore, R2Score, predicted_values, score_of


def alone(values: Tensor) -> Tensor:
    return values


def readings(step: tuple[int, ...] = (3,)) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    steps = 100 + torch.randn(50, *step, generator=random) * (
        1 + torch.arange(step[0]).reshape(-1, *[1] * len(step[1:]))
    )
    return steps + torch.randn(50, *step, generator=random), steps


def test_the_score_is_that_of_scikit_learn_weighted_by_variance():
    values, steps = readings()
    expected = r2_score(steps, values, multioutput="variance_weighted")
    assert R2Score(values, steps).compute(alone) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("step", [(3,), (2, 4, 5)], ids=["readings", "frames"])
def test_batches_add_up_to_the_whole(step):
    values, steps = readings(step)
    first = R2Score(values[:7], steps[:7])
    for part in (slice(7, 8), slice(8, 50)):
        first.add(R2Score(values[part], steps[part]))
    assert first.compute(alone) == pytest.approx(R2Score(values, steps).compute(alone), abs=1e-6)


def test_processes_add_up_to_the_whole():
    values, steps = readings()
    parts = [R2Score(values[part], steps[part]) for part in (slice(0, 20), slice(20, 50))]
    assert in_processes(parts) == pytest.approx([R2Score(values, steps).compute(alone)] * 2, abs=1e-6)
    counts = [AccuracyScore(torch.eye(3), torch.tensor([0, 1, label])) for label in (2, 0)]
    assert in_processes(counts) == [5 / 6] * 2


def in_processes(parts: list[R2Score] | list[AccuracyScore]) -> list[float]:
    """Return what each computes where sums go over all of them; threads stand for processes."""
    barrier, shared = threading.Barrier(len(parts)), {}

    def compute(index: int) -> float:
        def total(values: Tensor) -> Tensor:
            shared[index] = values
            barrier.wait()
            summed = sum(shared.values())
            barrier.wait()
            return summed

        return parts[index].compute(total)

    with ThreadPoolExecutor(len(parts)) as pool:
        return list(pool.map(compute, range(len(parts))))


def test_missing_values_do_not_count():
    values, steps = readings()
    holes = steps.clone()
    holes[::3, 1] = torch.nan
    known = ~holes.isnan()
    deviation = sum(
        np.sum((channel[mask] - channel[mask].mean()) ** 2) for channel, mask in zip(steps.T.numpy(), known.T)
    )
    error = float((values - steps).square()[known].sum())
    assert R2Score(values, holes).compute(alone) == pytest.approx(1 - error / deviation, abs=1e-5)


def test_values_that_are_all_alike_have_a_score():
    same = torch.ones(5, 2)
    assert R2Score(same, same).compute(alone) == 1.0
    assert R2Score(same + 1, same).compute(alone) == 0.0


def test_accuracy_counts_tokens():
    logits = torch.eye(4)[[0, 1, 2, 3]]
    score = AccuracyScore(logits, torch.tensor([0, 1, 2, 0]))
    score.add(AccuracyScore(logits[:1], torch.tensor([0])))
    assert score.compute(alone) == 4 / 5


def test_predictions_are_read_as_the_loss_reads_them():
    steps = torch.rand(20, 3)
    logits = torch.randn(20, 3)
    assert torch.equal(predicted_values(seqae.binary_cross_entropy, logits, steps), logits.sigmoid())
    both = torch.randn(20, 6)
    assert torch.equal(predicted_values(seqae.gaussian_nll, both, steps), both[:, :3])
    for loss in (seqae.squared_error, seqae.HuberLoss(0.5), lambda found, truth: 3 * (found - truth).abs()):
        assert predicted_values(loss, logits, steps) is logits

    def own_likelihood(logits: Tensor, steps: Tensor) -> Tensor:
        return seqae.binary_cross_entropy(logits, steps)

    assert score_of(own_likelihood, logits, steps) is None  # and not a number that means nothing
    assert score_of(seqae.squared_error, torch.randn(20, 1), steps) is None
