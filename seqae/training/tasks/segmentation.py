"""Name the class of each pixel: the task, and the threshold after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from seqae.batch import on_host
from seqae.datasets.masks import MaskedBatch, MaskedImage
from seqae.evaluation.masks import best_threshold
from seqae.modules.unet import Segmenter
from seqae.training.tasks.task import LearningRate, Task
from seqae.transforms.masked_images import MaskTransform, augment


class Segmentation(Task):
    """Predict the class of each pixel. The loader yields `MaskedBatch`.

    Args:
        model: Maps images `(images, channel, height, width)` to logits `(images, classes, height, width)`, for example
            a `UNet`. If images differ in size, it is given their sizes `(images, 2)`, too.
        loss: Maps logits and masks to a scalar: `mask_cross_entropy`, `focal_loss`, `dice_loss` or a sum of them.
        augmentations: Random transforms of images and masks while training, see `seqae.transforms.masked_images`.
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of training that is done to a factor on the learning rate.
        seed: Seed of the augmentations.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        augmentations: Sequence[MaskTransform] = (),
        learning_rate: float = 1e-3,
        lr_scheduler: LearningRate | None = None,
        seed: int = 0,
    ):
        super().__init__(learning_rate, lr_scheduler=lr_scheduler)
        self.model = model
        self.loss = loss
        self.augmentations = tuple(augmentations)
        self.seed = seed

    def training_step(self, batch: MaskedBatch, batch_idx: int) -> Tensor:
        """Return the loss of the augmented images."""
        if self.augmentations:
            batch = augment(batch, self.augmentations, self.seed, self.current_epoch).to(batch.images.device)
        return self.loss(self._logits(batch), batch.masks)

    def held_out_loss(self, batch: MaskedBatch) -> tuple[Tensor, int]:
        """Return the loss, `()`, of images `(images, channel, height, width)` as they are, and their number."""
        return self.loss(self._logits(batch), batch.masks), len(batch)

    def predict_step(self, batch: MaskedBatch, batch_idx: int) -> list[Tensor]:
        """Return the class of each pixel, `(height, width)` int64 for each image, in its own size.

        Of one logit the class is 1 where the probability is above one half; `with_threshold` finds a better one.
        """
        logits = self._logits(batch)
        classes = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(dim=1)
        return [image[:height, :width] for image, (height, width) in zip(classes, on_host(batch.sizes).tolist())]

    def _logits(self, batch: MaskedBatch) -> Tensor:
        return self.model(batch.images) if batch.is_unpadded else self.model(batch.images, batch.sizes)


def with_threshold(
    model: nn.Module, examples: Sequence[MaskedImage], test_time_augmentation: bool = False
) -> Segmenter:
    """Return a trained model as a `Segmenter`; if it has one logit, with the threshold of the best F1 of all pixels.

    Args:
        model: Maps images `(images, channel, height, width)` to logits `(images, classes, height, width)`.
        examples: Images that the model was not trained on.
        test_time_augmentation: Whether the segmenter averages over rotated and flipped images.
    """
    segmenter = Segmenter(model, test_time_augmentation=test_time_augmentation).eval()
    logits = [segmenter.logits(example.pixels / 255) for example in examples]
    if len(logits[0]) == 1:
        segmenter.threshold = best_threshold([each[0].sigmoid() for each in logits], [each.mask for each in examples])
    return segmenter
