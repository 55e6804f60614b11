"""Greedy layer-wise pretraining: one layer after the other learns to say what the layers below it say.

Bengio et al. 2007, https://papers.nips.cc/paper/3048; with damaged inputs Vincent et al. 2010,
https://jmlr.org/papers/v11/vincent10a.html; with an L1 penalty Ranzato et al. 2007, https://papers.nips.cc/paper/3363.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from seqae.autoencoder import AutoencoderOutput
from seqae.batch import Batch
from seqae.datasets.loader import DataLoader
from seqae.datasets.sequences import Dataset
from seqae.inference import evaluating
from seqae.losses import squared_error
from seqae.modules.codes import Bottleneck
from seqae.training.tasks.reconstruction import Reconstruction
from seqae.training.trainer import History, fit
from seqae.transforms.corruptions import Corruption


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer of a stack, and what it needs to learn by itself.

    Attributes:
        layer: From a batch to a batch; it stays.
        decoder: From what the layer writes to what it read; thrown away after training.
        loss: The error function, see `seqae.losses`.
        code: What happens between the two, to the codes `(steps, size)`: a penalty on their size, or only the largest.
        corrupt: Damages what the layer reads while it learns, see `seqae.transforms.corruptions`.
    """

    layer: nn.Module
    decoder: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor] = squared_error
    code: Bottleneck | None = None
    corrupt: Corruption | None = None


class LayerAutoencoder(nn.Module):
    """An autoencoder whose code is a batch: as many steps as its layer writes.

    Args:
        layer: From a batch to a batch.
        decoder: From what the layer writes to what it read.
        code: What happens between the two, or nothing (None).
    """

    def __init__(self, layer: nn.Module, decoder: nn.Module, code: Bottleneck | None = None):
        super().__init__()
        self.layer = layer
        self.decoder = decoder
        self.code = code

    def forward(self, batch: Batch, targets: Batch | None = None) -> AutoencoderOutput:
        """Encode and decode; code and penalty are those of the code's steps, `(steps, size)` and `(steps,)`."""
        written = self.layer(batch)
        code = written.steps
        if self.code is None:
            return AutoencoderOutput(self.decoder(written), code, code.new_zeros(len(code)))
        coded = self.code(code.flatten(start_dim=1))
        kept = written.with_steps(coded.code.reshape(code.shape))
        return AutoencoderOutput(self.decoder(kept), kept.steps, coded.penalty)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the prediction for every step."""
        return self(batch).prediction


class LayerOutputs:
    """What trained layers write, as a source of batches for the layer above them.

    Args:
        source: What the lowest layer reads.
        layers: From a batch to a batch; they are not trained.
    """

    def __init__(self, source: Dataset, layers: nn.Module):
        self.source = source
        self.layers = layers

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence of the source, `(sequences,)`."""
        return self.source.lengths

    def batch(self, indices: np.ndarray) -> Batch:
        batch = self.source.batch(indices)
        with evaluating(self.layers) as device:
            written = self.layers(batch.to(device))
        return Batch(written.values.clone(), written.lengths.clone())  # clones may take part in training again


def pretrain_layerwise(
    stages: Sequence[Stage],
    train: DataLoader,
    valid: DataLoader | None = None,
    *,
    epochs: int = 10,
    learning_rate: float = 1e-3,
    lr_scheduler: Callable[[float], float] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[History]:
    """Train the layers of a stack, each as an autoencoder of what the layers below it write.

    The layers are trained where they are: `StackedEncoder([stage.layer for stage in stages], size)` is the
    pretrained encoder.

    Args:
        stages: From the lowest to the highest.
        train: What the lowest layer reads.
        valid: Held-out sequences, which choose the best epoch of each layer.
        epochs: Passes over the sequences for each layer.
        learning_rate: Of Adam.
        lr_scheduler: The learning rate as a share of `learning_rate`, given the share of a layer's training that is done.
        seed: Of the corruptions.
        progress: Whether to show a progress bar for each layer.

    Returns:
        The losses of each layer.

    Raises:
        ValueError: What a stage writes back has not the shape of what it read.
    """
    histories = []
    for height, stage in enumerate(stages):
        below = nn.Sequential(*(lower.layer for lower in stages[:height]))
        model = LayerAutoencoder(stage.layer, stage.decoder, stage.code)
        task = Reconstruction(
            model, stage.loss, stage.corrupt, learning_rate, seed=seed + height, lr_scheduler=lr_scheduler
        )
        read, held_out = (_above(below, loader) for loader in (train, valid))
        _check(height, stage, model, next(iter(read)))
        histories.append(fit(task, read, held_out, epochs=epochs, patience=epochs, progress=progress))
    return histories


def _above(layers: nn.Sequential, loader: DataLoader | None) -> DataLoader | None:
    """Return the loader's batches as the layers write them."""
    if loader is None or not len(layers):
        return loader
    return DataLoader(LayerOutputs(loader.dataset, layers), loader.batch_sampler)


def _check(height: int, stage: Stage, model: LayerAutoencoder, batch: Batch) -> None:
    """An error of the wrong shape would be a mean over pairs that are none."""
    with evaluating(model) as device:
        read = batch.to(device)
        prediction = model.reconstruct(read)
        fits = prediction.steps.numel() >= read.steps.numel()  # fewer would be repeated without a word
        try:
            fits = fits and stage.loss(prediction.steps, read.steps).shape == read.steps.shape
        except (RuntimeError, ValueError):  # torch can't pair them at all
            fits = False
    if not fits:
        raise ValueError(
            f"stage {height} (counted from 0) reads a batch of shape {tuple(read.values.shape)} and writes back "
            f"{tuple(prediction.values.shape)}. Its `decoder` must lead to what its `layer` reads"
        )
