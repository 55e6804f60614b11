"""Clean noisy images: a convolutional autoencoder that reads noisy images and reconstructs the clean ones.

Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, on binarised images. The convolutions are strided,
since max pooling loses positions; the noise keeps the long code from being a copy.

    python recipes/image_denoise.py --dataset digits
    python recipes/image_denoise.py --data-root folder/with/FashionMNIST --dataset fashion-mnist --noise masked
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import median_filter
from scipy.special import expit
from skimage.restoration import denoise_nl_means

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import ImageDataset, binarize
from seqae.evaluation import image_cross_entropy, psnr, ssim
from seqae.modules import conv_decoder, conv_encoder, downsampled_size
from seqae.report import image_rows_figure, loss_figure, save_figure
from seqae.training import OneSidedShampoo
from seqae.transforms import Clamp, Compose, GaussianNoise, MaskValues, SaltAndPepper

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "epochs": 30}
NOISES: dict[str, Callable[[seqae.Batch, torch.Generator], seqae.Batch]] = {
    "gaussian": Compose((GaussianNoise(0.2, mean=0.2), Clamp())),
    "unclipped": GaussianNoise(0.2, mean=0.2),
    "masked": MaskValues(0.5),
    "salt-and-pepper": SaltAndPepper(0.25),
}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    noise: str = "gaussian",
    channels: tuple[int, ...] = (32, 64),
    epochs: int = 5,
    batch_size: int = 128,
    learning_rate: float = 6e-3,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train an autoencoder for one noise and compare it with filters on the test images.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        noise: The noise: gaussian (mean 0.2, standard deviation 0.2, clipped), unclipped, masked, salt-and-pepper.
        channels: Maps that each layer of the encoder computes, at half the size of the layer before.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        held_out: Training images on which the filters are calibrated; at most a sixth of them.
        seed: Seed of the split, the first weights, the order of images and the noise.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if noise not in NOISES:
        raise ValueError(f"no noise {noise!r}. Choose one of {', '.join(NOISES)}")
    if smoke:
        dataset, epochs = "digits", 1
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)
    learnt, test = (part.with_transform(binarize) for part in read_images(dataset, data_root, folder))
    train, valid = learnt.split(min(held_out, len(learnt) // 6), seed)
    image_channels, height, width = train.size
    code_size = channels[-1] * int(np.prod(downsampled_size(height, width, len(channels))))
    model = seqae.Autoencoder(
        seqae.ImageEncoder(conv_encoder((image_channels, *channels), pooled=False), code_size),
        seqae.ConstantDecoder(conv_decoder((*channels[::-1], image_channels), height, width)),
    )
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {height} x {width} pixels, binarised")

    task = seqae.Reconstruction(
        model,
        seqae.binary_cross_entropy,
        NOISES[noise],
        seed=seed,
        optimizer=lambda model: OneSidedShampoo(model.parameters(), learning_rate),
        lr_scheduler=seqae.cosine_with_warmup,
    )
    history = seqae.fit(task, seqae.make_loader(train, batch_size, seed), epochs=epochs)

    truth, noisy = clean_and_noisy(test, noise, seed + 1)
    reconstructions = {
        "no filter": noisy,
        **filtered(noisy, *clean_and_noisy(valid, noise, seed + 2)),
        "autoencoder": expit(np.concatenate(seqae.reconstruct(model, list(noisy[:, None])))),
    }
    scores = {}
    for name, array in reconstructions.items():
        shown = array.clip(0, 1)
        scores[name] = {"PSNR dB": float(psnr(shown, truth).mean()), "SSIM": float(ssim(shown, truth).mean())}
    for name in ("pixel posterior", "autoencoder"):  # the others are no probabilities
        scores[name]["cross-entropy"] = float(image_cross_entropy(reconstructions[name], truth).mean())
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}
    rows = {name: array[:14] for name, array in {"clean": truth, **reconstructions}.items()}
    save_figure(image_rows_figure(rows, f"Test images, noise: {noise}"), run.path("rows.png"))
    save_figure(loss_figure({"train": history.train}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def clean_and_noisy(images: ImageDataset, noise: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images without and with noise, `(image, channel, height, width)` each."""
    batch = images.batch(np.arange(len(images)))
    noisy = NOISES[noise](batch, torch.Generator().manual_seed(seed))
    return batch.steps.numpy(), noisy.steps.numpy()


def filtered(noisy: np.ndarray, valid_truth: np.ndarray, valid_noisy: np.ndarray) -> dict[str, np.ndarray]:
    """Return noisy images as filters without training clean them; held-out images set brightness and contrast."""
    found = {}
    for name, clean in (("median filter", medians), ("non-local means", non_local_means)):
        slope, offset = np.polyfit(clean(valid_noisy).ravel(), valid_truth.ravel(), 1)
        found[name] = (slope * clean(noisy) + offset).clip(0, 1)
    edges = np.linspace(valid_noisy.min(), valid_noisy.max(), 101)[1:-1]
    bins = np.digitize(valid_noisy, edges).ravel()
    white = np.bincount(bins, weights=valid_truth.ravel(), minlength=100)
    probability = (white + 0.5) / (np.bincount(bins, minlength=100) + 1)  # given the own noisy value alone
    return found | {"pixel posterior": probability[np.digitize(noisy, edges)]}


def medians(images: np.ndarray) -> np.ndarray:
    """Return the median of 3 x 3 pixels around each one of `(image, channel, height, width)`."""
    return median_filter(images, size=(1, 1, 3, 3), mode="nearest")


def non_local_means(images: np.ndarray) -> np.ndarray:
    """Return means of pixels whose surroundings look alike (Buades et al. 2005)."""
    maps = images.reshape(-1, *images.shape[2:])
    return np.stack([denoise_nl_means(each, 5, 6, fast_mode=False, sigma=0.2) for each in maps]).reshape(images.shape)


if __name__ == "__main__":
    cli.run(main)
