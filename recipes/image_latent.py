"""Explore the space of codes: are images of a class close to each other, and do clusters match the classes?

Three code units for pictures (a flat one, and one that turns in a browser), ten for clusters: k-means and a Gaussian
mixture, without labels, compared with the classes by normalized mutual information and by the accuracy of the best
match of clusters and classes (Xie et al. 2016, https://arxiv.org/abs/1511.06335).

    python recipes/image_latent.py --dataset digits
    python recipes/image_latent.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix, normalized_mutual_info_score
from sklearn.mixture import GaussianMixture
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_image_folder, read_images
from seqae.report import embedding_figure, loss_figure, save_figure, write_scatter3d

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "hidden_sizes": (100, 50), "epochs": 60, "batch_size": 64}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    code_size: int = 10,
    hidden_sizes: tuple[int, ...] = (500, 250),
    epochs: int = 15,
    batch_size: int = 250,
    learning_rate: float = 2e-3,
    held_out: int = 5000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train two autoencoders, find clusters among the codes of test images, and draw.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of your own instead that has, for each class, a folder of five images or more.
        code_size: Length of the code in which clusters are found.
        hidden_sizes: Sizes of the encoder's hidden layers; the decoder has them in reverse.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Seed of the split, the first weights, the order of images and the clusters.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs, batch_size, hidden_sizes = "digits", 2, 64, (40,)
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    torch.manual_seed(seed)

    images, test = read_image_folder(folder, with_classes=True) if folder else read_images(dataset, data_root)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    pixels = int(np.prod(train.size))
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}")

    models, histories = {}, {}
    for size in (3, code_size):
        models[size] = seqae.Autoencoder(
            seqae.DenseEncoder(1, pixels, size, hidden_sizes, embed=nn.Flatten()),
            seqae.DenseDecoder(1, pixels, size, hidden_sizes[::-1], head=nn.Unflatten(1, train.size)),
        )
        task = seqae.Reconstruction(
            models[size],
            seqae.binary_cross_entropy,
            learning_rate=learning_rate,
            lr_scheduler=seqae.cosine_with_warmup,
        )
        histories[size] = seqae.fit(
            task,
            seqae.make_loader(train, batch_size, seed),
            seqae.make_loader(valid, 1000, shuffle=False),
            epochs=epochs,
            patience=epochs,
        )

    pca = PCA(min(code_size, len(images)), svd_solver="full").fit(images.array())
    spaces = {
        "pixels": test.array(),
        f"PCA-{code_size}": pca.transform(test.array()),
        **{f"autoencoder-{size}": seqae.encode(model, test) for size, model in models.items()},
    }
    scores = {
        f"{space}, {clusters}": row
        for space, codes in spaces.items()
        for clusters, row in clustered(codes, test.labels, seed).items()
    }
    metrics = {f"{name}: {key}": value for name, row in scores.items() for key, value in row.items()}

    names = test.label_names
    save_figure(embedding_figure(spaces[f"autoencoder-{code_size}"], names), run.path("codes.png"))
    save_figure(embedding_figure(spaces[f"PCA-{code_size}"], names), run.path("pca.png"))
    losses = {"train": histories[code_size].train, "held out": histories[code_size].valid}
    save_figure(loss_figure(losses), run.path("loss.png"))
    write_scatter3d(
        run.path("space.html"), spaces["autoencoder-3"], names, f"{folder or dataset}: codes of test images"
    )
    seqae.save(models[code_size], run.path("model"), metrics=metrics)
    run.finish([{"clusters in": name, **row} for name, row in scores.items()], metrics)
    return metrics


def clustered(codes: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    """Return how well clusters of codes `(image, unit)`, as many as there are classes, agree with the classes."""
    count = int(labels.max()) + 1
    # Full covariances of hundreds of pixels have more parameters than the images can determine.
    covariance = "full" if codes.shape[1] <= 50 else "diag"
    methods = {
        "k-means": KMeans(count, n_init=5, random_state=seed),
        "Gaussian mixture": GaussianMixture(count, covariance_type=covariance, reg_covar=1e-3, random_state=seed),
    }
    scores = {}
    for name, method in methods.items():
        clusters = method.fit_predict(codes.astype(np.float64))
        table = confusion_matrix(labels, clusters)
        matched = table[linear_sum_assignment(table, maximize=True)].sum()
        scores[name] = {
            "NMI": float(normalized_mutual_info_score(labels, clusters)),
            "accuracy": float(matched / len(labels)),
        }
    return scores


if __name__ == "__main__":
    cli.run(main)
