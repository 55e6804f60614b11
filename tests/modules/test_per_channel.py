import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.modules.per_channel import PerChannelDecoder, PerChannelEncoder, start_from_principal_components

STEPS, CHANNELS, CODE_SIZE = 10, 3, 4


def windows(count: int = 200, seed: int = 0) -> Tensor:
    """Slow waves with some noise; channel 2 stands still. `(window, time, channel)`."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, size=(count, 1)) + np.arange(STEPS) / 3
    made = np.stack([np.sin(phase), 2 + np.cos(1.7 * phase), np.full_like(phase, 0.5)], axis=2)
    made[:, :, :2] += random.normal(scale=0.1, size=(count, STEPS, 2))
    return torch.from_numpy(made.astype(np.float32))


def started(explained_variance: float, hidden_size: int = 5) -> Autoencoder:
    torch.manual_seed(0)
    sizes = (STEPS, CHANNELS, CODE_SIZE, hidden_size)
    model = Autoencoder(PerChannelEncoder(*sizes), PerChannelDecoder(*sizes))
    start_from_principal_components(model.encoder, model.decoder, windows(), explained_variance)
    return model.eval()


@torch.no_grad()
def codes(model: Autoencoder, of: Tensor) -> np.ndarray:
    """`(window, channel, number)`."""
    return model.encode(Batch.full(of)).unflatten(1, (CHANNELS, CODE_SIZE)).numpy()


@torch.no_grad()
def rewritten(model: Autoencoder, of: Tensor) -> np.ndarray:
    return model.reconstruct(Batch.full(of)).values.numpy()


def components(channel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The mean window, the fraction of the variance that the first components explain together, and the components."""
    rows = windows()[:, :, channel].double().numpy()
    _, sizes, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    return rows.mean(axis=0), np.cumsum(sizes**2) / np.sum(sizes**2), axes


@pytest.mark.parametrize("explained_variance", [0.3, 0.9, 1.0])
@pytest.mark.parametrize("channel", [0, 1])
def test_the_first_code_is_the_projection_on_as_many_components_as_explain_the_variance(
    explained_variance: float, channel: int
):
    fresh = windows(seed=1)
    mean, explained, axes = components(channel)
    wanted = int((explained[:-1] < explained_variance).sum()) + 1
    each = np.append(np.diff(explained, prepend=0), 0)
    wanted = min(wanted + int(each[wanted] > 0.5 * each[wanted - 1]), CODE_SIZE)  # a sine brings its cosine
    expected = (fresh[:, :, channel].numpy() - mean) @ axes[:wanted].T
    found = codes(started(explained_variance), fresh)[:, channel]
    np.testing.assert_allclose(np.abs(found[:, :wanted]), np.abs(expected), atol=1e-4)
    assert not found[:, wanted:].any()


@pytest.mark.parametrize("channel", [0, 1])
def test_the_first_reconstruction_is_that_of_principal_components(channel: int):
    fresh = windows(seed=1)
    mean, _, axes = components(channel)
    kept = axes[:CODE_SIZE].T @ axes[:CODE_SIZE]
    expected = mean + (fresh[:, :, channel].numpy() - mean) @ kept
    np.testing.assert_allclose(rewritten(started(explained_variance=1.0), fresh)[:, :, channel], expected, atol=1e-4)


def test_a_channel_that_stands_still_has_no_code_and_is_written_as_it_was():
    model = started(explained_variance=1.0)
    broken = windows()
    broken[:, :, 2] = 7
    assert not codes(model, broken)[:, 2].any()
    np.testing.assert_allclose(rewritten(model, broken)[:, :, 2], 0.5, atol=1e-6)


@pytest.mark.parametrize("channel", range(CHANNELS))
def test_a_channel_never_changes_what_is_made_of_another(channel: int):
    model = started(explained_variance=1.0)
    for part in (model.encoder, model.decoder):
        nn.init.normal_(part.output_weight)  # as after training, when the nonlinear path counts
    changed = windows()
    changed[:, :, channel] += torch.randn(changed.shape[:2])
    others = [other for other in range(CHANNELS) if other != channel]
    np.testing.assert_array_equal(codes(model, changed)[:, others], codes(model, windows())[:, others])
    np.testing.assert_array_equal(rewritten(model, changed)[..., others], rewritten(model, windows())[..., others])
    if channel != 2:  # which has no code
        assert (rewritten(model, changed)[..., channel] != rewritten(model, windows())[..., channel]).any()


def test_a_missing_value_is_read_as_the_mean_of_a_scaled_channel():
    spoiled, filled = windows(), windows()
    spoiled[3, 4, 0], filled[3, 4, 0] = torch.nan, 0
    np.testing.assert_array_equal(codes(started(0.9), spoiled), codes(started(0.9), filled))


def test_without_hidden_vectors_the_linear_path_is_left():
    np.testing.assert_array_equal(rewritten(started(0.9, 0), windows()), rewritten(started(0.9, 5), windows()))


def test_windows_of_another_size_are_refused():
    with pytest.raises(ValueError, match="reads windows of 10 steps and 3 channels"):
        started(0.9).encode(Batch.full(torch.zeros(2, STEPS + 1, CHANNELS)))
    with pytest.raises(ValueError, match=r"lengths 4 and up.*reads windows of 10 steps"):
        started(0.9).encode(Batch.of([torch.zeros(STEPS, CHANNELS), torch.zeros(4, CHANNELS)]))
