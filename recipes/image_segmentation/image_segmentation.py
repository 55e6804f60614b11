"""Find defects in images, pixel by pixel, by a U-Net.

Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597. Pitting on ball screws: BSData, Schlagenhauf et al. 2021,
https://arxiv.org/abs/2103.13003. Its official split has the same spot, at other times, on both sides; here all images
of a place are on one side, and each seed draws other places for the test.

    python recipes/image_segmentation.py
    python recipes/image_segmentation.py --data-root folder/with/image/and/mask

Without data it makes its own: brushed metal with pits and shadows. Masks of several classes: --values 0 1 2.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "BSData (pitting on ball screws), or generated surfaces with pits"
MINUTES = 25
RESULT = "BSData, places not seen, half size, seeds 0 1 2 10 20 21: IoU 0.707 (smp 0.646, darkness 0.197)"
OURS, THEIRS, SIMPLE = "U-Net", "U-Net of segmentation-models-pytorch", "darker than around, cleaned up"
BATCH = 8


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    values: tuple[int, ...] = (0, 255),
    place: str = r"\d{6}_\d{3}(?=_crop)|KGT\d|place\d",
    smaller: int = 2,
    epochs: int = 8,
    learning_rate: float = 1e-3,
    seeds: tuple[int, ...] = (0, 1, 2),
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on images of some places, choose thresholds on others, and measure on others again.

    Args:
        data_root: Folder or zip file of image/NAME.jpg and mask/NAME.png, or a folder that holds
            bsdata_pitting/patches.zip; made up if empty.
        values: Of the classes in the masks, the background first.
        place: Regular expression of what tells in a file's name where an image was taken.
        smaller: How many times images are made smaller; all methods see the same.
        epochs: Passes over the training images, of both networks.
        learning_rate: The highest, of both networks; it goes up and then down to nothing.
        seeds: One for each split, which has networks of its own.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch
    from dark_spots import DarkSpots

    import seqae
    from seqae._extras import MissingExtra, require
    from seqae.data.images.surface_defects import defects
    from seqae.datasets.splits import group_split
    from seqae.evaluation.masks import confusion
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.masks import masks_figure
    from seqae.report.run import Run

    if smoke:
        data_root, smaller, epochs, seeds = "", 4, 2, (0,)
    seqae.configure_runtime()
    settings = dict(data_root=data_root, values=values, place=place, smaller=smaller, epochs=epochs, seeds=seeds)
    run = Run("image_segmentation", out, settings | dict(learning_rate=learning_rate))
    examples = [each.smaller(smaller) for each in defects(data_root, values, num_synthetic=48 if smoke else 400)]
    classes = len(values)
    print(f"data   {len(examples)} images, {sum(bool((each.mask > 0).any()) for each in examples)} with defects")

    networks = {OURS: unet, THEIRS: smp_unet}
    try:
        require("segmentation_models_pytorch", extra="dev", purpose=THEIRS)
    except MissingExtra as missing:
        del networks[THEIRS]
        print(f"skip   {missing}")
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        train, valid, test = group_split(examples, [each.name for each in examples], place, seed)
        print(f"seed {seed}  {len(train)} images to learn from, {len(valid)} for thresholds, {len(test)} for the test")
        methods, losses = {SIMPLE: DarkSpots.fitted(train + valid)} if classes == 2 else {}, {}
        for name, make in networks.items():
            torch.manual_seed(seed)
            model = make(train, 1 if classes == 2 else classes)
            methods[name], losses[name] = trained(model, train, valid, epochs, learning_rate, seed)
        found = {name: method([each.pixels / 255 for each in test]) for name, method in methods.items()}
        for name, masks in found.items():
            agreed = [confusion(masks, [each.mask for each in test], number) for number in range(1, classes)]
            scores.setdefault(name, []).append(tuple(np.mean([(each.iou, each.f1) for each in agreed], axis=0)))
            print(f"       {name}: IoU {scores[name][-1][0]:.4f}, F {scores[name][-1][1]:.4f}")

    results, metrics = [], {}
    for name, numbers in scores.items():
        (iou, f1), (iou_sd, f1_sd) = np.mean(numbers, axis=0), np.std(numbers, axis=0)
        results.append({"method": name, "IoU": f"{iou:.3f} ± {iou_sd:.3f}", "F": f"{f1:.3f} ± {f1_sd:.3f}"})
        metrics |= {f"{name} IoU": float(iou), f"{name} F": float(f1)}
    title = f"Places that were not learnt from, split {seeds[-1]}"
    save_figure(masks_figure(test, found[OURS], classes, title=title), run.path("masks.png"))
    save_figure(loss_figure(losses[OURS]), run.path("loss.png"))
    seqae.save(methods[OURS], run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def unet(train: list, logits: int):
    """Return ours for images like these, 0.84 million weights."""
    import torch

    from seqae.modules.unet import UNet

    pixels = torch.cat([each.pixels.flatten() for each in train]) / 255
    return UNet(len(train[0].pixels), logits, mean=float(pixels.mean()), std=float(pixels.std()))


def smp_unet(train: list, logits: int):
    """Return the finest levels of a ResNet-18 with a decoder, 0.88 million weights in use."""
    import segmentation_models_pytorch as smp

    shape = dict(encoder_depth=3, decoder_channels=(64, 32, 16), in_channels=len(train[0].pixels), classes=logits)
    return smp.Unet("resnet18", encoder_weights=None, **shape)


def trained(model, train: list, valid: list, epochs: int, learning_rate: float, seed: int):
    """Return the trained network with its threshold, which looks at an image from eight sides, and its losses."""
    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.masks import MaskedImageDataset
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.training.mask_losses import dice_loss, mask_cross_entropy
    from seqae.training.optimizers import cosine_with_warmup
    from seqae.training.tasks.segmentation import Segmentation, with_threshold
    from seqae.transforms.masked_images import RandomBrightness, RandomShift, random_flip, random_rotation

    task = Segmentation(
        model,
        lambda logits, masks: mask_cross_entropy(logits, masks) + dice_loss(logits, masks),
        augmentations=(random_flip, random_rotation, RandomBrightness(0.2), RandomShift(3)),
        learning_rate=learning_rate,
        lr_scheduler=cosine_with_warmup,
        seed=seed,
    )
    learnt, held_out = MaskedImageDataset(train), MaskedImageDataset(valid)
    history = seqae.fit(
        task,
        DataLoader(learnt, LengthBucketSampler(learnt.lengths, BATCH, seed)),
        DataLoader(held_out, LengthBucketSampler(held_out.lengths, BATCH, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    losses = {"train": history.train, "valid": history.valid}
    return with_threshold(model, valid, test_time_augmentation=True), losses


if __name__ == "__main__":
    cli.run(main)
