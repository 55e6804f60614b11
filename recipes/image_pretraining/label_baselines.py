"""Classifiers that learn from few labels: with and without a pool of images that have none, pretrained or not."""

import copy
from collections.abc import Callable

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.svm import SVC
from torch import nn

import seqae
from seqae.datasets import CorruptedDataset, ImageDataset
from seqae.modules import downsampled_size
from seqae.training import FixMatch
from seqae.transforms import Compose, GaussianNoise, RandomAffine

WARP = RandomAffine(turn=0.26, scale=0.15, shear=0.2, shift=0.14)
STRONG_WARP = RandomAffine(turn=0.35, scale=0.25, shear=0.35, shift=0.14)


def labelled(pool: ImageDataset, labels: int, seed: int) -> ImageDataset:
    """Return the images whose labels are known, the same number in each class, drawn at random."""
    random, classes = np.random.default_rng(seed), np.unique(pool.labels)
    known = [random.permutation(np.flatnonzero(pool.labels == name))[: labels // len(classes)] for name in classes]
    return pool.subset(np.concatenate(known))


def pca_and_svm(pool: ImageDataset, known: ImageDataset, test: ImageDataset) -> float:
    """Return the test error, in percent, of a support vector machine on principal components of the pool."""
    pca = PCA(min(30, len(pool) - 1), random_state=0).fit(pool.array())
    return machine_error(lambda images: pca.transform(images.array()), known, test)


def codes_and_svm(encoder: seqae.StackedEncoder, known: ImageDataset, test: ImageDataset) -> float:
    """Return the test error, in percent, of a support vector machine on roots of codes, none of which is below zero.

    The roots tame the few units of a sparse code that are large (Perronnin et al. 2010,
    https://doi.org/10.1007/978-3-642-15561-1_11).
    """
    return machine_error(lambda images: np.sqrt(seqae.encode(encoder, images)), known, test)


def machine_error(features: Callable[[ImageDataset], np.ndarray], known: ImageDataset, test: ImageDataset) -> float:
    """Return the test error, in percent, of a support vector machine on features `(image, feature)` of images."""
    machine = SVC(C=10).fit(features(known), known.labels)
    return float(100 * (machine.predict(features(test)) != test.labels).mean())


def fine_tuned(
    pretrained: seqae.StackedEncoder,
    known: ImageDataset,
    test: ImageDataset,
    corrupt: Callable[[seqae.Batch, torch.Generator], seqae.Batch] | None,
    steps: int,
    seed: int,
) -> float:
    """Train a copy of an encoder, and a classifier on it, on labelled images; return the test error in percent."""
    torch.manual_seed(seed)
    encoder = copy.deepcopy(pretrained)
    head = nn.Linear(encoder.code_size, int(known.labels.max()) + 1)
    dataset = seqae.LabelledDataset(known, known.labels)
    loader = seqae.make_loader(CorruptedDataset(dataset, corrupt, seed) if corrupt else dataset, 25, seed)
    task = seqae.Classification(encoder, head, lr_scheduler=seqae.cosine_with_warmup)
    seqae.fit(task, loader, epochs=-(-steps // len(loader)), progress=False)
    return error_rate(encoder, head, test)


def fixmatch(pool: ImageDataset, known: ImageDataset, test: ImageDataset, steps: int, seed: int) -> float:
    """Train a convolutional net on labels and its own answers; return the test error in percent."""
    torch.manual_seed(seed)
    channels, height, width = pool.size
    pixels = int(np.prod(downsampled_size(height, width, 2)))
    convolutions = [nn.Conv2d(channels, 16, 5, 2, 2), nn.BatchNorm2d(16), nn.ReLU()]
    convolutions += [nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU()]
    convolutions += [nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()]
    dense = [nn.Flatten(), nn.Linear(32 * pixels, 64), nn.BatchNorm1d(64), nn.ReLU()]
    encoder = seqae.ImageEncoder(nn.Sequential(*convolutions, *dense), 64)
    head = nn.Linear(64, int(known.labels.max()) + 1)
    corrupt = Compose((STRONG_WARP, GaussianNoise(0.3)))
    dataset = seqae.LabelledDataset(known, known.labels)
    task = FixMatch(encoder, head, dataset, corrupt, lr_scheduler=seqae.cosine_with_warmup, seed=seed)
    loader = seqae.make_loader(pool, 200, seed)
    seqae.fit(task, loader, epochs=-(-steps // len(loader)), progress=False)
    return error_rate(encoder, head, test)


def error_rate(encoder: seqae.Encoder, head: nn.Linear, test: ImageDataset) -> float:
    """Return how many images get a wrong class, in percent."""
    with torch.inference_mode():
        answers = head(torch.from_numpy(seqae.encode(encoder, test))).argmax(dim=1).numpy()
    return float(100 * (answers != test.labels).mean())
