"""Segment defects in images with a U-Net.

Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597, on pitting of ball screws (BSData, Schlagenhauf et al. 2021,
https://arxiv.org/abs/2103.13003). The official split has images of the same spot on both sides; here all images of
a place are on one side, and each seed draws other places for the test. Without data it generates brushed metal, or
teeth as X-rays show them, whose pixels have five classes. Of several classes each has its IoU; the means leave out the
first, the background.

    python recipes/image_segmentation/image_segmentation.py --generated teeth --downsampling 1
    python recipes/image_segmentation/image_segmentation.py --data-root folder/with/BSData
    python recipes/image_segmentation/image_segmentation.py --folder folder/with/image/and/mask --values 0 128 255
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from agreement import agreement
from library_unet import smp_unet
from pixel_baselines import fitted_baselines
from tooth_images import CLASSES, tooth_images
from torch import Tensor, nn

import seqae
from seqae import cli
from seqae.data import read_bsdata, read_masked_images, synthetic_surfaces
from seqae.datasets import MaskedImage, MaskedImageDataset, group_split
from seqae.modules import Segmenter, UNet
from seqae.report import loss_figure, masks_figure, save_figure
from seqae.training import Segmentation, dice_loss, mask_cross_entropy, with_threshold
from seqae.transforms import RandomBrightness, RandomShift, random_flip, random_rotation

DATA = "BSData (pitting on ball screws), or generated surfaces with pits, or teeth"
QUICK = {"data_root": "", "generated": "teeth", "downsampling": 1, "epochs": 6, "compare": False, "seeds": (0,)}
PLACE = r"\d{6}_\d{3}(?=_crop)|KGT\d|place\d+"  # the location of an image in its file name


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    values: tuple[int, ...] = (0, 255),
    generated: Literal["surfaces", "teeth"] = "surfaces",
    place: str = PLACE,
    downsampling: int = 2,
    epochs: int = 8,
    batch_size: int = 8,
    learning_rate: float = 1e-3,
    compare: bool = True,
    seeds: tuple[int, ...] = (0, 1, 2),
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on images of some places, choose thresholds on others, and measure on others again.

    Args:
        data_root: Folder that holds a clone of https://github.com/2Obe/BSData; empty for generated images.
        folder: Folder or zip file of your own instead, with image/NAME.jpg and mask/NAME.png for each image.
        values: Value of each class in these masks, the background first; two or more classes.
        generated: The generated images: surfaces with pits, or teeth, whose pixels have five classes.
        place: Regular expression for the location of an image in its file name.
        downsampling: Factor by which images are made smaller, for all methods.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        compare: Also train the U-Net of segmentation-models-pytorch, where that is installed.
        seeds: A seed for each split, which has its own networks.
        smoke: Only try whether it runs, on a few generated images.
        out: Folder for the results.
    """
    if smoke:
        data_root, downsampling, epochs, seeds = "", 4, 2, (0,)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    teeth = generated == "teeth" and not (folder or data_root)
    names = list(CLASSES) if teeth else ["background", *map(str, values[1:])]
    if folder:
        images = read_masked_images(folder, values)
    elif data_root:
        images = read_bsdata(data_root)
    else:
        images = {"surfaces": synthetic_surfaces, "teeth": tooth_images}[generated](48 if smoke else 400)
    images = [image.smaller(downsampling) for image in images]
    print(f"data   {len(images)} images, {sum(bool(image.mask.any()) for image in images)} with defects")

    outputs = 1 if len(names) == 2 else len(names)  # logits of a pixel
    scores: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        train, valid, test = group_split(images, [image.name for image in images], place, seed)
        print(f"seed {seed}  {len(train)} images to learn from, {len(valid)} for thresholds, {len(test)} for the test")
        torch.manual_seed(seed)
        pixels = torch.cat([image.pixels.flatten() for image in train]) / 255
        unet = UNet(len(train[0].pixels), outputs, mean=float(pixels.mean()), std=float(pixels.std()))
        model, history = trained(unet, train, valid, epochs, batch_size, learning_rate, seed)
        methods: dict[str, Callable[[list[Tensor]], list[Tensor]]] = {"U-Net": model}
        torch.manual_seed(seed)
        if compare and (other := smp_unet(len(train[0].pixels), outputs)):
            methods["smp U-Net"], _ = trained(other, train, valid, epochs, batch_size, learning_rate, seed)
        methods |= fitted_baselines(train + valid, outputs, seed)
        predicted = {name: method([image.pixels / 255 for image in test]) for name, method in methods.items()}
        for name, found in predicted.items():
            scores.setdefault(name, []).append(agreement(found, [image.mask for image in test], names))
            print(f"       {name}:", ", ".join(f"{key} {value:.4f}" for key, value in scores[name][-1].items()))

    columns = {name: {key: [run[key] for run in runs] for key in runs[0]} for name, runs in scores.items()}
    metrics = {f"{name}: {key}": float(np.mean(each)) for name, row in columns.items() for key, each in row.items()}
    results = [
        {"method": name, **{key: f"{np.mean(each):.3f} ± {np.std(each):.3f}" for key, each in row.items()}}
        for name, row in columns.items()
    ]
    figure = masks_figure(test, predicted["U-Net"], names, title=f"Unseen places, split {seeds[-1]}")
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


if __name__ == "__main__":
    cli.run(main)
