"""Draw digits that nobody wrote: variational autoencoder, and how likely it holds true ones to be.

Kingma & Welling 2013, https://arxiv.org/abs/1312.6114. Three models: one with two code numbers, for the picture of
their plane; a plain autoencoder, to see whether it can be drawn from; and one with fifty code numbers on images that
are binarised anew each time they are seen. Its negative log-likelihood is bounded by 5,000 samples an image (Burda et
al. 2015, https://arxiv.org/abs/1509.00519). Since that takes long, the bound by 100 samples is computed for all test
images, and for some of them how much lower 5,000 samples come; the mean of both together is printed with its
standard error.

    python recipes/image_variational.py --dataset digits --epochs 200
    python recipes/image_variational.py --data-root folder/with/MNIST
    python recipes/image_variational.py --data-root folder/with/MNIST --weighted-epochs 6
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 25
RESULT = "MNIST: 85.4 nats an image, importance-weighted 84.3; published 86.8, 84.8"
PUBLISHED = {"published: VAE": 86.76, "published: IWAE, 50 samples": 84.78}  # Burda et al. 2015, one layer of 50


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    code_size: int = 50,
    maps: tuple[int, ...] = (32, 64),
    hidden: int = 256,
    epochs: int = 30,
    quick_epochs: int = 3,
    weighted_epochs: int = 0,
    samples: int = 5,
    batch_size: int = 200,
    learning_rate: float = 3e-3,
    held_out: int = 400,
    bound_samples: int = 5000,
    bound_images: int = 200,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the models, bound the likelihood of test images, and draw.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        code_size: Numbers in the code of an image.
        maps: That each convolution of the encoder writes; the decoder has them in reverse.
        hidden: Length of the vector between convolutions and code.
        epochs: Passes over the training images.
        quick_epochs: Of the model with two code numbers and of the plain autoencoder.
        weighted_epochs: More epochs that judge an image by several codes: an importance-weighted autoencoder.
        samples: Codes drawn for each image in these.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        held_out: Training images whose bound is printed, to choose settings by; at most a sixth of them.
        bound_samples: Codes by which the likelihood of a test image is bounded.
        bound_images: Test images for which that many are drawn.
        seed: Of weights, order and draws.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.datasets.images import sample_binary, to_float
    from seqae.evaluation.likelihood import active_units, estimate_nll, kl_per_unit
    from seqae.generation import decode_codes, interpolate, manifold_grid, sample_fitted_gaussian, sample_prior
    from seqae.report import loss_figure, save_figure
    from seqae.report.figures.images import grid_figure, image_rows_figure
    from seqae.report.run import Run, table

    if smoke:
        dataset, epochs, quick_epochs, maps, hidden, code_size = "digits", 2, 1, (4, 8), 40, 8
        weighted_epochs, bound_samples, bound_images = 1, 200, 20
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(dataset=dataset, code_size=code_size, maps=maps, hidden=hidden, batch_size=batch_size, seed=seed)
    settings |= dict(epochs=epochs, quick_epochs=quick_epochs, weighted_epochs=weighted_epochs, samples=samples)
    settings |= dict(learning_rate=learning_rate, bound_images=bound_images)
    run = Run("image_variational", out, settings)
    images, test = (part.with_transform(sample_binary) for part in read_images(dataset, data_root))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    grey_test = test.with_transform(to_float)
    valid, test = valid.materialize(), test.materialize()
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}, binarised")

    def trained(size: int, epochs: int, variational: bool = True):
        model = autoencoder(train.size, size, maps, hidden, variational)
        return model, learn(model, train, epochs, 1, batch_size, learning_rate, seed)

    plane, _ = trained(2, quick_epochs)
    plain, _ = trained(code_size, quick_epochs, variational=False)
    model, losses = trained(code_size, epochs)
    if weighted_epochs:
        learn(model, train, weighted_epochs, samples, batch_size, learning_rate / 3, seed)

    codes, plain_codes = seqae.encode(model, test), seqae.encode(plain, train)
    nats = kl_per_unit(model, test.batch(np.arange(len(test)))).mean(axis=0)
    held, _ = estimate_nll(model, valid, min(bound_samples, 500), len(valid), seed)
    found, error = estimate_nll(model, test, bound_samples, bound_images, seed)
    metrics = {
        "held-out images, nats": held,
        "test images, nats": found,
        "standard error, nats": error,
        "divergence, nats": float(nats.sum()),
        "active units": active_units(codes),
    }
    print(f"code   {metrics['active units']} of {code_size} numbers are active, {nats.sum():.1f} nats an image")
    print(f"bound  test images {found:.2f} nats (standard error {error:.2f}), held-out images {held:.2f}")

    count = min(1000, len(test))
    normal = sample_prior(count, code_size, seed)
    written = {
        f"autoencoder, codes as those of images ({quick_epochs} epochs)": (
            plain,
            sample_fitted_gaussian(plain_codes, count, seed),
        ),
        f"autoencoder, standard normal codes ({quick_epochs} epochs)": (plain, normal),
        f"VAE, 2 numbers ({quick_epochs} epochs)": (plane, sample_prior(count, 2, seed)),
        f"VAE, {code_size} numbers ({epochs} epochs)": (model, normal),
    }
    sheets = {name: chances(decode_codes(*what)) for name, what in written.items()}
    sheets = {
        "training images": train.with_transform(to_float).subset(np.arange(count)).array().reshape(-1, *train.size)
    } | sheets
    results = likeness(images.with_transform(to_float), grey_test.subset(np.arange(count)), sheets)
    metrics |= {f"{line['drawn from']}: {key}": line[key] for line in results for key in list(line)[1:]}

    ours = f"ours: {f'IWAE, {samples} samples' if weighted_epochs else 'VAE'}"
    bounds = {ours: found} | (PUBLISHED if dataset == "mnist" else {})
    print(table([{"negative log-likelihood of test images": name, "nats": value} for name, value in bounds.items()]))
    rows = {name.partition(" (")[0]: pictures[:14] for name, pictures in sheets.items()}
    save_figure(image_rows_figure(rows, "Images that were drawn"), run.path("samples.png"))
    grid = chances(decode_codes(plane, manifold_grid(20))).reshape(20, 20, *train.size)
    save_figure(grid_figure(grid, "The plane of codes, decoded"), run.path("manifold.png"))
    ways = interpolate(codes[:8], codes[8:16], 12)
    steps = chances(decode_codes(model, ways.reshape(-1, code_size))).reshape(8, 12, *train.size)
    save_figure(grid_figure(steps, "From one test image to another"), run.path("between.png"))
    save_figure(loss_figure({"train": losses}), run.path("loss.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def autoencoder(size: tuple[int, int, int], code_size: int, maps: tuple[int, ...], hidden: int, variational: bool):
    """Return a new autoencoder of convolutions for images of a size; its penalty is in nats a pixel, as its error."""
    from torch import nn

    import seqae
    from seqae.modules.images import ImageEncoder, frame_decoder, frame_encoder

    numbers = code_size * (1 + variational)
    embed = nn.Sequential(frame_encoder(size, maps, hidden), nn.LeakyReLU(0.1), nn.Linear(hidden, numbers))
    head = nn.Sequential(nn.Linear(code_size, hidden), nn.LeakyReLU(0.1), frame_decoder(hidden, maps[::-1], size))
    code = seqae.GaussianCode(weight=1 / int(np.prod(size))) if variational else None
    return seqae.Autoencoder(ImageEncoder(embed, numbers), seqae.ConstantDecoder(head), code)


def learn(model, images, epochs: int, samples: int, batch_size: int, learning_rate: float, seed: int) -> list[float]:
    """Train a model and return the loss of each epoch, nats a pixel or, with more than one sample, nats an image."""
    import torch

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.training.optimizers import OneSidedShampoo, cosine_with_warmup
    from seqae.training.tasks.iwae import IWAE

    def optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
        return OneSidedShampoo(model.parameters(), learning_rate)

    task = seqae.Reconstruction(model, seqae.binary_cross_entropy, optimizer=optimizer, lr_scheduler=cosine_with_warmup)
    if samples > 1:
        task = IWAE(model, seqae.binary_cross_entropy, samples, optimizer, cosine_with_warmup)
    loader = DataLoader(images, LengthBucketSampler(images.lengths, batch_size, seed))
    return seqae.fit(task, loader, epochs=epochs, gradient_clip_val=None).train


def likeness(images, test, sheets: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """Return how like test images the drawn ones are, in fifty principal components of the training images.

    Frechet distance (Heusel et al. 2017, https://arxiv.org/abs/1706.08500) and the share that their nearest neighbours
    tell apart (Lopez-Paz & Oquab 2017, https://arxiv.org/abs/1610.06545), 0.5 if they can't.
    """
    from sklearn.decomposition import PCA

    from seqae.generation import frechet_distance, two_sample_accuracy

    components = PCA(min(50, len(test) // 2, np.prod(test.size)), svd_solver="full").fit(images.array())
    true = components.transform(test.array())
    places = {name: components.transform(pictures.reshape(len(pictures), -1)) for name, pictures in sheets.items()}
    return [
        {
            "drawn from": name,
            "Frechet distance": frechet_distance(true, rows),
            "told apart by neighbours": two_sample_accuracy(true, rows),
        }
        for name, rows in places.items()
    ]


def chances(logits: np.ndarray) -> np.ndarray:
    """Return the brightness of pixels from 0 to 1, (image, channel, height, width), of decoded images."""
    from scipy.special import expit

    return expit(logits[:, 0])


if __name__ == "__main__":
    cli.run(main)
