"""Content and pose apart: sprites of videos that were put together from known ones."""

import numpy as np
import pytest
import torch
from paths import PathDecoder, PathEncoder
from sprites import SpriteFinder

import seqae
from seqae import Batch
from seqae.data import MovingMNIST
from seqae.datasets import ImageDataset
from seqae.modules import CompositeAutoencoder


def shapes(count: int = 6, size: int = 12) -> ImageDataset:
    """Blobs that differ from each other."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:size, :size]
    images = []
    for _ in range(count):
        middles = random.uniform(3, size - 4, (3, 2))
        away = np.min([(rows - row) ** 2 + (columns - column) ** 2 for row, column in middles], axis=0)
        images.append((255 * (away < 5)).astype(np.uint8))
    return ImageDataset.of(np.stack(images))


@pytest.fixture(scope="module")
def videos() -> MovingMNIST:
    return MovingMNIST(shapes(), 12, frames=10, size=32)


@pytest.fixture(scope="module")
def found(videos):
    return SpriteFinder(size=12)(videos.batch(np.arange(12)).values)


def test_sprites_explain_nearly_all_videos(videos, found):
    assert (found.errors <= 2).float().mean() >= 0.75
    assert found.errors.median() < 0.2


def test_paths_are_those_of_the_truth_but_for_where_a_template_is_in_its_square(videos, found):
    good = (found.errors < 0.1).nonzero()[:, 0].tolist()
    assert len(good) >= 6
    for number in good:
        true = torch.from_numpy(videos.paths(number))
        away = [[(own - other).float().std(dim=0).max() for other in true] for own in found.corners[number]]
        straight, crossed = away[0][0] + away[1][1], away[0][1] + away[1][0]
        assert min(straight, crossed) == 0  # each moves exactly as one of the true ones


def test_drawing_at_the_paths_gives_the_videos_again(videos, found):
    drawn = found.draw(found.paths, torch.zeros_like(found.paths), 32, 32)
    errors = (drawn - videos.batch(np.arange(12)).values).square().sum(dim=(2, 3, 4)).mean(dim=1)
    torch.testing.assert_close(errors, found.errors, rtol=1e-3, atol=1e-3)


def test_drawing_with_deviation_is_the_mean_of_drawings_at_random_positions(found):
    torch.manual_seed(0)
    one = type(found)(found.templates[:1, :1], found.corners[:1, :1, :1] * 0 + 10, found.errors[:1])
    deviation = torch.full_like(one.paths, 1.5)
    positions = one.paths + (torch.randn(4000, 2) * 1.5).reshape(1, 1, 4000, 2)
    # Positions between pixels count for the nearest one.
    positions = (positions - one.centers.unsqueeze(2)).round() + one.centers.unsqueeze(2)
    mean = one.draw(positions, torch.zeros_like(positions), 32, 32).mean(dim=1)
    torch.testing.assert_close(one.draw(one.paths, deviation, 32, 32)[:, 0], mean, rtol=0, atol=0.06)


def test_a_video_is_read_the_same_alone_as_among_others(videos, found):
    alone = SpriteFinder(size=12)(videos[4].unsqueeze(0))
    assert torch.equal(alone.corners[0], found.corners[4])
    torch.testing.assert_close(alone.templates[0], found.templates[4])


def test_black_videos_and_videos_of_one_frame_have_sprites_too():
    black = SpriteFinder(size=12)(torch.zeros(2, 3, 1, 32, 32))
    assert black.errors.tolist() == [0, 0] and black.paths.isfinite().all()
    single = SpriteFinder(size=12)(torch.rand(1, 1, 1, 32, 32))
    assert single.corners.shape == (1, 2, 1, 2)


@pytest.mark.parametrize("size", [(24, 48), (48, 24)])
def test_frames_need_not_be_square(size):
    videos, side = torch.zeros(1, 8, 1, *size), max(size) - 10
    for time in range(8):
        first, second = (2, 2 + 4 * time), (12, side - 4 * time)
        for row, column in (first, second) if size[0] < size[1] else (first[::-1], second[::-1]):
            videos[0, time, 0, row : row + 8, column : column + 6] = 1
    found = SpriteFinder(size=12)(videos)
    assert found.errors[0] < 0.1
    assert (found.corners[0, :, 1:] - found.corners[0, :, :-1]).abs().sum(dim=-1).eq(4).all()


def test_other_shapes_are_named():
    with pytest.raises(ValueError, match=r"\(2, 3, 3, 8, 8\)"):
        SpriteFinder()(torch.zeros(2, 3, 3, 8, 8))


def test_paths_begin_straight_on():
    torch.manual_seed(0)
    model = CompositeAutoencoder(PathEncoder(seqae.LSTM(4, 8), 12), future=PathDecoder(12, seqae.LSTM(4, 8)))
    steps = torch.tensor([0.01, -0.02])
    line = torch.arange(15).unsqueeze(1) * steps
    written = model.predict(Batch.of([line[:10], line[:4]]), 5).values[..., :2]
    torch.testing.assert_close(written[0], line[10:])
    torch.testing.assert_close(written[1], line[4:9])


def test_turning_at_walls_is_learnt():
    """Positions on a line between two walls, one step a quarter of the way: straight on is wrong half of the time."""
    torch.manual_seed(0)
    starts = torch.rand(64, 1)
    way = (starts + 0.125 * torch.arange(16)) % 2
    paths = (2 * (1 - (way - 1).abs()) - 1).unsqueeze(-1)
    model = CompositeAutoencoder(PathEncoder(seqae.LSTM(2, 16), 18), future=PathDecoder(18, seqae.LSTM(2, 16)))
    past, future = Batch.full(paths[:, :10]), Batch.full(paths[:, 10:])

    def error():
        return (model.predict(past, 6).values[..., :1] - future.values).square().mean().item()

    before, optimizer = error(), torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(150):
        loss = seqae.gaussian_nll(model.predict(past, 6).steps, future.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert error() < 0.1 * before
