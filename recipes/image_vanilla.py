"""Draw all digits in a plane: fully connected autoencoder with two code numbers, beside two principal components.

The first autoencoder of most tutorials, 784-128-32-2 and back, on binarised MNIST; a tutorial's run of it ends at a
binary cross-entropy of 0.1712 nats per pixel on the test images.

    python recipes/image_vanilla.py --dataset digits
    python recipes/image_vanilla.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 5
RESULT = "MNIST, 2 code numbers: cross-entropy 0.1694 nats per pixel; PCA 0.230, a tutorial's run 0.1712"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    code_size: int = 2,
    epochs: int = 40,
    batch_size: int = 256,
    learning_rate: float = 3e-3,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the autoencoder, compare it with principal components, and draw the plane of codes.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        code_size: Numbers in the code of an image.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Of weights and order.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch
    from scipy.special import expit
    from sklearn.decomposition import PCA
    from torch import nn

    import seqae
    from seqae.data.images.mnist import class_names, read_images
    from seqae.datasets.images import binarize
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.evaluation.images import image_cross_entropy, squared_distance
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.figures.images import grid_figure, image_rows_figure
    from seqae.report.run import Run
    from seqae.retrieval import neighbour_purity
    from seqae.training.optimizers import cosine_with_warmup

    if smoke:
        dataset, epochs, batch_size = "digits", 2, 64
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(dataset=dataset, code_size=code_size, epochs=epochs, batch_size=batch_size, seed=seed)
    run = Run("image_vanilla", out, {**settings, "learning_rate": learning_rate, "held_out": held_out})
    images, test = (part.with_transform(binarize) for part in read_images(dataset, data_root))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}, binarised")

    pixels = int(np.prod(train.size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, hidden_sizes=(128, 32), embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, hidden_sizes=(32, 128), head=nn.Unflatten(1, train.size)),
    )
    task = seqae.Reconstruction(
        model, seqae.binary_cross_entropy, learning_rate=learning_rate, lr_scheduler=cosine_with_warmup
    )
    history = seqae.fit(
        task,
        DataLoader(train, LengthBucketSampler(train.lengths, batch_size, seed)),
        DataLoader(valid, LengthBucketSampler(valid.lengths, 1000, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )

    truth = test.array()
    written = expit(np.concatenate(seqae.reconstruct(model, test))).reshape(truth.shape)
    codes = seqae.encode(model, test)
    components = PCA(code_size, svd_solver="full").fit(images.array())
    plane = components.transform(truth)
    flat = components.inverse_transform(plane)
    mean = np.broadcast_to(images.array().mean(axis=0), truth.shape)
    results = [
        {
            "method": name,
            "cross-entropy": float(image_cross_entropy(found, truth, least).mean()),
            "squared error": float(squared_distance(found, truth).mean()),
            "purity": None if places is None else neighbour_purity(places, test.labels),
        }
        for name, found, least, places in (
            ("mean image", mean, 1e-7, None),
            (f"PCA-{code_size}, cut to 0.01..0.99", flat, 0.01, plane),
            (f"autoencoder, {code_size} code numbers", written, 1e-7, codes),
        )
    ]
    metrics = {
        f"{line['method']}: {key}": line[key] for line in results for key in list(line)[1:] if line[key] is not None
    }
    if dataset == "mnist" and code_size == 2:
        results.append({"method": "a tutorial's run", "cross-entropy": 0.1712, "squared error": None, "purity": None})

    names = np.array(class_names(dataset))[test.labels]
    rows = {"original": truth, "autoencoder": written, "PCA": flat}
    rows = {name: pictures[:14].reshape(-1, *test.size) for name, pictures in rows.items()}
    save_figure(image_rows_figure(rows, "Test images and their reconstructions"), run.path("rows.png"))
    save_figure(embedding_figure(codes, names), run.path("codes.png"))
    save_figure(embedding_figure(plane, names), run.path("pca.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    if code_size == 2:
        save_figure(grid_figure(plane_of(model, codes), "The plane of codes, decoded"), run.path("manifold.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def plane_of(model, codes: np.ndarray, side: int = 20) -> np.ndarray:
    """Return decoded points of a grid over the middle 90 % of the codes, (side, side, channel, height, width)."""
    import torch

    left, top = np.quantile(codes, 0.05, axis=0), np.quantile(codes, 0.95, axis=0)
    across, up = np.meshgrid(np.linspace(left[0], top[0], side), np.linspace(top[1], left[1], side))
    grid = torch.tensor(np.stack([across.ravel(), up.ravel()], axis=1), dtype=torch.float32)
    with torch.inference_mode():
        written = model.decode(grid, torch.ones(len(grid), dtype=torch.long)).steps.sigmoid()
    return written.numpy().reshape(side, side, *written.shape[1:])


if __name__ == "__main__":
    cli.run(main)
