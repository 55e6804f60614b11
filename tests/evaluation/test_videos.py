import numpy as np
import pytest
import torch

from seqae.evaluation import calibrated_cross_entropy, image_cross_entropy, video_prediction_errors


def test_the_margin_is_chosen_on_held_out_images_and_used_for_those_of_the_test():
    # One of 100 held-out pixels is predicted black and is white: a margin of 0.01 costs least.
    truth = np.zeros((1, 10, 10))
    truth[0, 0, 0] = 1
    margins = (1e-4, 0.01, 0.3)
    costs = [-np.log(margin) - 99 * np.log(1 - margin) for margin in margins]
    assert np.argmin(costs) == 1
    black = np.zeros((3, 10, 10))
    test = calibrated_cross_entropy(np.zeros_like(truth), truth, black, black, margins)
    assert test == pytest.approx(-100 * np.log(1 - 0.01))


def test_probabilities_within_the_margin_cost_their_negative_log_likelihood():
    random = np.random.default_rng(0)
    said, truth = random.uniform(0.1, 0.9, (4, 1, 3, 3)), random.integers(0, 2, (4, 1, 3, 3)).astype(float)
    expected = -np.log(np.where(truth == 1, said, 1 - said)).reshape(4, -1).sum(axis=1).mean()
    assert calibrated_cross_entropy(said, truth, said, truth) == pytest.approx(expected)


def test_errors_of_past_and_future_are_those_of_the_frames_in_a_row():
    generator = torch.Generator().manual_seed(0)
    valid, test = (torch.rand(count, 5, 1, 4, 6, generator=generator) for count in (60, 110))

    def last_frame(read: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert read.shape[1] == 3
        return read * 0.5, read[:, -1:].expand(-1, 2, -1, -1, -1)

    errors = video_prediction_errors(last_frame, valid, test, 3)
    assert errors["squared error of the past"] == pytest.approx(float((test[:, :3] / 2).square().sum() / 330))
    change = (test[:, 3:] - test[:, 2:3]).square().sum(dim=(2, 3, 4)).mean()
    assert errors["squared error of the future"] == pytest.approx(float(change), rel=1e-5)
    said, truth = (part.flatten(0, 1).numpy() for part in (test[:, :3] / 2, test[:, :3]))
    assert errors["nats of the past"] == pytest.approx(
        float(image_cross_entropy(said, truth, 1e-4).mean()) * 24, rel=0.05
    )
