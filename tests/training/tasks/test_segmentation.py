"""The task: learns, takes images of several sizes, and goes on as if it had not been stopped."""

import torch
from torch import nn

import seqae
from seqae.datasets.loader import make_loader
from seqae.datasets.masks import MaskedImage, MaskedImageDataset
from seqae.evaluation.masks import confusion
from seqae.modules.unet import UNet
from seqae.training.mask_losses import dice_loss, mask_cross_entropy
from seqae.training.tasks.segmentation import Segmentation, with_threshold
from seqae.transforms.masked_images import RandomBrightness, random_flip, random_rotation


def squares(count: int) -> MaskedImageDataset:
    """Bright squares on noise, on images of several sizes."""
    torch.manual_seed(0)
    examples = []
    for number in range(count):
        height, width = torch.randint(12, 20, (2,)).tolist()
        mask = torch.zeros(height, width, dtype=torch.long)
        top, left = torch.randint(0, 6, (2,)).tolist()
        mask[top : top + 5, left : left + 5] = 1
        pixels = (100 * torch.rand(1, height, width) + 100 * mask).to(torch.uint8)
        examples.append(MaskedImage(str(number), pixels, mask))
    return MaskedImageDataset(examples)


def trained(source: MaskedImageDataset, epochs: int, **where) -> nn.Module:
    torch.manual_seed(0)
    task = Segmentation(
        UNet(1, channels_per_level=(4, 8)),
        lambda logits, masks: mask_cross_entropy(logits, masks) + dice_loss(logits, masks),
        augmentations=(random_flip, random_rotation, RandomBrightness(0.1)),
        learning_rate=1e-2,
    )
    seqae.fit(task, make_loader(source, 4), epochs=epochs, progress=False, **where)
    return task.model.eval()


def test_learns_masks_of_images_of_several_sizes():
    source = squares(16)
    model = trained(source, epochs=12)
    masks = [(model(example.pixels.unsqueeze(0) / 255)[0, 0] > 0).long() for example in source.examples]
    assert confusion(masks, [example.mask for example in source.examples]).f1 > 0.9


def test_a_resumed_run_ends_with_the_same_weights(tmp_path):
    source = squares(8)
    trained(source, epochs=1, checkpoint_dir=tmp_path)
    resumed, whole = trained(source, epochs=3, checkpoint_dir=tmp_path), trained(source, epochs=3)
    for one, other in zip(resumed.parameters(), whole.parameters()):
        torch.testing.assert_close(one, other)


def test_a_model_that_knows_no_sizes_is_given_none():
    source = MaskedImageDataset([MaskedImage("a", torch.zeros(1, 4, 4, dtype=torch.uint8), torch.zeros(4, 4).long())])
    task = Segmentation(nn.Conv2d(1, 1, 1), mask_cross_entropy)
    assert task.training_step(source.batch([0]), 0).isfinite()


def test_the_threshold_of_a_trained_model_is_the_best_one():
    mask = torch.tensor([[0, 1, 1, 0]])
    example = MaskedImage("a", torch.tensor([[[10, 60, 200, 20]]], dtype=torch.uint8), mask)
    segmenter = with_threshold(nn.Identity(), [example])
    assert 0.5 < segmenter.threshold < 0.6  # the sigmoid of 20 / 255 is 0.520, that of 60 / 255 is 0.559
    assert torch.equal(segmenter([example.pixels / 255])[0], mask)


def test_the_learning_rate_follows_its_curve():
    source = squares(4)
    seen = []

    def rate(done: float) -> float:
        seen.append(done)
        return 1.0

    task = Segmentation(nn.Conv2d(1, 1, 1), mask_cross_entropy, lr_scheduler=rate)
    seqae.fit(task, make_loader(source, 1), epochs=2, progress=False)
    assert seen == [step / 8 for step in range(9)]


def test_a_model_of_several_classes_needs_no_threshold():
    example = MaskedImage("a", torch.tensor([[[9, 1]], [[2, 3]], [[4, 5]]], dtype=torch.uint8), torch.tensor([[0, 2]]))
    assert torch.equal(with_threshold(nn.Identity(), [example])([example.pixels / 255])[0], example.mask)
