"""Find images like an image: by float codes, by short binary codes, and by pixels.

Autoencoders whose code is bits (Krizhevsky & Hinton 2011, https://www.cs.toronto.edu/~hinton/absps/esann-deep-final.pdf)
answer in one machine word an image. Three ways to train them, none of which sees a label: to reconstruct, with bits
that flip now and then, so that near codes mean like images; to reconstruct from warped images; and, besides, to agree
on the bits of images that a walk over the neighbours in principal components leads to. The test images ask, the
training images answer; right is what is of the same class.

    python recipes/image_retrieval.py --dataset digits
    python recipes/image_retrieval.py --data-root folder/with/MNIST
"""

import os
from pathlib import Path
from time import perf_counter

import numpy as np

from seqae import cli

DATA = "MNIST or Fashion-MNIST, or scikit-learn's digits"
MINUTES = 10
RESULT = "MNIST, 32 bits: mAP 0.83 without labels, by reconstruction alone 0.51, ITQ 0.45; pixels 0.43"


def main(
    data_root: str = os.environ.get("SEQAE_DATA", ""),
    dataset: str = "mnist",
    bits: tuple[int, ...] = (28, 32, 64, 256),
    hidden_size: int = 512,
    epochs: int = 3,
    batch_size: int = 256,
    learning_rate: float = 1.5e-3,
    flip: float = 0.1,
    walk: int = 8,
    listed: int = 1000,
    queries: int = 1000,
    choosing: bool = False,
    seed: int = 0,
    smoke: bool = False,
    out: Path = Path("runs"),
) -> dict[str, float]:
    """Train the autoencoders, search with all kinds of codes, and draw what is found.

    Args:
        data_root: Folder of data sets in torchvision's layout; downloaded if it is empty.
        dataset: One of mnist, fashion-mnist, digits.
        bits: Lengths of binary codes; the first makes the shortlist, the last puts it in order.
        hidden_size: Of the layer between image and code.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: The highest; it goes up and then down to nothing.
        flip: Share of the bits that flip in training to reconstruct alone.
        walk: Steps over neighbours from an image to the one that is to have the same bits.
        listed: Images on a shortlist.
        queries: Test images that ask.
        choosing: Ask with held-out training images, a tenth, instead: for the choice of settings.
        seed: Of weights, order and queries.
        smoke: Only try whether it runs, on digits.
        out: Folder for the results.
    """
    from sklearn.decomposition import PCA

    import seqae
    from seqae.data.images.mnist import read_images
    from seqae.datasets.positive_pairs import PositivePairs
    from seqae.modules.codes import BiHalfCode, BitFlipCode, ViewInvariantCode
    from seqae.report import save_figure
    from seqae.report.figures.images import image_rows_figure
    from seqae.report.run import Run
    from seqae.retrieval import FloatIndex, HammingIndex, HNSWIndex, RerankIndex, iterative_quantisation, pack_bits
    from seqae.transforms.images import RandomAffine

    if smoke:
        dataset, epochs, bits, queries, listed, batch_size = "digits", 2, (8, 32), 50, 100, 64
    seqae.configure_runtime()
    settings = dict(dataset=dataset, bits=bits, hidden_size=hidden_size, epochs=epochs, flip=flip, walk=walk)
    rest = dict(batch_size=batch_size, learning_rate=learning_rate, listed=listed, queries=queries, seed=seed)
    run = Run("image_retrieval", out, {**settings, **rest, "choosing": choosing})
    images, test = read_images(dataset, data_root)
    if choosing:
        images, test = images.split(len(images) // 10, seed)
    random = np.random.default_rng(seed)
    images = images.subset(random.permutation(len(images)))  # equally near ones come in an order that says nothing
    asking = test.subset(random.permutation(len(test))[:queries])
    print(f"data   {len(asking)} images ask, {len(images)} answer")

    def trained(source, size: int, layer, corrupt=None):
        started = perf_counter()
        model = learn(source, images.size, size, hidden_size, layer, corrupt, epochs, batch_size, learning_rate, seed)
        seconds = perf_counter() - started
        return model, (seqae.encode(model, images), seqae.encode(model, asking), seconds)

    components = PCA(min(30, images.array().shape[1]), svd_solver="full").fit(images.array())
    places = components.transform(images.array())
    near = FloatIndex(places).search(places, 11).indices[:, 1:]
    beside = PositivePairs(images, near, walk, seed)
    floats = {
        "pixels": (images.array(), asking.array(), 0.0),
        "PCA-30": (places, components.transform(asking.array()), 0.0),
        "autoencoder, 30 numbers": trained(images, 30, None)[1],
    }
    middle = bits[1] if len(bits) > 2 else bits[-1]
    quantised = iterative_quantisation(images.array(), middle, seed=seed)
    binary = {
        f"ITQ on pixels, {middle} bits": (quantised(images.array()), quantised(asking.array()), 0.0),
        f"reconstruction, {middle} bits": trained(images, middle, BitFlipCode(BiHalfCode(), flip))[1],
    }
    for size in (middle, bits[-1]):
        binary[f"reconstruction of warped, {size} bits"] = trained(images, size, BiHalfCode(), RandomAffine())[1]
    for size in bits:
        model, binary[f"agreement, {size} bits"] = trained(
            beside, size, ViewInvariantCode(BiHalfCode()), RandomAffine()
        )

    lines = {}
    for name, (codes, asked, seconds) in {**floats, **binary}.items():
        work = codes.shape[1]
        index, question = FloatIndex(codes), asked
        if name in binary:
            index, question, work = HammingIndex(pack_bits(codes)), pack_bits(asked), -(-work // 64)
        lines[name] = judged(index, question, images.labels, asking.labels, len(images))
        lines[name] |= {"operations": len(images) * work, "training s": seconds}
    short, asked_short, _ = binary[f"agreement, {bits[0]} bits"]
    # Agreement forgets what differs within a class, so other codes put the list in order.
    long, asked_long, _ = binary[f"reconstruction of warped, {bits[-1]} bits"]
    index, question = (
        RerankIndex(pack_bits(short), pack_bits(long), listed),
        (pack_bits(asked_short), pack_bits(asked_long)),
    )
    name = f"{bits[0]} bits list {index.size}, {bits[-1]} order them"
    lines[name] = judged(index, question, images.labels, asking.labels, index.size)
    lines[name]["operations"] = len(images) * -(-bits[0] // 64) + index.size * -(-bits[-1] // 64)
    codes, asked, _ = floats["autoencoder, 30 numbers"]
    lines["autoencoder, 30 numbers, by a graph"] = judged(HNSWIndex(codes), asked, images.labels, asking.labels, 10)

    results = [{"codes": name, **line} for name, line in lines.items()]
    metrics = {
        f"{name}: {key}": line[key]
        for name, line in lines.items()
        for key in ("P@10", "mAP", "mAP@5000")
        if key in line
    }
    found = {
        "pixels": FloatIndex(floats["pixels"][0]).search(asking.array()[:6], 12).indices,
        f"{bits[0]} + {bits[-1]} bits": index.search((question[0][:6], question[1][:6]), 12).indices,
    }
    rows = {
        f"{number + 1}: {name}": np.concatenate([asking.batch([number]).values[0], images.batch(near[number]).steps])
        for number in range(6)
        for name, near in found.items()
    }
    save_figure(image_rows_figure(rows, "First the image that asks, then its neighbours"), run.path("neighbours.png"))
    seqae.save(model, run.path("model"), metrics=metrics)
    run.finish(results, metrics)
    return metrics


def learn(source, size, code_size, hidden_size, code, corrupt, epochs, batch_size, learning_rate, seed):
    """Return an autoencoder for images of a size, trained on a source."""
    import torch
    from torch import nn

    import seqae
    from seqae.datasets.loader import DataLoader
    from seqae.datasets.sampler import LengthBucketSampler
    from seqae.training.optimizers import cosine_with_warmup

    torch.manual_seed(seed)
    pixels = int(np.prod(size))
    model = seqae.Autoencoder(
        seqae.DenseEncoder(1, pixels, code_size, (hidden_size,), embed=nn.Flatten()),
        seqae.DenseDecoder(1, pixels, code_size, (hidden_size,), head=nn.Unflatten(1, size)),
        code,
    )
    task = seqae.Reconstruction(
        model, seqae.binary_cross_entropy, corrupt, learning_rate, seed=seed, lr_scheduler=cosine_with_warmup
    )
    seqae.fit(task, DataLoader(source, LengthBucketSampler(source.lengths, batch_size, seed)), epochs=epochs)
    return model


def judged(index, asked, labels: np.ndarray, asked_labels: np.ndarray, count: int) -> dict[str, float]:
    """Return how many of those found are of the class of the image that asks, and how long a search for ten takes."""
    from seqae.retrieval import mean_average_precision, precision_at_k

    started = perf_counter()
    index.search(asked, 10)
    seconds = perf_counter() - started
    relevant = labels[index.search(asked, count).indices] == asked_labels[:, None]
    line = {"P@10": precision_at_k(relevant, 10), "ms a query": 1000 * seconds / len(asked_labels)}
    if count < len(labels):  # what is not on the list has no place
        return line
    return line | {"mAP": mean_average_precision(relevant), "mAP@5000": mean_average_precision(relevant, 5000)}


if __name__ == "__main__":
    cli.run(main)
