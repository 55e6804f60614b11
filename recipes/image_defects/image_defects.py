"""Detect defects by an autoencoder of patches of clean images alone; principal components are as good on BSData.

After Bergmann et al. 2019, https://arxiv.org/abs/1807.02011. The score of an image is the error of its worst patch,
divided by that of the median patch. Masks are used to pick clean images to learn from, and to measure. Data and splits
are those of image_segmentation.

    python recipes/image_defects/image_defects.py
    python recipes/image_defects/image_defects.py --data-root folder/with/BSData
    python recipes/image_defects/image_defects.py --folder folder/with/normal/and/new
"""

import os
from pathlib import Path

import numpy as np
import torch
from ranking import anomaly_scores, own_split, ranked_images
from sklearn.metrics import roc_auc_score
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_bsdata, read_normal_and_new_images, synthetic_surfaces
from seqae.datasets import ImageDataset, MaskedImage, group_split
from seqae.evaluation import pca_reconstruction
from seqae.report import image_rows_figure, loss_figure, save_figure

DATA = "BSData (pitting on ball screws), or generated surfaces with pits"
QUICK = {"data_root": "", "epochs": 4, "batch_size": 64, "seeds": (0,)}
PLACE = r"\d{6}_\d{3}(?=_crop)|KGT\d|place\d"  # the location of an image in its file name


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    folder: str = "",
    downsampling: int = 2,
    patch_size: int = 8,
    code_size: int = 16,
    hidden_size: int = 128,
    epochs: int = 8,
    batch_size: int = 256,
    learning_rate: float = 5e-3,
    seeds: tuple[int, ...] = (0, 1, 2),
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on clean images of some places and rank images of others.

    Args:
        data_root: Folder that holds a clone of https://github.com/2Obe/BSData; empty for generated surfaces.
        folder: Folder of your own instead, in it `normal` with five images or more, and `new` with those to rank.
        downsampling: Factor by which images are made smaller.
        patch_size: Height and width of a patch in pixels; patches overlap by half.
        code_size: Length of the code of a patch.
        hidden_size: Units of the layer on either side of the code.
        epochs: Passes over the clean patches.
        batch_size: Patches in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        seeds: A seed for each split, which has its own autoencoder.
        smoke: Only try whether it runs, on generated surfaces.
        out: Folder for the results.
    """
    if smoke:
        data_root, downsampling, epochs, seeds = "", 4, 1, (0,)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()

    images = read_bsdata(data_root) if data_root and not folder else synthetic_surfaces(120 if smoke else 400)
    images = read_normal_and_new_images(folder) if folder else images
    images = [image.smaller(downsampling) for image in images]
    areas: dict[str, list[float]] = {}
    for seed in seeds:
        train, valid, test = (
            own_split(images) if folder else group_split(images, [each.name for each in images], PLACE, seed)
        )
        clean, held_out = (
            patches([image for image in part if not image.mask.any()], patch_size) for part in (train, valid)
        )
        faulty = [bool(image.mask.any()) for image in test]
        print(f"seed {seed}  {len(clean)} clean patches to learn from, {len(test)} images to rank")

        torch.manual_seed(seed)
        model = autoencoder(patch_size, code_size, hidden_size)
        task = seqae.Reconstruction(
            model, seqae.squared_error, learning_rate=learning_rate, lr_scheduler=seqae.cosine_with_warmup
        )
        history = seqae.fit(
            task,
            seqae.make_loader(clean, batch_size, seed),
            seqae.make_loader(held_out, 1000, shuffle=False),
            epochs=epochs,
            patience=epochs,
        )

        seen, starts = patches(test, patch_size), np.cumsum([len(patches([image], patch_size)) for image in test])[:-1]
        truth = seen.array()
        reconstruction = np.concatenate(seqae.reconstruct(model, seen)).reshape(truth.shape)
        scores = {
            "autoencoder": anomaly_scores(reconstruction, truth, starts),
            "PCA": anomaly_scores(pca_reconstruction(clean.array(), truth, min(code_size, len(clean))), truth, starts),
            "darkest pixel": [-float(pixels.min()) for pixels in np.split(truth, starts)],
        }
        for name, ranking in scores.items():
            areas.setdefault(name, []).append(float(roc_auc_score(faulty, ranking)))
            print(f"       {name}: AUROC {areas[name][-1]:.4f}")

    rows = ranked_images(test, scores["autoencoder"])
    save_figure(image_rows_figure(rows, "From the highest anomaly score to the lowest"), run.path("ranking.png"))
    save_figure(loss_figure({"train": history.train, "valid": history.valid}), run.path("loss.png"))
    metrics = {f"{name}: AUROC": float(np.mean(found)) for name, found in areas.items()}
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, "AUROC": np.mean(area), "sd": np.std(area)} for name, area in areas.items()], metrics)
    return metrics


def autoencoder(patch_size: int, code_size: int, hidden_size: int) -> seqae.Autoencoder:
    """Return an autoencoder of patches, with one hidden layer on either side of the code."""
    pixels = patch_size**2
    encode = nn.Sequential(nn.Flatten(), nn.Linear(pixels, hidden_size), nn.GELU(), nn.Linear(hidden_size, code_size))
    decode = nn.Sequential(nn.Linear(code_size, hidden_size), nn.GELU(), nn.Linear(hidden_size, pixels))
    head = nn.Sequential(*decode, nn.Unflatten(1, (1, patch_size, patch_size)))
    return seqae.Autoencoder(seqae.ImageEncoder(encode, code_size), seqae.ConstantDecoder(head))


def patches(images: list[MaskedImage], size: int) -> ImageDataset:
    """Return patches of grey images, their brightness divided by the image's mean, with a variance of about one."""
    found = []
    for image in images:
        grey = image.pixels.float().mean(dim=0)
        grey = (128 * grey / grey.mean().clamp(min=1)).clamp(0, 255).to(torch.uint8)
        found.append(grey.unfold(0, size, size // 2).unfold(1, size, size // 2).reshape(-1, 1, size, size))
    return ImageDataset.of(torch.cat(found)).with_transform(lambda pixels: (pixels.float() - 128) / 32)


if __name__ == "__main__":
    cli.run(main)
