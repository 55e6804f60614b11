"""Tell images with defects from clean ones by an autoencoder that has seen patches of clean ones only.

After Bergmann et al. 2019, https://arxiv.org/abs/1807.02011. What it cannot write back is strange: the score of an
image is the error of its worst patch in proportion to the median patch. Brightness is taken in proportion to the mean
of the image. Masks are used to pick clean images to learn from, and to measure. Data and splits are those of
image_segmentation.

    python recipes/image_defects.py
    python recipes/image_defects.py --data-root folder/with/image/and/mask

PCA of patches does as well here. An autoencoder of whole images is at chance, since places differ more than clean and
faulty images do.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "BSData (pitting on ball screws), or generated surfaces with pits"
MINUTES = 2
RESULT = "BSData, places not seen, half size, seeds 12 13: AUROC 0.901, PCA 0.898, darkest pixel 0.846"
OURS, PCA_NAME, DARKEST = "autoencoder of clean patches", "PCA of the same code size", "darkest pixel"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    place: str = r"\d{6}_\d{3}(?=_crop)|KGT\d|place\d",
    smaller: int = 2,
    patch: int = 8,
    code_size: int = 16,
    epochs: int = 8,
    seeds: tuple[int, ...] = (0, 1, 2),
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train on clean images of some places and rank images of others.

    Args:
        data_root: Folder or zip file of image/NAME.jpg and mask/NAME.png, or a folder that holds
            bsdata_pitting/patches.zip; made up if empty.
        place: Regular expression of what tells in a file's name where an image was taken.
        smaller: How many times images are made smaller.
        patch: Height and width of a patch in pixels; they overlap by half.
        code_size: Numbers in the code of a patch.
        epochs: Passes over the clean patches.
        seeds: One for each split, which has an autoencoder of its own.
        smoke: Only try whether it runs.
        out: Folder for the results.
    """
    import torch
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score

    import seqae
    from seqae.data.images.surface_defects import defects
    from seqae.datasets.images import ImageDataset
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.datasets.splits import group_split
    from seqae.report import loss_figure, save_figure
    from seqae.report.run import Run
    from seqae.training.optimizers import cosine_with_warmup

    if smoke:
        data_root, smaller, epochs, seeds = "", 4, 1, (0,)
    seqae.configure_runtime()
    settings = dict(data_root=data_root, place=place, smaller=smaller, patch=patch, code_size=code_size, epochs=epochs)
    run = Run("image_defects", out, settings | {"seeds": seeds})
    examples = [each.smaller(smaller) for each in defects(data_root, num_synthetic=120 if smoke else 400)]

    def as_images(part: torch.Tensor) -> ImageDataset:
        return ImageDataset.of(part).with_transform(
            lambda light: (light.float() - 128) / 32
        )  # to a variance of about one

    def clean(part: list) -> ImageDataset:
        return as_images(torch.cat([patches(each, patch) for each in part if not (each.mask > 0).any()]))

    areas: dict[str, list[float]] = {}
    for seed in seeds:
        train, valid, test = group_split(examples, [each.name for each in examples], place, seed)
        learnt, held_out = clean(train), clean(valid)
        faulty = np.array([bool((each.mask > 0).any()) for each in test])
        print(f"seed {seed}  {len(learnt)} clean patches to learn from, {len(test)} images to rank")
        torch.manual_seed(seed)
        model = autoencoder(patch, code_size)
        history = seqae.fit(
            seqae.Reconstruction(model, seqae.squared_error, learning_rate=5e-3, lr_scheduler=cosine_with_warmup),
            DataLoader(learnt, LengthBucketSampler(learnt.lengths, 256, seed)),
            DataLoader(held_out, LengthBucketSampler(held_out.lengths, 1000, shuffle=False)),
            epochs=epochs,
            patience=epochs,
        )
        components = PCA(code_size, svd_solver="full").fit(learnt.array())
        strange: dict[str, list[float]] = {OURS: [], PCA_NAME: [], DARKEST: []}
        for each in test:
            seen = as_images(patches(each, patch))
            truth = seen.array()
            written = np.concatenate(seqae.reconstruct(model, seen)).reshape(truth.shape)
            strange[OURS].append(strangeness(written, truth))
            strange[PCA_NAME].append(strangeness(components.inverse_transform(components.transform(truth)), truth))
            strange[DARKEST].append(-float(truth.min()))
        for name, numbers in strange.items():
            areas.setdefault(name, []).append(float(roc_auc_score(faulty, numbers)))
            print(f"       {name}: AUROC {areas[name][-1]:.4f}")

    save_figure(loss_figure({"train": history.train, "valid": history.valid}), run.path("loss.png"))
    save_figure(ranking_figure(test, np.array(strange[OURS])), run.path("ranking.png"))
    metrics = {name: float(np.mean(numbers)) for name, numbers in areas.items()}
    results = [{"method": name, "AUROC": mean, "sd": float(np.std(areas[name]))} for name, mean in metrics.items()]
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def patches(example, side: int):
    """Return bytes (patch, 1, side, side): how bright the image is in proportion to its mean, which becomes 128."""
    import torch

    light = example.pixels.float().mean(dim=0)
    light = (128 * light / light.mean().clamp(min=1)).clamp(0, 255).to(torch.uint8)
    return light.unfold(0, side, side // 2).unfold(1, side, side // 2).reshape(-1, 1, side, side)


def autoencoder(side: int, code_size: int, width: int = 128):
    """Return an autoencoder for patches, with one wide layer on either side of the code."""
    from torch import nn

    import seqae
    from seqae.modules.images import ImageEncoder

    pixels = side * side
    encode = nn.Sequential(nn.Flatten(), nn.Linear(pixels, width), nn.GELU(), nn.Linear(width, code_size))
    head = nn.Unflatten(1, (1, side, side))
    decode = nn.Sequential(nn.Linear(code_size, width), nn.GELU(), nn.Linear(width, pixels), head)
    return seqae.Autoencoder(ImageEncoder(encode, code_size), seqae.ConstantDecoder(decode))


def strangeness(written: np.ndarray, truth: np.ndarray) -> float:
    """Return the largest error of a patch (patch, pixel) in proportion to that in the middle."""
    errors = np.square(written - truth).mean(axis=1)
    return float(errors.max() / max(np.median(errors), 1e-9))


def ranking_figure(examples: list, strange: np.ndarray, count: int = 12):
    """Draw images from the strangest to the most ordinary one, above their masks."""
    from seqae.report.figures.images import image_rows_figure

    order = np.argsort(-strange)[np.linspace(0, len(strange) - 1, count).astype(int)]
    images = np.stack([examples[place].pixels.numpy() / 255 for place in order])
    masks = np.stack([examples[place].mask.numpy() > 0 for place in order])
    rows = {"image": images, "truth": np.broadcast_to(masks[:, None], images.shape)}
    return image_rows_figure(rows, "From the strangest image to the most ordinary one")


if __name__ == "__main__":
    cli.run(main)
