"""Find similar images by short binary codes, learned without labels.

Autoencoders whose code is bits (Krizhevsky & Hinton 2011, https://www.cs.toronto.edu/~hinton/absps/esann-deep-final.pdf)
search by comparing one machine word per image. One learns by reconstruction alone, the other, besides, to agree on the
bits of images that a random walk over nearest neighbours leads to. Images of the same class are relevant.

    python recipes/image_retrieval.py --dataset digits
    python recipes/image_retrieval.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import nn

import seqae
from seqae import cli
from seqae.data import read_images
from seqae.datasets import PositivePairs
from seqae.modules import BiHalfCode, BitFlipCode, ViewInvariantCode
from seqae.report import image_rows_figure, save_figure
from seqae.retrieval import (
    FloatIndex,
    HammingIndex,
    iterative_quantisation,
    mean_average_precision,
    pack_bits,
    precision_at_k,
)
from seqae.transforms import RandomAffine

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
QUICK = {"dataset": "digits", "epochs": 40, "batch_size": 64, "queries": 300}


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    folder: str = "",
    bits: int = 32,
    hidden_size: int = 512,
    epochs: int = 3,
    batch_size: int = 256,
    learning_rate: float = 1.5e-3,
    flip_probability: float = 0.1,
    walk_length: int = 8,
    queries: int = 1000,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train autoencoders with float and binary codes, search with these, and draw the results.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: The images: mnist, fashion-mnist or digits.
        folder: Folder of ten images or more of your own instead, scaled to 28 x 28 pixels; folders in it are classes.
        bits: Length of the binary codes.
        hidden_size: Units of the layer between image and code.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Highest learning rate, after a warm-up; it falls to zero along a cosine.
        flip_probability: Probability that a bit flips while a model learns by reconstruction alone.
        walk_length: Steps over neighbours from an image to the one that is to have the same bits.
        queries: Number of test images that are queries.
        seed: Seed of the first weights, the order of images and the choice of queries.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    if smoke:
        dataset, epochs, queries, batch_size = "digits", 2, 50, 64
    run = seqae.Run(main, locals())
    seqae.configure_runtime()
    images, test = read_images(dataset, data_root, folder)
    random = np.random.default_rng(seed)
    images = images.subset(random.permutation(len(images)))  # so that ties come in a random order
    asked = test.subset(random.permutation(len(test))[:queries])
    print(f"data   {len(asked)} queries, {len(images)} images in the database")

    pca = PCA(min(30, *images.array().shape), svd_solver="full").fit(images.array())
    components = pca.transform(images.array())
    neighbours = FloatIndex(components).search(components, min(11, len(images))).indices[:, 1:]
    pairs = PositivePairs(images, neighbours, walk_length, seed)
    flips, agreement = BitFlipCode(BiHalfCode(), flip_probability), ViewInvariantCode(BiHalfCode())
    models = {}
    for name, source, code_size, code, corrupt in (
        ("autoencoder, 30 floats", images, 30, None, None),
        (f"reconstruction, {bits} bits", images, bits, flips, None),
        (f"agreement, {bits} bits", pairs, bits, agreement, RandomAffine()),
    ):
        torch.manual_seed(seed)
        models[name] = autoencoder(images.size, code_size, hidden_size, code)
        task = seqae.Reconstruction(
            models[name],
            seqae.binary_cross_entropy,
            corrupt,
            learning_rate,
            seed=seed,
            lr_scheduler=seqae.cosine_with_warmup,
        )
        seqae.fit(task, seqae.make_loader(source, batch_size, seed), epochs=epochs)
    itq = iterative_quantisation(images.array(), bits, seed=seed)
    codes = {
        "pixels": (images.array(), asked.array()),
        "PCA-30": (components, pca.transform(asked.array())),
        f"ITQ on pixels, {bits} bits": (itq(images.array()), itq(asked.array())),
        **{name: (seqae.encode(model, images), seqae.encode(model, asked)) for name, model in models.items()},
    }
    found = {name: ranked(*both, binary=name.endswith("bits")) for name, both in codes.items()}
    metrics = {}
    for name, indices in found.items() if images.labels is not None else ():
        relevant = images.labels[indices] == asked.labels[:, None]
        metrics[f"{name}: mAP"] = mean_average_precision(relevant)
        metrics[f"{name}: P@10"] = precision_at_k(relevant, 10)

    rows = {
        f"{number + 1}: {name}": np.concatenate([asked[number], images.batch(found[name][number, :12]).steps])
        for number in range(min(6, len(asked)))
        for name in ("pixels", f"agreement, {bits} bits")
    }
    save_figure(image_rows_figure(rows, "First the query, then its neighbours"), run.path("neighbours.png"))
    seqae.save(models[f"agreement, {bits} bits"], run.path("model"), metrics=metrics)
    run.finish([{"metric": name, "value": value} for name, value in metrics.items()], metrics)
    return metrics


def autoencoder(
    size: tuple[int, int, int], code_size: int, hidden_size: int, code: seqae.Bottleneck | None
) -> seqae.Autoencoder:
    """Return an autoencoder of images with one hidden layer on either side of the code."""
    pixels = int(np.prod(size))
    return seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, (hidden_size,), embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, (hidden_size,), head=nn.Unflatten(1, size)),
        code,
    )


def ranked(codes: np.ndarray, queries: np.ndarray, binary: bool) -> np.ndarray:
    """Return the indices of all codes `(image, unit)` for each query, the nearest first, `(query, image)`."""
    if binary:
        return HammingIndex(pack_bits(codes)).search(pack_bits(queries), len(codes)).indices
    return FloatIndex(codes).search(queries, len(codes)).indices


if __name__ == "__main__":
    cli.run(main)
