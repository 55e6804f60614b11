"""Agreement of masks, counted in another way."""

import pytest
import torch

from seqae.evaluation.masks import best_threshold, confusion


def test_agreement_of_a_mask_worked_out_by_hand():
    found = confusion([torch.tensor([[1, 1, 0, 1, 1]])], [torch.tensor([[1, 0, 1, 1, -1]])])
    assert (found.true_positive, found.predicted, found.actual) == (2, 3, 3)
    assert found.iou == pytest.approx(2 / 4)
    assert found.f1 == pytest.approx(2 / 3)


def test_agreement_counts_over_all_images_and_one_class():
    truth = [torch.tensor([[2, 2, 0]]), torch.tensor([[2], [1]])]
    found = confusion([torch.tensor([[2, 1, 0]]), torch.tensor([[2], [2]])], truth, class_index=2)
    assert (found.true_positive, found.predicted, found.actual) == (2, 3, 3)


def test_nothing_found_where_nothing_is_agrees():
    nothing = [torch.zeros(2, 2, dtype=torch.long)]
    assert confusion(nothing, nothing).iou == confusion(nothing, nothing).f1 == 1.0


def test_best_threshold_is_as_good_as_the_best_of_all():
    torch.manual_seed(0)
    truth = [torch.randint(-1, 2, (6, 7)) for _ in range(3)]
    chances = [(0.3 * mask.clamp(min=0) + 0.7 * torch.rand(mask.shape)).clamp(0, 0.999) for mask in truth]

    def f1(threshold):
        return confusion([(chance >= threshold).long() for chance in chances], truth).f1

    assert f1(best_threshold(chances, truth)) == max(f1(number / 1000) for number in range(1000))
