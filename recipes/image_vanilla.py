"""Map all digits to a plane: a fully connected autoencoder with two code units, beside two principal components.

The first autoencoder of most tutorials: 784-128-32-2 and back, on images binarised at one half.

    python recipes/image_vanilla.py --dataset digits
    python recipes/image_vanilla.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from scipy.special import expit
from sklearn.decomposition import PCA
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import binarize
from seqae.evaluation import image_cross_entropy, squared_distance
from seqae.report import embedding_figure, grid_figure, image_rows_figure, loss_figure, save_figure
from seqae.retrieval import neighbour_purity

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "epochs": 100, "batch_size": 64}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
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
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        code_size: Length of the code of an image.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Seed of the split, the first weights and the order of images.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs, batch_size = "digits", 2, 64
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    images, test = (part.with_transform(binarize) for part in read_images(dataset, data_root, folder))
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    pixels = int(np.prod(train.size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, hidden_sizes=(128, 32), embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, hidden_sizes=(32, 128), head=nn.Unflatten(1, train.size)),
    )
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}, binarised")

    task = seqae.Reconstruction(
        model, seqae.binary_cross_entropy, learning_rate=learning_rate, lr_scheduler=seqae.cosine_with_warmup
    )
    history = seqae.fit(
        task,
        seqae.make_loader(train, batch_size, seed),
        seqae.make_loader(valid, 1000, shuffle=False),
        epochs=epochs,
        patience=epochs,
    )

    truth, codes = test.array(), seqae.encode(model, test)
    reconstruction = expit(np.concatenate(seqae.reconstruct(model, test))).reshape(truth.shape)
    pca = PCA(code_size, svd_solver="full").fit(images.array())
    pca_codes = pca.transform(truth)
    pca_reconstruction = pca.inverse_transform(pca_codes)
    mean_image = np.broadcast_to(images.array().mean(axis=0), truth.shape)
    scores = {
        "mean image": errors(mean_image, truth),
        f"PCA-{code_size}": errors(pca_reconstruction, truth, 0.01),
        "autoencoder": errors(reconstruction, truth),
    }
    if test.labels is not None:
        near = min(10, len(test) - 1)
        scores[f"PCA-{code_size}"]["purity"] = neighbour_purity(pca_codes, test.labels, near)
        scores["autoencoder"]["purity"] = neighbour_purity(codes, test.labels, near)
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}

    rows = {"original": truth, "autoencoder": reconstruction, "PCA": pca_reconstruction}
    rows = {name: array[:14].reshape(-1, *test.size) for name, array in rows.items()}
    save_figure(image_rows_figure(rows, "Test images and their reconstructions"), run.path("rows.png"))
    save_figure(embedding_figure(codes, test.label_names), run.path("codes.png"))
    save_figure(embedding_figure(pca_codes, test.label_names), run.path("pca.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    if code_size == 2:
        save_figure(grid_figure(decoded_plane(model, codes), "The plane of codes, decoded"), run.path("manifold.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish([{"method": name, **row} for name, row in scores.items()], metrics)
    return metrics


def errors(prediction: np.ndarray, truth: np.ndarray, margin: float = 1e-7) -> dict[str, float]:
    """Return the mean errors of images `(image, pixel)`; values nearer to 0 or 1 than the margin are moved to it."""
    return {
        "cross-entropy": float(image_cross_entropy(prediction, truth, margin).mean()),
        "squared error": float(squared_distance(prediction, truth).mean()),
    }


def decoded_plane(model: seqae.Autoencoder, codes: np.ndarray, side: int = 20) -> np.ndarray:
    """Return decoded points of a grid over the middle 90 % of the codes, `(side, side, channel, height, width)`."""
    low, high = np.quantile(codes, 0.05, axis=0), np.quantile(codes, 0.95, axis=0)
    across, up = np.meshgrid(np.linspace(low[0], high[0], side), np.linspace(high[1], low[1], side))
    grid = torch.tensor(np.stack([across.ravel(), up.ravel()], axis=1), dtype=torch.float32)
    with torch.inference_mode():
        images = model.decode(grid, torch.ones(len(grid), dtype=torch.long)).steps.sigmoid()
    return images.numpy().reshape(side, side, *images.shape[1:])


if __name__ == "__main__":
    cli.run(main)
