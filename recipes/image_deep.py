"""Compress an image to thirty numbers: the deep autoencoder of Hinton & Salakhutdinov 2006.

784-1000-500-250-30 and back with a linear code, https://doi.org/10.1126/science.1127647. Today's initial
weights and optimizer replace its layer-wise pretraining; training images are shifted by up to one pixel.

    python recipes/image_deep.py --dataset digits
    python recipes/image_deep.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import ShiftedImages
from seqae.evaluation import pca_reconstruction, squared_distance
from seqae.report import embedding_figure, image_rows_figure, loss_figure, save_figure
from seqae.training import OneSidedShampoo

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "code_size": 10, "hidden_sizes": (200, 100), "epochs": 60, "batch_size": 100}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    code_size: int = 30,
    hidden_sizes: tuple[int, ...] = (1000, 500, 250),
    epochs: int = 60,
    batch_size: int = 500,
    learning_rate: float = 3e-3,
    shift: int = 1,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the autoencoder and compare it with principal components.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        code_size: Length of the code of an image.
        hidden_sizes: Sizes of the encoder's hidden layers; the decoder has them in reverse.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        shift: Pixels by which training images are moved at most; with less than 20 epochs 0 does better.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Seed of the split, the first weights, the order of images and their shifts.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs, batch_size, hidden_sizes = "digits", 3, 100, (60, 40)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    images, test = read_images(dataset, data_root, folder)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    pixels = int(np.prod(train.size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, hidden_sizes, embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, hidden_sizes[::-1], head=nn.Unflatten(1, train.size)),
    )
    initialize(model, train.array().mean(axis=0))
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}")
    print(f"model  {'-'.join(map(str, (pixels, *hidden_sizes, code_size)))} and back")

    task = seqae.Reconstruction(
        model,
        seqae.binary_cross_entropy,
        optimizer=lambda model: OneSidedShampoo(model.parameters(), learning_rate),
        lr_scheduler=seqae.cosine_with_warmup,
    )
    history = seqae.fit(
        task,
        seqae.make_loader(ShiftedImages(train, shift, seed) if shift else train, batch_size, seed),
        seqae.make_loader(valid, 1000, shuffle=False),
        epochs=epochs,
        patience=epochs,
        gradient_clip_val=None,
    )

    truth, mean_image = test.array(), images.array().mean(axis=0, keepdims=True)
    reconstructions = {
        "mean image": np.repeat(mean_image, len(test), axis=0),
        f"PCA-{code_size}": pca_reconstruction(images.array(), truth, min(code_size, len(images))),
        "autoencoder": expit(np.concatenate(seqae.reconstruct(model, test))).reshape(truth.shape),
    }
    metrics = {name: float(squared_distance(array, truth).mean()) for name, array in reconstructions.items()}

    rows = {"original": truth, **reconstructions}
    rows = {name: array[:14].reshape(-1, *test.size) for name, array in rows.items() if name != "mean image"}
    save_figure(image_rows_figure(rows, "Test images and their reconstructions"), run.path("rows.png"))
    save_figure(embedding_figure(seqae.encode(model, test), test.label_names), run.path("codes.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, "squared error": value} for name, value in metrics.items()], metrics)
    return metrics


def initialize(model: nn.Module, mean_image: np.ndarray) -> None:
    """Give a deep model first weights under which signals neither fade nor grow, and the mean image as output.

    He et al. 2015, https://arxiv.org/abs/1502.01852.

    Args:
        model: The network whose linear layers get new weights, in place.
        mean_image: `(pixel,)`, from 0 to 1.
    """
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    for layer in linear:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
    probability = torch.from_numpy(mean_image).clamp(1e-3, 1 - 1e-3)
    with torch.no_grad():
        linear[-1].bias.copy_(probability.logit())
        linear[-1].weight.mul_(0.3)


if __name__ == "__main__":
    cli.run(main)
