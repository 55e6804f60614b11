"""Segment defects in images with a U-Net.

Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597, on pitting of ball screws (BSData, Schlagenhauf et al. 2021,
https://arxiv.org/abs/2103.13003). The official split has images of the same spot on both sides; here all images of
a place are on one side, and each seed draws other places for the test. Without data it generates brushed metal.

    python recipes/image_segmentation/image_segmentation.py
    python recipes/image_segmentation/image_segmentation.py --data-root folder/with/BSData
"""

import os
from pathlib import Path

import numpy as np
import torch
from dark_spots import DarkSpots
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_bsdata, read_masked_images, synthetic_surfaces
from seqae.datasets import MaskedImage, MaskedImageDataset, group_split
from seqae.evaluation import confusion
from seqae.modules import Segmenter, UNet
from seqae.report import loss_figure, masks_figure, save_figure
from seqae.training import Segmentation, dice_loss, mask_cross_entropy, with_threshold
from seqae.transforms import RandomBrightness, RandomShift, random_flip, random_rotation

try:
    import segmentation_models_pytorch as smp
except ImportError:  # the comparison is left out
    smp = None

DATA = "BSData (pitting on ball screws), or generated surfaces with pits"
PLACE = r"\d{6}_\d{3}(?=_crop)|KGT\d|place\d"  # the location of an image in its file name


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    values: tuple[int, ...] = (0, 255),
    place: str = PLACE,
    downsampling: int = 2,
    epochs: int = 8,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    seeds: tuple[int, ...] = (0, 1, 2),
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on images of some places, choose thresholds on others, and measure on others again.

    Args:
        data_root: Folder that holds a clone of https://github.com/2Obe/BSData; empty for generated surfaces.
        folder: Folder or zip file of your own instead, with image/NAME.jpg and mask/NAME.png for each image.
        values: Value of each class in these masks, the background first; two or more classes.
        place: Regular expression for the location of an image in its file name.
        downsampling: Factor by which images are made smaller, for all methods.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seeds: A seed for each split, which has its own networks.
        smoke: Only try whether it runs, on a few generated surfaces.
        out: Folder for the results.
    """
    if smoke:
        data_root, downsampling, epochs, seeds = "", 4, 2, (0,)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()

    images = read_bsdata(data_root) if data_root else synthetic_surfaces(48 if smoke else 400)
    if folder:
        images = read_masked_images(folder, values)
    images = [image.smaller(downsampling) for image in images]
    print(f"data   {len(images)} images, {sum(bool(image.mask.any()) for image in images)} with defects")

    outputs = 1 if len(values) == 2 else len(values)  # logits of a pixel
    scores: dict[str, list[tuple[float, float]]] = {}
    for seed in seeds:
        train, valid, test = group_split(images, [image.name for image in images], place, seed)
        print(f"seed {seed}  {len(train)} images to learn from, {len(valid)} for thresholds, {len(test)} for the test")
        torch.manual_seed(seed)
        pixels = torch.cat([image.pixels.flatten() for image in train]) / 255
        unet = UNet(len(train[0].pixels), outputs, mean=float(pixels.mean()), std=float(pixels.std()))
        model, history = trained(unet, train, valid, epochs, batch_size, learning_rate, seed)
        methods: dict[str, DarkSpots | Segmenter] = {"U-Net": model}
        if outputs == 1:
            methods["dark spots"] = DarkSpots.fitted(train + valid)
        if smp is not None:
            torch.manual_seed(seed)
            other = smp_unet(len(train[0].pixels), outputs)
            methods["smp U-Net"], _ = trained(other, train, valid, epochs, batch_size, learning_rate, seed)
        predicted = {name: method([image.pixels / 255 for image in test]) for name, method in methods.items()}
        for name, found in predicted.items():
            agreements = [confusion(found, [image.mask for image in test], n) for n in range(1, len(values))]
            iou, f1 = (float(np.mean([getattr(each, key) for each in agreements])) for key in ("iou", "f1"))
            scores.setdefault(name, []).append((iou, f1))
            print(f"       {name}: IoU {iou:.4f}, F1 {f1:.4f}")

    metrics: dict[str, float] = {}
    results: list[dict[str, str]] = []
    for name, numbers in scores.items():
        (iou, f1), (iou_sd, f1_sd) = np.mean(numbers, axis=0).tolist(), np.std(numbers, axis=0).tolist()
        metrics |= {f"{name}: IoU": iou, f"{name}: F1": f1}
        results.append({"method": name, "IoU": f"{iou:.3f} ± {iou_sd:.3f}", "F1": f"{f1:.3f} ± {f1_sd:.3f}"})
    figure = masks_figure(test, predicted["U-Net"], len(values), title=f"Unseen places, split {seeds[-1]}")
    save_figure(figure, run.path("masks.png"))
    save_figure(loss_figure({"train": history.train, "valid": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def trained(
    network: nn.Module,
    train: list[MaskedImage],
    valid: list[MaskedImage],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
) -> tuple[Segmenter, seqae.History]:
    """Train a network; return it with its threshold, looking at each image from eight sides, and its losses."""
    task = Segmentation(
        network,
        lambda logits, masks: mask_cross_entropy(logits, masks) + dice_loss(logits, masks),
        augmentations=(random_flip, random_rotation, RandomBrightness(0.2), RandomShift(3)),
        learning_rate=learning_rate,
        lr_scheduler=seqae.cosine_with_warmup,
        seed=seed,
    )
    history = seqae.fit(
        task,
        seqae.make_loader(MaskedImageDataset(train), batch_size, seed),
        seqae.make_loader(MaskedImageDataset(valid), batch_size, shuffle=False),
        epochs=epochs,
        patience=epochs,
    )
    return with_threshold(network, valid, test_time_augmentation=True), history


def smp_unet(channels: int, outputs: int) -> nn.Module:
    """Return the finest levels of a ResNet-18 with a decoder: as many weights in use as our U-Net has."""
    shape = {"encoder_depth": 3, "decoder_channels": (64, 32, 16), "in_channels": channels, "classes": outputs}
    return smp.Unet("resnet18", encoder_weights=None, **shape)


if __name__ == "__main__":
    cli.run(main)
