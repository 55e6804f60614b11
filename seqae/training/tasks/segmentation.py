"""Name the class of each pixel: the task, and the threshold after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightning
import torch
from torch import Tensor, nn

from seqae.datasets.masks import MaskedBatch, MaskedImage
from seqae.evaluation.masks import best_threshold
from seqae.modules.unet import Segmenter
from seqae.training.optimizers import adam, with_schedule
from seqae.transforms.masked_images import Change, augment


class Segmentation(lightning.LightningModule):
    """Learn masks. Batches are `MaskedBatch`.

    Args:
        model: From images `(image, channel, height, width)` to logits `(image, class, height, width)`, for example a
            `UNet`. If images differ in size, it is given their sizes `(image, 2)`, too.
        loss: From logits and masks to a number, see `seqae.training.mask_losses`.
        augmentations: To images while it trains, see `seqae.transforms.masked_images`.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of training that is done.
        seed: Of the changes.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[Tensor, Tensor], Tensor],
        augmentations: Sequence[Change] = (),
        learning_rate: float = 1e-3,
        lr_scheduler: Callable[[float], float] | None = None,
        seed: int = 0,
    ):
        super().__init__()
        self.model = model
        self.loss = loss
        self.augmentations = tuple(augmentations)
        self.learning_rate = learning_rate
        self.lr_scheduler = lr_scheduler
        self.seed = seed

    def training_step(self, batch: MaskedBatch, batch_idx: int) -> Tensor:
        """Return the loss of the changed images."""
        if self.augmentations:
            batch = augment(batch, self.augmentations, self.seed, self.current_epoch).to(batch.images.device)
        return self.loss(self._logits(batch), batch.masks)

    def validation_step(self, batch: MaskedBatch, batch_idx: int) -> tuple[Tensor, int]:
        """Return the loss of the images as they are, and how many there are."""
        return self.loss(self._logits(batch), batch.masks), len(batch)

    def configure_optimizers(self) -> torch.optim.Optimizer | dict[str, object]:
        return with_schedule(self, adam(self), self.lr_scheduler)

    def transfer_batch_to_device(self, batch: MaskedBatch, device: torch.device, dataloader_idx: int) -> MaskedBatch:
        return batch.to(device)

    def _logits(self, batch: MaskedBatch) -> Tensor:
        return self.model(batch.images) if batch.is_unpadded else self.model(batch.images, batch.sizes)


def with_threshold(
    model: nn.Module, examples: Sequence[MaskedImage], test_time_augmentation: bool = False
) -> Segmenter:
    """Return a trained model; if it has one logit, with the threshold that finds these masks best, by F1 of all pixels.

    Args:
        model: From images `(image, channel, height, width)` to logits `(image, class, height, width)`.
        examples: Which the model was not trained on.
        test_time_augmentation: Of the `Segmenter`.
    """
    segmenter = Segmenter(model, test_time_augmentation=test_time_augmentation).eval()
    logits = [segmenter.logits(example.pixels / 255) for example in examples]
    if len(logits[0]) == 1:
        segmenter.threshold = best_threshold([each[0].sigmoid() for each in logits], [each.mask for each in examples])
    return segmenter
