"""Clean noisy images: a convolutional autoencoder that reads damage and writes what was there before.

Vincent et al. 2010, https://jmlr.org/papers/v11/vincent10a.html, on binarised images. The first noise is a tutorial's:
0.2 brighter, plus normal noise of deviation 0.2, cut to 0..1; its run on MNIST ends at a binary cross-entropy of 0.0308
nats per pixel. Beside it: the same without the cut, half of the pixels black, and a quarter of them black or white.

    python recipes/image_denoise.py --dataset digits
    python recipes/image_denoise.py --data-root folder/with/FashionMNIST --dataset fashion-mnist --noises cut

The convolutions skip pixels themselves: pooling forgets where in its square a value stood, and in fine noise that
counts. The code is four times as long as the image; what keeps it from copying is the noise. Filters that learn nothing
get their brightness, and the best guess from one pixel alone gets its odds, from images held out of the training.
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 15
RESULT = "MNIST, noise cut: 0.0017 nats per pixel, a tutorial's run 0.0308, the best guess from a pixel alone 0.0114"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    noises: tuple[str, ...] = ("cut", "not cut", "masked", "salt and pepper"),
    channels: tuple[int, ...] = (32, 64),
    epochs: int = 5,
    batch_size: int = 128,
    learning_rate: float = 6e-3,
    held_out: int = 2000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train an autoencoder for each noise and compare it with filters on the test images.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        noises: Some of cut, not cut, masked, salt and pepper.
        channels: Maps that each layer of the encoder writes, at half the size of the layer before.
        epochs: Passes over the training images for each noise.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        held_out: Training images for the filters; at most a sixth of them.
        seed: Of weights, order and noise.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch
    from scipy.special import expit
    from seqae.data.images.filters import median_filter, non_local_means

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.datasets.images import binarize
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.evaluation.images import image_cross_entropy, psnr, ssim
    from seqae.modules.images import ImageEncoder, conv_decoder, conv_encoder, downsampled_size
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.images import image_rows_figure
    from seqae.report.run import Run
    from seqae.training.optimizers import OneSidedShampoo, cosine_with_warmup
    from seqae.transforms.corruptions import Clamp, Compose, GaussianNoise, MaskValues, SaltAndPepper

    bright = GaussianNoise(0.2, mean=0.2)
    known = {
        "cut": Compose((bright, Clamp())),
        "not cut": bright,
        "masked": MaskValues(0.5),
        "salt and pepper": SaltAndPepper(0.25),
    }
    if unknown := [name for name in noises if name not in known]:
        raise ValueError(f"no noise {unknown[0]!r}. Choose among {', '.join(known)}")
    if smoke:
        dataset, epochs = "digits", 1
    seqae.configure_runtime()
    settings = dict(dataset=dataset, noises=noises, channels=channels, epochs=epochs, batch_size=batch_size, seed=seed)
    run = Run("image_denoise", out, settings)
    images, test = (part.with_transform(binarize) for part in read_images(dataset, data_root))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    colours, height, width = train.size
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {colours} x {height} x {width}, binarised")

    truth, known_truth = (part.array().reshape(-1, *part.size) for part in (test, valid))
    rows, columns = downsampled_size(height, width, len(channels))
    results, losses = [], {}

    def optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
        return OneSidedShampoo(model.parameters(), learning_rate)

    for name in noises:
        torch.manual_seed(seed)
        model = seqae.Autoencoder(
            ImageEncoder(conv_encoder((colours, *channels), pooled=False), channels[-1] * rows * columns),
            seqae.ConstantDecoder(conv_decoder((*channels[::-1], colours), height, width)),
        )
        task = seqae.Reconstruction(
            model,
            seqae.binary_cross_entropy,
            known[name],
            seed=seed,
            optimizer=optimizer,
            lr_scheduler=cosine_with_warmup,
        )
        losses[name] = seqae.fit(
            task, DataLoader(train, LengthBucketSampler(train.lengths, batch_size, seed)), epochs=epochs
        ).train

        noisy, known_noisy = (
            known[name](part.batch(np.arange(len(part))), torch.Generator().manual_seed(seed + number)).values
            for number, part in enumerate((test, valid), start=1)
        )
        flat, known_flat = noisy[:, 0].numpy(), known_noisy[:, 0].numpy()
        found = {"nothing done": flat}
        for method, clean in (("median filter", median_filter), ("non-local means", lambda x: non_local_means(x, 0.2))):
            slope, offset = np.polyfit(clean(known_flat).ravel(), known_truth.ravel(), 1)
            found[method] = (slope * clean(flat) + offset).clip(0, 1)
        found["best guess from a pixel"] = guess(flat, known_flat, known_truth)
        found["autoencoder"] = expit(np.concatenate(seqae.reconstruct(model, noisy)))
        results += [
            {
                "noise": name,
                "method": method,
                "cross-entropy": float(image_cross_entropy(images, truth).mean()) if images.min() > 0 else None,
                "PSNR dB": float(psnr(images.clip(0, 1), truth).mean()),
                "SSIM": float(ssim(images.clip(0, 1), truth).mean()),
            }
            for method, images in found.items()
        ]
        shown = {"clean": truth, "noisy": flat, **dict(list(found.items())[:0:-1])}
        picture = image_rows_figure({row: images[:14] for row, images in shown.items()}, f"Test images, noise: {name}")
        save_figure(picture, run.path(f"rows-{name.replace(' ', '-')}.png"))
        seqae.save(model, run.path(f"model-{name.replace(' ', '-')}"))

    save_figure(loss_figure(losses), run.path("loss.png"))
    metrics = {
        f"{line['noise']}, {line['method']}: {key}": line[key]
        for line in results
        for key in ("cross-entropy", "PSNR dB", "SSIM")
        if line[key] is not None
    }
    run.finish(results, metrics)
    return metrics


def guess(noisy: np.ndarray, known_noisy: np.ndarray, known_truth: np.ndarray, bins: int = 100) -> np.ndarray:
    """Return the chance that a pixel was white given its own value alone, counted in images whose truth is known."""
    edges = np.linspace(known_noisy.min(), known_noisy.max(), bins + 1)[1:-1]
    places = np.digitize(known_noisy, edges)
    white = np.bincount(places.ravel(), weights=known_truth.ravel(), minlength=bins)
    return ((white + 0.5) / (np.bincount(places.ravel(), minlength=bins) + 1))[np.digitize(noisy, edges)]


if __name__ == "__main__":
    cli.run(main)
