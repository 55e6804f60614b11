"""Compress images by convolutions: the code of a 28 x 28 image is 8 maps of 7 x 7, or a vector.

Two convolutions and transposed convolutions back (Masci et al. 2011, https://doi.org/10.1007/978-3-642-21735-7_7), of
stride 2 in place of max pooling (Springenberg et al. 2014, https://arxiv.org/abs/1412.6806): where a stroke lies in
its 2 x 2 pixels is what the code must tell, and pooling forgets it.

    python recipes/image_conv.py --dataset digits
    python recipes/image_conv.py --data-root folder/with/MNIST
    python recipes/image_conv.py --gray --code-size 32 --hidden-sizes 256 --channels 16 64 --epochs 20
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import binarize
from seqae.evaluation import image_cross_entropy, pca_reconstruction, squared_distance
from seqae.modules import conv_decoder, conv_encoder, downsampled_size, mlp
from seqae.report import image_rows_figure, loss_figure, save_figure
from seqae.training import OneSidedShampoo

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "epochs": 140}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    channels: tuple[int, ...] = (64, 8),
    code_size: int = 0,
    hidden_sizes: tuple[int, ...] = (),
    gray: bool = False,
    epochs: int = 4,
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
        code_size: Length of a code that linear layers make of the last maps and turn back; 0 takes the maps themselves.
        hidden_sizes: Sizes of further layers between the last maps and such a code.
        gray: Whether images keep their shades of gray; otherwise they are binarised at one half.
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
    images, test = read_images(dataset, data_root, folder)
    images, test = (images, test) if gray else (images.with_transform(binarize), test.with_transform(binarize))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    image_channels, height, width = train.size
    rows, columns = downsampled_size(height, width, len(channels))
    maps_size = channels[-1] * rows * columns
    encoder = conv_encoder((image_channels, *channels), pooled=False, activation=nn.SiLU)
    decoder = conv_decoder((*channels[::-1], image_channels), height, width, activation=nn.SiLU)
    if code_size:
        sizes = (maps_size, *hidden_sizes, code_size)
        encoder.extend([nn.SiLU(), mlp(sizes)])
        decoder = nn.Sequential(mlp(sizes[::-1]), nn.SiLU(), decoder)
    code_size = code_size or maps_size
    model = seqae.Autoencoder(seqae.ImageEncoder(encoder, code_size), seqae.ConstantDecoder(decoder))
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {image_channels} x {height} x {width}")
    print(f"model  {channels[-1]} maps of {rows} x {columns}, code of {code_size} numbers")

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

    truth, fitted, pixels = test.array(), valid.array()[:2000], int(np.prod(test.size))
    pca = pca_reconstruction(images.array(), np.concatenate([fitted, truth]), min(code_size, pixels, len(images)))
    reconstructions = {
        "autoencoder": expit(np.concatenate(seqae.reconstruct(model, test)).reshape(truth.shape)),
        "PCA, the same code size": pca[len(fitted) :].clip(0.01, 0.99),
        "PCA, calibrated": calibrated(pca[: len(fitted)], fitted)(pca[len(fitted) :]),
    }
    scores = {name: errors(prediction, truth) for name, prediction in reconstructions.items()}
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}

    shown = {name: array[:14].reshape(-1, *test.size) for name, array in {"original": truth, **reconstructions}.items()}
    save_figure(image_rows_figure(shown, "Test images and their reconstructions"), run.path("rows.png"))
    if code_size == maps_size:
        codes = seqae.encode(model, test)[:14].reshape(-1, channels[-1], 1, rows, columns)
        maps = {f"map {number}": 0.5 + 0.5 * codes[:, number] / np.abs(codes).max() for number in range(channels[-1])}
        save_figure(image_rows_figure(maps, "The code of these images (gray is zero)"), run.path("codes.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def calibrated(values: np.ndarray, truth: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a logistic function from values of pixels to probabilities of white, fitted to pixels that are known.

    Args:
        values: Reconstructed images, `(image, pixel)`.
        truth: The images, from 0 to 1; a gray pixel counts as partly white and partly black.
    """
    twice, white = np.tile(values.reshape(-1, 1), (2, 1)), np.repeat([True, False], values.size)
    weights = np.concatenate([truth.ravel(), 1 - truth.ravel()])
    model = LogisticRegression(C=np.inf).fit(twice, white, sample_weight=weights)
    return lambda pixels: model.predict_proba(pixels.reshape(-1, 1))[:, 1].reshape(pixels.shape)


def errors(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Return the mean errors of images, given probabilities of white and the truth, `(image, pixel)` both."""
    return {
        "cross-entropy": float(image_cross_entropy(prediction, truth).mean()),
        "squared error": float(squared_distance(prediction, truth).mean()),
        "wrong pixels": float(((prediction >= 0.5) != (truth >= 0.5)).sum(axis=1).mean()),
    }


if __name__ == "__main__":
    cli.run(main)
