"""What a sequence autoencoder learnt, beside predictors that need no training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.estimators.steps import Loss
from seqae.inference import over_batches
from seqae.losses import mean_loss

_MAX_SEQUENCES, _MAX_NUMBERS = 1000, 2 * 10**7  # that the principal components are fitted to


@dataclass(frozen=True)
class LearningReport:
    """How well sequences are reconstructed, by the model and by baselines of the same code size.

    Attributes:
        metric: "R2", the fraction of the variance of all known values that the reconstruction explains, over the mean
            of each channel; or "accuracy", the fraction of tokens that are reconstructed.
        model: Of the autoencoder.
        mean: Of the mean of each channel, 0 by definition; of the most frequent token.
        pca: Of principal components of the padded sequences, as many as the code has numbers; NaN for tokens.
        bits: Of the autoencoder, the mean information of a token that its prediction lacks, given the tokens before if
            the decoder reads them; NaN for readings.
        mean_bits: Of the frequencies of the tokens; NaN for readings.
        length_error: The mean absolute error of the lengths that the model tells from the codes, in steps; NaN if it
            tells none.
        sequences: The number of sequences.
        held_out: Whether they were held out of training.
    """

    metric: str
    model: float
    mean: float
    pca: float
    bits: float
    mean_bits: float
    length_error: float
    sequences: int
    held_out: bool

    def __str__(self) -> str:
        which = "held-out" if self.held_out else "training"
        parts = [f"{self.metric} {self.model:.3f} on {self.sequences} {which} sequences"]
        if self.metric == "R2":
            parts.append(f"of the mean {self.mean:.0f}, of principal components {self.pca:.3f}")
        else:
            parts.append(f"of the most frequent token {self.mean:.3f}")
            parts.append(f"{self.bits:.2f} bits a token, of their frequencies {self.mean_bits:.2f}")
        if not np.isnan(self.length_error):
            parts.append(f"lengths are off by {self.length_error:.1f} steps")
        return "; ".join(parts)

    def metrics(self) -> dict[str, float]:
        """Return the numbers that are known, by name."""
        name = self.metric.lower()
        found = {name: self.model, f"{name}_mean": self.mean, f"{name}_pca": self.pca}
        found |= {"bits": self.bits, "bits_mean": self.mean_bits, "length_error": self.length_error}
        return {name: value for name, value in found.items() if not np.isnan(value)}


def learning_report(
    model: Autoencoder, train: Sequence[Tensor], held_out: Sequence[Tensor], code_size: int
) -> LearningReport:
    """Return what an autoencoder learnt.

    Args:
        model: The trained model.
        train: The training sequences `(time, *step)`.
        held_out: Sequences that were held out; empty if there are none, then the training sequences stand in for them.
        code_size: The number of principal components to compare with.
    """
    tested = list(held_out) or list(train)
    lengths = _length_error(model, tested)
    if tested[0].is_floating_point():
        predictions = over_batches(model, tested, 64, lambda evaluated, batch: evaluated.reconstruct(batch).unpad())
        pca = pca_predictions(train, tested, code_size)
        center = _center(train)
        return LearningReport(
            "R2", r2(predictions, tested, center), 0.0, r2(pca, tested, center), np.nan, np.nan, lengths, len(tested),
            bool(len(held_out)),
        )  # fmt: skip
    accuracy, bits, count = token_scores(model, tested)
    tokens = torch.cat(tested)
    counts = torch.bincount(torch.cat(list(train)), minlength=count).double() + 1
    log_frequencies = (counts / counts.sum()).log2()
    return LearningReport(
        "accuracy", accuracy, float((tokens == counts.argmax()).double().mean()), np.nan, bits,
        float(-log_frequencies[tokens].mean()), lengths, len(tested), bool(len(held_out)),
    )  # fmt: skip


def token_scores(model: Autoencoder, sequences: Sequence[Tensor]) -> tuple[float, float, int]:
    """Return the fraction of tokens that are reconstructed, the bits a token, and the number of logits of a step.

    No more than a batch of logits is kept: those of all texts may fill the memory.

    Args:
        model: Writes logits `(batch, time, token)`.
        sequences: Tokens `(time,)` int64 each.
    """

    def scores(evaluated: Autoencoder, batch: Batch) -> list[Tensor]:
        written, likely = evaluated.reconstruct(batch), evaluated(batch, targets=batch).prediction
        return [_scores(*each) for each in zip(written.unpad(), likely.unpad(), batch.unpad())]

    found = torch.stack(over_batches(model, list(sequences), 64, scores))
    right, nats, count = found[:, 0].sum(), found[:, 1].sum(), int(found[0, 2])
    total = sum(map(len, sequences))
    return float(right / total), float(nats / total / np.log(2)), count


def _scores(written: Tensor, likely: Tensor, tokens: Tensor) -> Tensor:
    """Return how many tokens `(time,)` are right, their nats, and the number of logits `(time, token)` of a step."""
    nats = torch.nn.functional.cross_entropy(likely.double(), tokens, reduction="sum")
    return torch.stack([(written.argmax(dim=1) == tokens).sum().double(), nats, nats.new_tensor(likely.shape[1])])


def sequence_losses(model: Autoencoder, sequences: Sequence[Tensor], loss: Loss) -> np.ndarray:
    """Return the mean loss of each sequence, `(sequences,)`; of tokens given those before, if the decoder reads them.

    Args:
        model: The trained model.
        sequences: Sequences `(time, *step)`.
        loss: The loss of each value.
    """

    def losses(evaluated: Autoencoder, batch: Batch) -> list[Tensor]:
        is_read = not batch.values.is_floating_point()
        found = evaluated(batch, targets=batch).prediction if is_read else evaluated.reconstruct(batch)
        return [mean_loss(loss(*pair)) for pair in zip(found.unpad(), batch.unpad())]

    return torch.stack(over_batches(model, list(sequences), 256, losses)).numpy()


def r2(predictions: Sequence[Tensor], sequences: Sequence[Tensor], center: Tensor) -> float:
    """Return the fraction of the squared deviation from a center `(*step)` that predictions `(time, *step)` explain.

    Missing values, NaN, do not count; without any deviation it is 1 if there is no error, else 0.
    """
    error = deviation = 0.0
    for prediction, sequence in zip(predictions, sequences):
        error += float((prediction - sequence).double().square().nansum())
        deviation += float((sequence - center).double().square().nansum())
    if not deviation:
        return float(error == 0)
    return 1 - error / deviation


def pca_predictions(train: Sequence[Tensor], sequences: Sequence[Tensor], n_components: int) -> list[Tensor]:
    """Return sequences as principal components of padded sequences reconstruct them, `(time, *step)` each.

    Sequences are centred, padded with zeros to the longest of the training ones, and flattened; missing values are
    zeros, too, and so are steps beyond. At most 1,000 training sequences are used, fewer if they are large.
    """
    longest = max(len(sequence) for sequence in train)
    most = min(_MAX_SEQUENCES, max(_MAX_NUMBERS // (longest * train[0][0].numel()), n_components + 1))
    fitted = list(train)[:: -(-len(train) // most)]
    center = _center(fitted)
    rows = _flat(fitted, center, longest)
    mean = rows.mean(dim=0)
    # The components are combinations of the training rows: the Gram matrix is smaller than the covariance.
    eigenvalues, vectors = torch.linalg.eigh((rows - mean) @ (rows - mean).T)
    kept = eigenvalues[-n_components:] > 1e-9 * eigenvalues[-1].clamp(min=1e-30)
    components = (rows - mean).T @ vectors[:, -n_components:][:, kept] / eigenvalues[-n_components:][kept].sqrt()
    predictions = []
    for sequence in sequences:
        row = _flat([sequence[:longest]], center, longest)[0] - mean
        prediction = (components @ (components.T @ row) + mean).unflatten(0, (longest, *center.shape)) + center
        beyond = center.expand(max(len(sequence) - longest, 0), *center.shape)
        predictions.append(torch.cat([prediction[: len(sequence)], beyond]))
    return predictions


def _flat(sequences: Sequence[Tensor], center: Tensor, longest: int) -> Tensor:
    rows = torch.zeros(len(sequences), longest, *center.shape, dtype=torch.float64)
    for row, sequence in zip(rows, sequences):
        row[: len(sequence)] = (sequence - center).nan_to_num()
    return rows.flatten(1)


def _center(sequences: Sequence[Tensor]) -> Tensor:
    """Return the mean of each value of a step over all steps, `(*step)`."""
    count = sum((~sequence.isnan()).sum(dim=0) for sequence in sequences)
    return sum(sequence.double().nansum(dim=0) for sequence in sequences) / torch.as_tensor(count).clamp(min=1)


def _length_error(model: Autoencoder, sequences: Sequence[Tensor]) -> float:
    if model.length is None:
        return np.nan

    def lengths(evaluated: Autoencoder, batch: Batch) -> list[Tensor]:
        assert evaluated.length is not None, "a copy of one that has it"
        return list(evaluated.length(evaluated.encode(batch)))

    told = over_batches(model, list(sequences), 256, lengths)
    return float(np.mean([abs(int(length) - len(sequence)) for length, sequence in zip(told, sequences)]))
