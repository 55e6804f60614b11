"""Generate digits: a variational autoencoder, and the likelihood that it assigns to real ones.

Kingma & Welling 2013, https://arxiv.org/abs/1312.6114. It is compared with a VAE with two code units, for a picture of
their plane, and a plain autoencoder, to see whether one can sample from it. Images are binarised anew each time they
are read; the negative log-likelihood is bounded by importance sampling (Burda et al. 2015, https://arxiv.org/abs/1509.00519).

    python recipes/image_variational/image_variational.py --dataset digits --epochs 200
    python recipes/image_variational/image_variational.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from sample_quality import sample_quality
from scipy.special import expit
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import sample_binary, to_float
from seqae.evaluation import active_units, estimate_nll, kl_per_unit
from seqae.generation import decode_codes, interpolate, manifold_grid, sample_fitted_gaussian, sample_prior
from seqae.modules import frame_decoder, frame_encoder
from seqae.report import grid_figure, image_rows_figure, loss_figure, save_figure
from seqae.training import OneSidedShampoo

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "code_size": 10, "epochs": 60, "short_epochs": 60, "bound_samples": 200}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    code_size: int = 50,
    channels: tuple[int, ...] = (32, 64),
    hidden_size: int = 256,
    epochs: int = 30,
    short_epochs: int = 3,
    batch_size: int = 200,
    learning_rate: float = 3e-3,
    bound_samples: int = 5000,
    bound_images: int = 200,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the models, bound the likelihood of test images, and draw samples.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        code_size: Length of the code of an image.
        channels: Maps that each convolution of the encoder computes; the decoder has them in reverse.
        hidden_size: Length of the vector between convolutions and code.
        epochs: Passes over the training images.
        short_epochs: The same for the model with two code units and for the plain autoencoder.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        bound_samples: Codes by which the likelihood of a test image is bounded.
        bound_images: Test images for which that many are drawn; the others get 100.
        seed: Seed of the split, the first weights, the order of images and the samples.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs, short_epochs, channels, hidden_size, code_size = "digits", 2, 1, (4, 8), 40, 8
        bound_samples, bound_images = 200, 20
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    images, test = (part.with_transform(sample_binary) for part in read_images(dataset, data_root, folder))
    train, valid = images.split(min(400, len(images) // 6), seed)
    valid, binary_test = valid.materialize(), test.materialize()
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}, binarised")
    models, losses = {}, {}
    kinds = {"plane": (2, short_epochs), "plain": (code_size, short_epochs), "VAE": (code_size, epochs)}
    for name, (size, passes) in kinds.items():
        models[name] = autoencoder(train.size, size, channels, hidden_size, variational=name != "plain")
        task = seqae.Reconstruction(
            models[name],
            seqae.binary_cross_entropy,
            optimizer=lambda model: OneSidedShampoo(model.parameters(), learning_rate),
            lr_scheduler=seqae.cosine_with_warmup,
        )
        loader = seqae.make_loader(train, batch_size, seed)
        losses[name] = seqae.fit(task, loader, epochs=passes, gradient_clip_val=None).train

    model, count = models["VAE"], min(1000, len(test))
    normal, plain_codes = sample_prior(count, code_size, seed), seqae.encode(models["plain"], train)
    samples = {
        "training images": train.with_transform(to_float).subset(np.arange(count)).array().reshape(-1, *train.size),
        "autoencoder, fitted normal": decoded(models["plain"], sample_fitted_gaussian(plain_codes, count, seed)),
        "autoencoder, standard normal": decoded(models["plain"], normal),
        "VAE, 2 units": decoded(models["plane"], sample_prior(count, 2, seed)),
        "VAE": decoded(model, normal),
    }
    grey_images, grey_test = (part.with_transform(to_float).array() for part in (images, test))
    quality = sample_quality(grey_images, grey_test[:count], samples)
    codes, batch = seqae.encode(model, binary_test), binary_test.batch(np.arange(len(test)))
    nll, error = estimate_nll(model, binary_test, bound_samples, bound_images, seed)
    metrics = {
        "test images, nats": nll,
        "standard error, nats": error,
        "held-out images, nats": estimate_nll(model, valid, min(bound_samples, 500), len(valid), seed)[0],
        "KL, nats": float(kl_per_unit(model, batch).mean(axis=0).sum()),
        "active units": active_units(codes),
    }
    print("\n".join(f"{name}  {value:.4g}" for name, value in metrics.items()))
    metrics |= {f"{name}: {key}": value for name, row in quality.items() for key, value in row.items()}

    shown = {name: drawn[:14] for name, drawn in samples.items()}
    save_figure(image_rows_figure(shown, "Samples"), run.path("samples.png"))
    plane = decoded(models["plane"], manifold_grid(20)).reshape(20, 20, *train.size)
    save_figure(grid_figure(plane, "The plane of codes, decoded"), run.path("manifold.png"))
    between = decoded(model, interpolate(codes[:8], np.roll(codes, -1, axis=0)[:8], 12).reshape(-1, code_size))
    between = grid_figure(between.reshape(-1, 12, *train.size), "From one test image to the next")
    save_figure(between, run.path("between.png"))
    save_figure(loss_figure({"train": losses["VAE"]}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"samples of": name, **row} for name, row in quality.items()], metrics)
    return metrics


def autoencoder(
    size: tuple[int, int, int], code_size: int, channels: tuple[int, ...], hidden_size: int, variational: bool
) -> seqae.Autoencoder:
    """Return a new convolutional autoencoder; its KL divergence is in nats per pixel, as its error is."""
    outputs = code_size * (1 + variational)  # mean and log variance of each unit
    embed = nn.Sequential(
        frame_encoder(size, channels, hidden_size), nn.LeakyReLU(0.1), nn.Linear(hidden_size, outputs)
    )
    head = nn.Sequential(
        nn.Linear(code_size, hidden_size), nn.LeakyReLU(0.1), frame_decoder(hidden_size, channels[::-1], size)
    )
    code = seqae.GaussianCode(1 / int(np.prod(size))) if variational else None
    return seqae.Autoencoder(seqae.ImageEncoder(embed, outputs), seqae.ConstantDecoder(head), code)


def decoded(model: seqae.Autoencoder, codes: np.ndarray) -> np.ndarray:
    """Return the images of codes `(image, unit)`: probabilities of white, `(image, channel, height, width)`."""
    return expit(decode_codes(model, codes)[:, 0])


if __name__ == "__main__":
    cli.run(main)
