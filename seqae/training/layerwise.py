"""Greedy layer-wise pretraining: one layer after the other is trained as an autoencoder of its input.

Bengio et al. 2007, https://papers.nips.cc/paper/3048; with corrupted inputs Vincent et al. 2010,
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
from seqae.training.tasks.task import LearningRate
from seqae.training.trainer import History, fit
from seqae.transforms.corruptions import Corruption


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer of a stack, with a decoder and a corruption to train it as an autoencoder.

    Attributes:
        layer: Maps a batch to a batch; it is kept after training.
        decoder: Maps the layer's output to its input; it is discarded after training.
        loss: The loss of each value, see `seqae.losses`.
        code: A bottleneck between the two, on codes `(steps, size)`, for example `L1Code` or `TopKCode`; None is none.
        corrupt: Corrupts the input of the layer while it is trained, see `seqae.transforms`.
    """

    layer: nn.Module
    decoder: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor] = squared_error
    code: Bottleneck | None = None
    corrupt: Corruption | None = None


class LayerAutoencoder(nn.Module):
    """An autoencoder whose code is a batch: the output of its layer.

    Args:
        layer: Maps a batch to a batch.
        decoder: Maps the layer's output to its input.
        code: A bottleneck between the two; None is none.
    """

    def __init__(self, layer: nn.Module, decoder: nn.Module, code: Bottleneck | None = None):
        super().__init__()
        self.layer = layer
        self.decoder = decoder
        self.code = code

    def forward(self, batch: Batch, targets: Batch | None = None) -> AutoencoderOutput:
        """Encode and decode; the code is that of all steps `(steps, size)`, with a penalty for each, `(steps,)`.

        Args:
            batch: The sequences, `(batch, time, *step)`.
            targets: Not read; there for `Reconstruction`.
        """
        output = self.layer(batch)
        code = output.steps
        if self.code is None:
            return AutoencoderOutput(self.decoder(output), code, code.new_zeros(len(code)))
        coded = self.code(code.flatten(start_dim=1))
        kept = output.with_steps(coded.code.reshape(code.shape))
        return AutoencoderOutput(self.decoder(kept), kept.steps, coded.penalty)

    def reconstruct(self, batch: Batch) -> Batch:
        """Return the reconstruction, `(batch, time, *step)`."""
        return self(batch).prediction


class LayerOutputs:
    """The outputs of trained layers, as a dataset for the layer above them.

    Args:
        dataset: The input of the lowest layer.
        layers: Modules that map a batch to a batch; they are not trained.
    """

    def __init__(self, dataset: Dataset[Batch], layers: nn.Module):
        self.dataset = dataset
        self.layers = layers

    @property
    def lengths(self) -> np.ndarray:
        """The number of steps of each sequence of the dataset, `(sequences,)`."""
        return self.dataset.lengths

    def batch(self, indices: np.ndarray) -> Batch:
        """Return the outputs `(batch, time, *step)` for the sequences at `indices`, on the device of the layers."""
        batch = self.dataset.batch(indices)
        with evaluating(self.layers) as device:
            output = self.layers(batch.to(device))
        return Batch(output.values.clone(), output.lengths.clone())  # clones may take part in training again


def pretrain_layerwise(
    stages: Sequence[Stage],
    train: DataLoader[Batch],
    valid: DataLoader[Batch] | None = None,
    *,
    epochs: int = 10,
    learning_rate: float = 1e-3,
    lr_scheduler: LearningRate | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[History]:
    """Train the layers of a stack, each as an autoencoder of the output of the layers below it.

    The layers are trained in place: `StackedEncoder([stage.layer for stage in stages], size)` is the pretrained
    encoder.

    Args:
        stages: The layers with their decoders, from the lowest to the highest.
        train: The input of the lowest layer.
        valid: Held-out sequences, which choose the best epoch of each layer.
        epochs: The number of passes over the sequences for each layer.
        learning_rate: Learning rate of Adam.
        lr_scheduler: Maps the fraction of a layer's training that is done to a factor on the learning rate.
        seed: Seed of the corruptions.
        progress: Whether to show a progress bar for each layer.

    Returns:
        The losses of each layer.

    Raises:
        ValueError: The output of a stage's decoder has not the shape of the layer's input.
    """
    histories = []
    for height, stage in enumerate(stages):
        below = nn.Sequential(*(lower.layer for lower in stages[:height]))
        model = LayerAutoencoder(stage.layer, stage.decoder, stage.code)
        task = Reconstruction(
            model, stage.loss, stage.corrupt, learning_rate, seed=seed + height, lr_scheduler=lr_scheduler
        )
        inputs = _through(below, train)
        held_out = None if valid is None else _through(below, valid)
        _check_shapes(height, stage, model, next(iter(inputs)))
        histories.append(fit(task, inputs, held_out, epochs=epochs, patience=epochs, progress=progress))
    return histories


def _through(layers: nn.Sequential, loader: DataLoader[Batch]) -> DataLoader[Batch]:
    """Return a loader of the layers' outputs for the batches of a loader."""
    if not len(layers):
        return loader
    return DataLoader(LayerOutputs(loader.dataset, layers), loader.batch_sampler)


def _check_shapes(height: int, stage: Stage, model: LayerAutoencoder, batch: Batch) -> None:
    """Check that predictions and inputs can be compared; a loss of another shape would be a mean over wrong pairs."""
    with evaluating(model) as device:
        inputs = batch.to(device)
        prediction = model.reconstruct(inputs)
        fits = prediction.steps.numel() >= inputs.steps.numel()  # fewer would be repeated without a word
        try:
            fits = fits and stage.loss(prediction.steps, inputs.steps).shape == inputs.steps.shape
        except (RuntimeError, ValueError):  # torch cannot pair them at all
            fits = False
    if not fits:
        raise ValueError(
            f"stage {height} (counted from 0) reads a batch of shape {tuple(inputs.values.shape)} and writes back "
            f"{tuple(prediction.values.shape)}. Its `decoder` must lead to what its `layer` reads"
        )
