"""Compress images by convolutions and pooling: the code of a 28 x 28 image is 8 maps of 7 x 7.

Two convolutions, each followed by max pooling, and transposed convolutions back (Masci et al. 2011,
https://doi.org/10.1007/978-3-642-21735-7_7), on images binarised at one half.

    python recipes/image_conv.py --dataset digits
    python recipes/image_conv.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import binarize
from seqae.evaluation import image_cross_entropy, pca_reconstruction, squared_distance
from seqae.modules import conv_decoder, conv_encoder, downsampled_size
from seqae.report import image_rows_figure, loss_figure, save_figure
from seqae.training import OneSidedShampoo

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "epochs": 100}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    channels: tuple[int, ...] = (16, 8),
    epochs: int = 8,
    batch_size: int = 100,
    learning_rate: float = 4e-3,
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
        channels: Maps that each layer of the encoder computes, at half the size of the layer before.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Seed of the split, the first weights and the order of images.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs = "digits", 2
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    images, test = (part.with_transform(binarize) for part in read_images(dataset, data_root, folder))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    image_channels, height, width = train.size
    rows, columns = downsampled_size(height, width, len(channels))
    code_size = channels[-1] * rows * columns
    model = seqae.Autoencoder(
        seqae.ImageEncoder(conv_encoder((image_channels, *channels)), code_size),
        seqae.ConstantDecoder(conv_decoder((*channels[::-1], image_channels), height, width)),
    )
    print(
        f"data   {len(train)} + {len(valid)} + {len(test)} images of {image_channels} x {height} x {width}, binarised"
    )
    print(f"model  code of {channels[-1]} x {rows} x {columns}")

    task = seqae.Reconstruction(
        model,
        seqae.binary_cross_entropy,
        optimizer=lambda model: OneSidedShampoo(model.parameters(), learning_rate),
        lr_scheduler=seqae.cosine_with_warmup,
    )
    history = seqae.fit(
        task,
        seqae.make_loader(train, batch_size, seed),
        seqae.make_loader(valid, 1000, shuffle=False),
        epochs=epochs,
        patience=epochs,
    )

    truth = test.array().reshape(-1, *test.size)
    reconstruction = expit(np.concatenate(seqae.reconstruct(model, test)))
    pca = pca_reconstruction(images.array(), test.array(), min(code_size, height * width, len(images))).reshape(
        truth.shape
    )
    scores = {
        "autoencoder": errors(reconstruction, truth),
        "PCA, the same code size": errors(pca, truth, 0.01),
    }
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}

    shown = {"original": truth[:14], "autoencoder": reconstruction[:14], "PCA, the same code size": pca[:14]}
    save_figure(image_rows_figure(shown, "Test images and their reconstructions"), run.path("rows.png"))
    codes = seqae.encode(model, test)[:14].reshape(-1, channels[-1], 1, rows, columns)
    maps = {f"map {number}": 0.5 + 0.5 * codes[:, number] / np.abs(codes).max() for number in range(channels[-1])}
    save_figure(image_rows_figure(maps, "The code of these images, map by map (grey is zero)"), run.path("codes.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def errors(prediction: np.ndarray, truth: np.ndarray, margin: float = 1e-7) -> dict[str, float]:
    """Return the mean errors of images, `(image, channel, height, width)` each.

    Args:
        prediction: Probabilities of white; those nearer to 0 or 1 than the margin are moved to it.
        truth: 0 or 1.
        margin: For PCA, whose values are no probabilities, larger than for the autoencoder.
    """
    return {
        "cross-entropy": float(image_cross_entropy(prediction, truth, margin).mean()),
        "squared error": float(squared_distance(prediction, truth).mean()),
    }


if __name__ == "__main__":
    cli.run(main)
