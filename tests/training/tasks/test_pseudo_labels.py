"""Few labels: sequences without labels help, at any lengths."""

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import LabelledDataset, SequenceDataset
from seqae.training.tasks.pseudo_labels import FixMatch
from seqae.training.tasks.reconstruction import Classification
from seqae.transforms.corruptions import GaussianNoise, MaskSteps

CHANNELS = 12


def two_groups(count: int, seed: int) -> tuple[SequenceDataset, np.ndarray]:
    """Sequences whose class shows in the first channel, clearly, and not in any other."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    places = random.normal(size=(count, CHANNELS))
    places[:, 0] = 1.5 * (2 * labels - 1)
    lengths = random.integers(1, 5, count)
    noise = [0.3 * random.normal(size=(length, CHANNELS)) for length in lengths]
    return SequenceDataset([torch.tensor(at + rest, dtype=torch.float32) for at, rest in zip(places, noise)]), labels


def model() -> tuple[seqae.Encoder, nn.Linear]:
    torch.manual_seed(0)
    return seqae.ConvEncoder(CHANNELS, 8, (16,)), nn.Linear(8, 2)


def accuracy(encoder: seqae.Encoder, head: nn.Linear) -> float:
    sequences, labels = two_groups(200, seed=1)
    with torch.inference_mode():
        return float((head(encoder(sequences.batch(np.arange(200)))).argmax(dim=1).numpy() == labels).mean())


def known() -> LabelledDataset:
    """Three sequences of each class: too few to tell which channel it is."""
    return LabelledDataset(*two_groups(6, seed=2))


def trained(epochs: int = 30, **where) -> tuple[seqae.Encoder, nn.Linear]:
    sequences, _ = two_groups(400, seed=0)
    task = FixMatch(*model(), known(), GaussianNoise(0.5), confidence_threshold=0.8, learning_rate=1e-2)
    loader = make_loader(sequences, 100)
    seqae.fit(task, loader, epochs=epochs, progress=False, **where)
    return task.encoder, task.head


def test_sequences_without_labels_help():
    encoder, head = model()
    task = Classification(encoder, head, learning_rate=1e-2)
    seqae.fit(task, make_loader(known(), 6), epochs=120, progress=False)
    assert accuracy(*trained()) > accuracy(encoder, head) + 0.1


def test_a_resumed_run_ends_with_the_same_weights(tmp_path):
    trained(1, checkpoint_dir=tmp_path)
    (resumed, _), (whole, _) = trained(3, checkpoint_dir=tmp_path), trained(3)
    for one, other in zip(resumed.parameters(), whole.parameters()):
        torch.testing.assert_close(one, other)


def test_only_answers_that_are_sure_count():
    sequences, _ = two_groups(40, seed=0)
    batch = sequences.batch(np.arange(40))
    losses = {}
    for sure in (0.0, 1.0):
        task = FixMatch(*model(), known(), MaskSteps(0.0), confidence_threshold=sure)
        losses[sure] = [
            float(loss.detach()) for loss in task.losses(known().batch(np.arange(6)), batch, torch.Generator())
        ]
    with torch.no_grad():
        chances = task.head(task.encoder(batch)).softmax(dim=1).amax(dim=1)
    assert losses[0.0][1] == pytest.approx(float(-chances.log().mean()), rel=1e-5)
    assert losses[1.0][1] == 0.0
    assert losses[0.0][0] == losses[1.0][0]
