"""Generated teeth have all classes, and the baselines see what single pixels tell."""

import torch
from agreement import agreement
from pixel_baselines import PixelClassifier, UsualClass, fitted_baselines
from tooth_images import CLASSES, PLACES, tooth_images

from seqae.datasets import MaskedImage


def example(mask: torch.Tensor, pixels: torch.Tensor | None = None) -> MaskedImage:
    return MaskedImage("a", torch.zeros(1, *mask.shape, dtype=torch.uint8) if pixels is None else pixels, mask)


def test_each_class_is_there_and_names_tell_the_place():
    images = tooth_images(2 * PLACES, size=48)
    assert torch.stack([image.mask for image in images]).unique().tolist() == list(range(len(CLASSES)))
    assert {image.pixels.shape for image in images} == {(1, 48, 48)}
    assert len({image.name.partition("_")[0] for image in images}) == PLACES
    assert len({image.name for image in images}) == len(images)


def test_a_seed_gives_its_images():
    assert torch.equal(tooth_images(3)[2].pixels, tooth_images(3)[2].pixels)
    assert not torch.equal(tooth_images(3)[2].pixels, tooth_images(3, seed=1)[2].pixels)


def test_bone_is_as_bright_as_the_root_of_a_tooth_in_one_image():
    image = tooth_images(1)[0]
    below = torch.arange(64).view(-1, 1).expand(64, 64) > 45
    bone, root = (image.pixels[0][(image.mask == n) & below].float() for n in (1, 2))
    assert abs(bone.mean() - root.mean()) < bone.std() + root.std()


def test_the_usual_class_is_the_most_frequent_at_each_place_and_unknown_pixels_do_not_count():
    masks = [[[0, 2], [1, 1]], [[0, 2], [1, -1]], [[1, 0], [1, 2]], [[-1, 2], [0, 2]], [[0, 2], [0, 2]]]
    usual = UsualClass([example(torch.tensor(mask)) for mask in masks])
    assert usual([torch.zeros(1, 2, 2)])[0].tolist() == [[0, 2], [1, 2]]
    assert usual([torch.zeros(3, 4, 2)])[0].tolist() == [[0, 2], [0, 2], [1, 2], [1, 2]]


def test_the_pixel_classifier_learns_brightness_and_place():
    pixels = torch.randint(0, 256, (8, 1, 12, 12), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    right = torch.arange(12) >= 6
    masks = torch.where(pixels[:, 0] > 128, 1 + right.long(), 0)
    known = [example(mask, image) for mask, image in zip(masks, pixels)]
    found = PixelClassifier(known[:6])([each.pixels / 255 for each in known[6:]])
    scores = agreement(found, [each.mask for each in known[6:]], ["dark", "left", "right"])
    assert min(scores.values()) > 0.9
    assert set(scores) == {"IoU", "F1", "IoU dark", "IoU left", "IoU right"}


def test_means_leave_out_the_background_and_two_classes_have_no_columns_of_their_own():
    truth, found = torch.tensor([[0, 0, 1, 2]]), torch.tensor([[0, 1, 1, 2]])
    assert agreement([found], [truth], ["a", "b", "c"]) == {
        "IoU": 0.75, "F1": (2 / 3 + 1) / 2, "IoU a": 0.5, "IoU b": 0.5, "IoU c": 1.0
    }  # fmt: skip
    assert agreement([found.clamp(max=1)], [truth.clamp(max=1)], ["a", "b"]).keys() == {"IoU", "F1"}


def test_masks_of_two_classes_and_of_several_have_their_own_baselines():
    images = tooth_images(4, size=24)
    assert len(fitted_baselines(images, outputs=5, seed=0)) == 2
    two = [example((image.mask == 4).long(), image.pixels) for image in images]
    assert list(fitted_baselines(two, outputs=1, seed=0)) == ["dark spots"]
