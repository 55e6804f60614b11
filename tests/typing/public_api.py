"""Every public name, used as the README uses it: `mypy --strict` and pyright have to accept this file.

Nothing here is run. A test finds names that are missing.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import seqae

Readings = list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]


class Extremes(seqae.Encoder):
    """An encoder of one's own."""

    def __init__(self, channels: int):
        super().__init__()
        self.code_size = 2 * channels

    def forward(self, batch: seqae.Batch) -> Tensor:
        padding = ~batch.mask.unsqueeze(-1)
        largest = batch.values.masked_fill(padding, -torch.inf).amax(dim=1)
        smallest = batch.values.masked_fill(padding, torch.inf).amin(dim=1)
        return torch.cat([largest, smallest], dim=1)


class Zeros(seqae.Decoder):
    """A decoder of one's own."""

    def forward(self, code: Tensor, lengths: Tensor, targets: seqae.Batch | None = None) -> seqae.Batch:
        return seqae.Batch(code.new_zeros(len(code), int(lengths.max()), 3), lengths)


def encoders() -> list[seqae.Encoder]:
    return [
        Extremes(3),
        seqae.RecurrentEncoder(seqae.LSTM(3, 16), 8),
        seqae.RecurrentEncoder(seqae.GRU(6, 16, bidirectional=True), 8, embed=seqae.MissingValueEmbedding()),
        seqae.ConvEncoder(3, 8, channels=(16, 16)),
        seqae.DenseEncoder(12, 3, 8),
        seqae.MeanEncoder(3, 8),
    ]


def decoders() -> list[seqae.Decoder]:
    head = nn.Linear(16, 3)
    feedback = seqae.AutoregressiveDecoder(8, seqae.LSTM(3, 16), head)
    return [
        Zeros(),
        feedback,
        seqae.ReversedDecoder(feedback),
        seqae.RepeatDecoder(seqae.GRU(8, 16), head),
        seqae.ConvDecoder(8, head, channels=(16, 16)),
        seqae.DenseDecoder(12, 3, 8),
        seqae.ConstantDecoder(nn.Linear(8, 3)),
    ]


def autoencoders(encoder: seqae.Encoder, decoder: seqae.Decoder) -> list[seqae.Autoencoder]:
    codes = (None, seqae.L1Code(0.1), seqae.TopKCode(4), seqae.GaussianCode())
    return [seqae.Autoencoder(encoder, decoder, code) for code in codes]


def training(model: seqae.Autoencoder, batches: Sequence[seqae.Batch], folder: Path) -> seqae.Autoencoder:
    seqae.configure_runtime()
    for error in (
        seqae.squared_error,
        seqae.absolute_error,
        seqae.HuberLoss(0.5),
        seqae.gaussian_nll,
        seqae.binary_cross_entropy,
        seqae.token_cross_entropy,
    ):
        seqae.fit(seqae.Reconstruction(model, error), batches, epochs=2, progress=False)
    saved: Path = seqae.save(model, folder, metrics={"loss": 0.1})
    loaded: seqae.Autoencoder = seqae.load(saved, classes=[Extremes])
    return loaded


def trained(model: seqae.Autoencoder, sequences: Readings) -> None:
    codes: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = seqae.encode(model, sequences)
    print(codes.shape, len(seqae.reconstruct(model, sequences)))


def detectors(normal: object, today: object) -> None:
    detector = seqae.AnomalyDetector(false_alarm_rate=0.01).fit(normal)
    for event in detector.events(today):
        print(event.start_time, event.duration)
    online = seqae.OnlineDetector(detector)
    online.push(np.zeros((1, 3)))


def estimators(sequences: Readings, labels: Sequence[int]) -> None:
    encoder = seqae.SequenceEncoder(code_size=16).fit(sequences)
    encoder.transform(sequences)
    seqae.SequenceClassifier(encoder).fit(sequences, labels)


def texts(model: seqae.Autoencoder, translator: seqae.Translator, captioner: seqae.Captioner) -> list[str]:
    vocabulary = seqae.Vocabulary().fit(["some words"])
    written = seqae.TextAutoencoder(vocabulary, model, 20).reconstruct(["some words"])
    return written + translator.translate(["some words"]) + captioner.describe([torch.zeros(5, 3)])


def recursion(model: seqae.RecursiveAutoencoder, batch: seqae.Batch) -> seqae.RecursiveEncoder:
    model(batch)
    return model.encoder


def sounds() -> seqae.LogMel | None:
    try:
        return seqae.LogMel(n_mels=40)
    except seqae.MissingExtra:
        return None


print(seqae.__version__)
