"""How long an epoch of images takes, beside the usual loop: torchvision's data set, DataLoader, Adam. Prints one table.

    python tests/benchmarks/images.py --quick
    SEQAE_DATA=folder/with/MNIST python tests/benchmarks/images.py

Without MNIST the images are random. Both train the same layers on the same images; the numbers are medians of turns.
Called by race.py with the name of a contestant, it is that contestant, see contestants.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from contestants import THREADS, Work
from contestants import main as contest
from race import race
from torch import nn

import seqae
from seqae.datasets.images import ImageDataset
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.modules.images import ImageEncoder, conv_decoder, conv_encoder

ROWS, SIZE = 128, (1, 28, 28)


def count(quick: bool) -> int:
    return 2_000 if quick else 20_000


def pixels(quick: bool) -> np.ndarray:
    """Images, (image, height, width), those of MNIST if they are here."""
    from seqae.data.images.mnist import read_images

    if os.environ.get("SEQAE_DATA"):
        return read_images("mnist", os.environ["SEQAE_DATA"])[0].pixels[: count(quick), 0].numpy()
    return np.random.default_rng(0).integers(0, 256, (count(quick), *SIZE[1:]), np.uint8)


def dense() -> seqae.Autoencoder:
    """784-128-32-2 and back."""
    return seqae.Autoencoder(
        seqae.DenseEncoder(1, 784, 2, (128, 32), embed=nn.Flatten()),
        seqae.DenseDecoder(1, 784, 2, (32, 128), head=nn.Unflatten(1, SIZE)),
    )


def convolutional() -> seqae.Autoencoder:
    """Two convolutions with max pooling and transposed ones back, 8 maps of 7 x 7 between them."""
    return seqae.Autoencoder(
        ImageEncoder(conv_encoder((1, 16, 8)), 8 * 7 * 7), seqae.ConstantDecoder(conv_decoder((8, 16, 1), 28, 28))
    )


def by_seqae(model: seqae.Autoencoder, quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    images = ImageDataset.of(pixels(quick))
    loader = DataLoader(images, LengthBucketSampler(images.lengths, ROWS))
    task = seqae.Reconstruction(model, seqae.binary_cross_entropy)

    def work() -> int:
        seqae.fit(task, loader, epochs=1, progress=False)
        return len(images)

    return work


def by_torchvision(model: seqae.Autoencoder, quick: bool) -> Work:
    """What tutorials write. The layers are those of the autoencoder, one after the other."""
    from torchvision.datasets import VisionDataset
    from torchvision.transforms import ToTensor
    from torchvision.utils import _Image_fromarray

    class Pictures(VisionDataset):
        """As torchvision.datasets.MNIST: a PIL image for each row of a tensor, through the transform."""

        def __init__(self) -> None:
            super().__init__(tempfile.gettempdir(), transform=ToTensor())
            self.data = torch.from_numpy(pixels(quick))

        def __getitem__(self, number: int) -> torch.Tensor:
            return self.transform(_Image_fromarray(self.data[number].numpy(), mode="L"))

        def __len__(self) -> int:
            return len(self.data)

    encoder, decoder = model.encoder, model.decoder
    layers = encoder.embed if isinstance(encoder, ImageEncoder) else nn.Sequential(encoder.embed, encoder.layers)
    back = decoder.head if isinstance(encoder, ImageEncoder) else nn.Sequential(decoder.layers, decoder.head)
    network = nn.Sequential(layers, back).to(memory_format=torch.contiguous_format)  # the usual one
    optimizer = torch.optim.Adam(network.parameters())
    loader = torch.utils.data.DataLoader(Pictures(), batch_size=ROWS, shuffle=True)

    def work() -> int:
        for images in loader:
            loss = F.binary_cross_entropy_with_logits(network(images), images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return len(loader.dataset)

    return work


def dense_by_seqae(quick: bool) -> Work:
    return by_seqae(dense(), quick)


def dense_by_torchvision(quick: bool) -> Work:
    return by_torchvision(dense(), quick)


def convolutional_by_seqae(quick: bool) -> Work:
    return by_seqae(convolutional(), quick)


def convolutional_by_torchvision(quick: bool) -> Work:
    return by_torchvision(convolutional(), quick)


def ratios(quick: bool) -> dict[str, tuple[float, float]]:
    """Return images per second of seqae and of the usual loop, by network."""
    found = {}
    for network in ("dense", "convolutional"):
        names = [f"{network}_by_seqae", f"{network}_by_torchvision"]
        ours, usual = race(names, 3 if quick else 7, quick, Path(__file__)).values()
        found[network] = (1 / ours, 1 / usual)
    return found


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        contest(*sys.argv[1:], contestants=globals())
    else:
        for name, (ours, usual) in ratios("--quick" in sys.argv).items():
            print(f"{name:14} {ours / usual:5.2f} x   {ours:.0f} against {usual:.0f} images/s")
