"""U-Net: any size, alone or in a batch, and what it learns is kept."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import seqae
from seqae.modules.unet import Segmenter, UNet

SIZES = st.tuples(st.integers(1, 23), st.integers(1, 23))


def net(**settings) -> UNet:
    torch.manual_seed(0)
    return UNet(**{"channels_per_level": (4, 8, 12)} | settings)


def together(images):
    """Images in the corners of a larger tensor, full of NaN elsewhere, and their sizes."""
    sizes = torch.tensor([image.shape[1:] for image in images])
    values = torch.full((len(images), len(images[0]), *(sizes.amax(dim=0) + 3).tolist()), torch.nan)
    for row, image in zip(values, images):
        row[:, : image.shape[1], : image.shape[2]] = image
    return values, sizes


@settings(max_examples=25, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=4))
def test_logits_are_the_same_alone_as_in_a_batch_of_any_sizes(sizes):
    model = net(classes=3)
    images = [torch.randn(3, *size) for size in sizes]
    values, shapes = together(images)
    for image, logits in zip(images, model(values, shapes)):
        alone = model(image.unsqueeze(0))[0]
        assert alone.shape == (3, *image.shape[1:])
        torch.testing.assert_close(logits[:, : image.shape[1], : image.shape[2]], alone, atol=2e-5, rtol=1e-4)


def test_padding_gets_no_gradient_and_every_parameter_a_finite_one():
    model = net()
    values, sizes = together([torch.randn(3, 9, 5), torch.randn(3, 4, 11)])
    values.requires_grad_()
    logits = model(values, sizes)
    (logits[0, :, :9, :5].square().sum() + logits[1, :, :4, :11].square().sum()).backward()
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in model.parameters())
    assert not values.grad[values.isnan()].any()
    assert values.grad[~values.isnan()].any()


def test_mean_and_std_of_the_pixels_do_not_matter_if_they_are_known():
    images = torch.rand(2, 3, 9, 5)
    expected = net(mean=0.5, std=0.25)(images)
    torch.testing.assert_close(net(mean=2.2, std=1.0)(4 * images + 0.2), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan")])
def test_a_std_that_is_not_positive_is_refused(std):
    with pytest.raises(ValueError, match="more than 0"):
        UNet(std=std)


def test_variance_stays_about_one_through_all_layers():
    torch.manual_seed(0)
    model, found = UNet(channels_per_level=(8, 16, 32, 32)), []
    for layers in [*model.down, *model.up]:
        layers.register_forward_hook(lambda _, __, values: found.append(values.std().item()))
    model(torch.rand(2, 3, 32, 32))
    assert len(found) == 7
    assert all(0.3 < deviation < 3 for deviation in found)


def test_a_tile_gives_the_logits_of_the_whole_image_away_from_its_edges():
    model, image = net(channels_per_level=(4, 8)), torch.rand(1, 3, 40, 40)
    whole, tile = model(image), model(image[..., 8:32, 8:32])
    torch.testing.assert_close(tile[..., 10:14, 10:14], whole[..., 18:22, 18:22], atol=1e-5, rtol=1e-4)


def test_brightness_of_a_flat_grey_image_is_seen():
    model = net(channels=1)
    dark, bright = (model(torch.full((1, 1, 16, 16), shade)) for shade in (0.2, 0.8))
    assert (dark - bright).abs().min() > 1e-3


def test_an_image_does_not_depend_on_the_others_even_while_training():
    model = net().train()
    images = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(model(images)[1:2], model(images[1:2]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("channels", "classes"), [(1, 1), (4, 5)])
def test_any_channels_and_classes(channels, classes):
    assert net(channels=channels, classes=classes)(torch.randn(2, channels, 7, 6)).shape == (2, classes, 7, 6)


def test_four_images_are_overfitted():
    torch.manual_seed(0)
    images = torch.rand(4, 3, 8, 8)
    masks = (torch.rand(4, 1, 8, 8) > 0.5).float()
    model = net(channels_per_level=(16, 32))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(80):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(images), masks).backward()
        optimizer.step()
    assert ((model(images) > 0) == (masks > 0)).float().mean() > 0.97


def test_saved_and_loaded_gives_the_same_masks(tmp_path):
    images = [torch.rand(3, 9, 14), torch.rand(3, 16, 16), torch.rand(3, 1, 1)]
    for model in (Segmenter(net(), threshold=0.45, test_time_augmentation=True), Segmenter(net(classes=4))):
        loaded = seqae.load(seqae.save(model, tmp_path / "model"))
        for mask, again, image in zip(model(images), loaded(images), images, strict=True):
            assert mask.shape == image.shape[1:]
            assert torch.equal(mask, again)
        assert (loaded.threshold, loaded.test_time_augmentation) == (model.threshold, model.test_time_augmentation)


def test_threshold_divides_probabilities():
    probabilities = torch.tensor([[0.1, 0.39, 0.41, 0.9]])
    segmenter = Segmenter(torch.nn.Identity(), threshold=0.4)
    assert segmenter([probabilities.logit().unsqueeze(0)])[0].tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("mirror", [False, True])
def test_logits_turn_with_the_image_with_test_time_augmentation_only(quarter, mirror):
    image = torch.rand(3, 9, 14)

    def moved(images):
        return (images.flip(-1) if mirror else images).rot90(quarter, (-2, -1))

    segmenter = Segmenter(net(), test_time_augmentation=True)
    torch.testing.assert_close(segmenter.logits(moved(image)), moved(segmenter.logits(image)))
    if quarter or mirror:
        once = Segmenter(net())
        assert not torch.allclose(once.logits(moved(image)), moved(once.logits(image)), atol=1e-3)


def test_wrong_channels_are_named():
    with pytest.raises(ValueError, match=r"shape \(2, 1, 8, 8\).*3 channels"):
        net()(torch.randn(2, 1, 8, 8))
