"""Use more code units than pixels: 1000 for 784, with an L1 penalty or a maximum number of active units.

Without a penalty an overcomplete code copies its input. With one, few units respond to an image, and they detect
strokes. L1 on the activity as in Olshausen & Field 1996, https://doi.org/10.1038/381607a0; the largest k as in Makhzani
& Frey 2013, https://arxiv.org/abs/1312.5663.

    python recipes/image_sparse.py --dataset digits
    python recipes/image_sparse.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from sklearn.linear_model import RidgeClassifier
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import ImageDataset
from seqae.evaluation import image_cross_entropy
from seqae.report import filters_figure, image_rows_figure, loss_figure, save_figure

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "units": 100, "k": 10, "epochs": 60, "batch_size": 64}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    units: int = 1000,
    penalty: float = 0.3,
    k: int = 40,
    epochs: int = 3,
    batch_size: int = 256,
    learning_rate: float = 1e-3,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the same layer without a penalty, with L1 and with the largest k, and compare their codes.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        units: Length of a code.
        penalty: Weight of the mean absolute value of a code, in nats per pixel.
        k: Units that the third model keeps active.
        epochs: Passes over the training images for each model.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        held_out: Training images that choose the best epoch and train the classifier; at most a sixth of them.
        seed: Seed of the split, the first weights and the order of images.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, units, epochs, batch_size = "digits", 100, 2, 64
    run = seqae.Run(main, locals())
    seqae.configure_runtime()

    images, test = read_images(dataset, data_root, folder)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    pixels = int(np.prod(train.size))
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {pixels} pixels; codes of {units} units")

    scores, losses, rows = {}, {}, {"original": test.array()[:14].reshape(-1, *test.size)}
    for name, code in (("no-penalty", None), ("l1", seqae.L1Code(penalty)), ("top-k", seqae.TopKCode(k))):
        torch.manual_seed(seed)
        layer = nn.Linear(pixels, units)
        model = seqae.Autoencoder(
            seqae.ImageEncoder(nn.Sequential(nn.Flatten(), layer, nn.ReLU()), units),
            seqae.ConstantDecoder(nn.Sequential(nn.Linear(units, pixels), nn.Unflatten(1, train.size))),
            code,
        )
        task = seqae.Reconstruction(
            model, seqae.binary_cross_entropy, learning_rate=learning_rate, lr_scheduler=seqae.cosine_with_warmup
        )
        losses[name] = seqae.fit(
            task,
            seqae.make_loader(train, batch_size, seed),
            seqae.make_loader(valid, 1000, shuffle=False),
            epochs=epochs,
            patience=epochs,
        ).valid
        codes, reconstruction = seqae.encode(model, test), expit(np.concatenate(seqae.reconstruct(model, test)))
        scores[name] = evaluated(codes, reconstruction, test)
        if test.labels is not None:
            classifier = RidgeClassifier().fit(seqae.encode(model, valid), valid.labels)
            scores[name]["accuracy"] = float(classifier.score(codes, test.labels))
        rows[name] = reconstruction[:14]
        weights = layer.weight.detach().numpy()[np.argsort(-codes.mean(axis=0))[:200]]
        title = f"What the most active units look for: {name}"
        save_figure(filters_figure(weights, train.size, title=title), run.path(f"filters-{name}.png"))
        seqae.save(model, run.path(f"model-{name}"), metrics=scores[name])

    if test.labels is not None:
        classifier = RidgeClassifier().fit(valid.array(), valid.labels)
        scores["pixels"] = {"accuracy": float(classifier.score(test.array(), test.labels))}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    save_figure(image_rows_figure(rows, "Test images and their reconstructions"), run.path("rows.png"))
    save_figure(loss_figure(losses), run.path("loss.png"))
    run.finish([{"code": name, **row} for name, row in scores.items()], metrics)
    return metrics


def evaluated(codes: np.ndarray, reconstruction: np.ndarray, images: ImageDataset) -> dict[str, float]:
    """Return how sparse codes `(image, unit)` are, and how good reconstructions `(image, channel, height, width)`."""
    truth = images.array()
    return {
        "zero %": float(100 * (codes == 0).mean()),
        "units in use": int((codes != 0).any(axis=0).sum()),
        "cross-entropy": float(image_cross_entropy(reconstruction.reshape(truth.shape), truth).mean()),
    }


if __name__ == "__main__":
    cli.run(main)
