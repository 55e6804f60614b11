"""Look into the space of codes: do images of a class lie together, and can clusters find the classes?

Three code numbers for pictures (a flat one, and one that turns in a browser), ten for clusters: k-means and a mixture
of normal distributions, without labels, compared with the classes by normalised mutual information, adjusted Rand
index (Hubert & Arabie 1985, https://doi.org/10.1007/BF01908075) and the accuracy of the best match of clusters and
classes (Xie et al. 2016, https://arxiv.org/abs/1511.06335). The same from pixels and from principal components.

    python recipes/image_latent.py --dataset digits
    python recipes/image_latent.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 5
RESULT = "MNIST, 10 code numbers, 5 epochs: clusters agree with classes .688 (NMI); PCA-10 .601, pixels .500"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
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
    """Train two autoencoders, look for clusters among the codes of test images, and draw.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        code_size: Numbers in the code in which clusters are looked for.
        hidden_sizes: Of the encoder; the decoder has them in reverse.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        held_out: Training images that choose the best epoch; at most a sixth of them.
        seed: Of weights, order and clusters.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    import torch
    from sklearn.decomposition import PCA

    import seqae
    from seqae.data.images.mnist import class_names, read_images
    from seqae.report import embedding_figure, loss_figure, save_figure
    from seqae.report.html.scatter3d import write_scatter3d
    from seqae.report.run import Run

    if smoke:
        dataset, epochs, batch_size, hidden_sizes = "digits", 2, 64, (40,)
    torch.manual_seed(seed)
    seqae.configure_runtime()
    settings = dict(dataset=dataset, code_size=code_size, hidden_sizes=hidden_sizes, epochs=epochs)
    run = Run("image_latent", out, {**settings, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed})
    images, test = read_images(dataset, data_root)
    train, valid = images.split(min(held_out, len(images) // 6), seed)
    print(f"data   {len(train)} + {len(valid)} + {len(test)} images of {' x '.join(map(str, train.size))}")

    space, _ = learn(train, valid, 3, hidden_sizes, epochs, batch_size, learning_rate, seed)
    model, history = learn(train, valid, code_size, hidden_sizes, epochs, batch_size, learning_rate, seed)

    codes, points = seqae.encode(model, test), seqae.encode(space, test)
    components = PCA(code_size, svd_solver="full").fit(images.array())
    spaces = {
        "pixels": test.array(),
        f"PCA-{code_size}": components.transform(test.array()),
        f"autoencoder, {code_size} numbers": codes,
        "autoencoder, 3 numbers": points,
    }
    results = [line for name, rows in spaces.items() for line in scores(name, rows, test.labels, seed)]
    metrics = {f"{line['space']}, {line['clusters']}: {key}": line[key] for line in results for key in list(line)[2:]}

    names = np.array(class_names(dataset))[test.labels]
    save_figure(embedding_figure(codes, names), run.path("codes.png"))
    save_figure(embedding_figure(spaces[f"PCA-{code_size}"], names), run.path("pca.png"))
    save_figure(loss_figure({"train": history.train, "held out": history.valid}), run.path("loss.png"))
    write_scatter3d(run.path("space.html"), points, names, f"{dataset}: codes of test images")
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def learn(train, valid, code_size: int, hidden_sizes, epochs: int, batch_size: int, learning_rate: float, seed: int):
    """Return a trained autoencoder and the history of its training."""
    from torch import nn

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.training.optimizers import cosine_with_warmup

    pixels = int(np.prod(train.size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, hidden_sizes, embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, hidden_sizes[::-1], head=nn.Unflatten(1, train.size)),
    )
    history = seqae.fit(
        seqae.Reconstruction(
            model, seqae.binary_cross_entropy, learning_rate=learning_rate, lr_scheduler=cosine_with_warmup
        ),
        DataLoader(train, LengthBucketSampler(train.lengths, batch_size, seed)),
        DataLoader(valid, LengthBucketSampler(valid.lengths, 1000, shuffle=False)),
        epochs=epochs,
        patience=epochs,
    )
    return model, history


def scores(name: str, rows: np.ndarray, labels: np.ndarray, seed: int) -> list[dict[str, object]]:
    """Return how well clusters of rows, as many as there are classes, agree with the classes."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
    from sklearn.mixture import GaussianMixture

    from seqae.retrieval import neighbour_purity

    count = int(labels.max()) + 1
    # Covariances of hundreds of pixels are more numbers than the images can tell.
    shape = "full" if rows.shape[1] <= 50 else "diag"
    methods = {
        "k-means": KMeans(count, n_init=5, random_state=seed),
        f"normal mixture ({shape})": GaussianMixture(count, covariance_type=shape, reg_covar=1e-3, random_state=seed),
    }
    near = neighbour_purity(rows, labels)
    found = {method: clusters.fit_predict(rows.astype(np.float64)) for method, clusters in methods.items()}
    return [
        {
            "space": name,
            "clusters": method,
            "mutual information": float(normalized_mutual_info_score(labels, clusters)),
            "Rand index": float(adjusted_rand_score(labels, clusters)),
            "accuracy": matched(labels, clusters),
            "neighbours of the class": near,
        }
        for method, clusters in found.items()
    ]


def matched(labels: np.ndarray, clusters: np.ndarray) -> float:
    """Return the share of images whose cluster stands for their class, each cluster for another one."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((labels.max() + 1, clusters.max() + 1))
    np.add.at(table, (labels, clusters), 1)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(labels))


if __name__ == "__main__":
    cli.run(main)
