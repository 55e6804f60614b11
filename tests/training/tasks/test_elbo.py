import pytest
import torch
from torch import nn

import seqae
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.evaluation.likelihood import importance_bound, kl_per_unit
from seqae.modules.encoders import NullEncoder
from seqae.modules.tokens import TiedHead
from seqae.training.annealing import CyclicalAnnealing, LinearAnnealing
from seqae.training.tasks.elbo import ELBO

BATCH = seqae.Batch.of([torch.tensor([3, 5, 4, 2]), torch.tensor([4, 2])])


def model(encoder=None, code=None, size=12, code_size=2):
    torch.manual_seed(0)
    embedding = nn.Embedding(6, size)
    nn.init.normal_(embedding.weight, std=0.3)
    reader = seqae.RecurrentEncoder(seqae.LSTM(size, size), 2 * code_size, embedding)
    recurrence = seqae.LSTM(size + code_size, size)
    decoder = seqae.AutoregressiveDecoder(
        code_size, recurrence, TiedHead(embedding, size + code_size), embedding, condition_every_step=True
    )
    return seqae.Autoencoder(encoder or reader, decoder, code)


def by_hand(model, batch):
    """Errors of each sequence added up one by one, and what its code costs."""
    predicted = model(batch, targets=batch).prediction.unpad()
    return [
        float(seqae.token_cross_entropy(logits.detach(), row).sum()) for logits, row in zip(predicted, batch.unpad())
    ]


def test_the_loss_is_what_sequences_and_codes_cost():
    task = ELBO(model(code=seqae.GaussianCode()).eval(), seqae.token_cross_entropy)  # eval: no code is drawn
    costs = kl_per_unit(task.model, BATCH).sum(axis=1)
    expected = (sum(by_hand(task.model, BATCH)) + costs.sum()) / 2
    assert float(task.training_step(BATCH, 0).detach()) == pytest.approx(expected, rel=1e-5)


def test_a_held_out_bound_draws_codes_and_ignores_weight_and_free_nats():
    task = ELBO(model(code=seqae.GaussianCode(weight=7.0, free_nats=9.0)), seqae.token_cross_entropy, lambda done: 5.0)
    torch.manual_seed(1)
    found, count = task.validation_step(BATCH, 0)
    torch.manual_seed(1)
    expected = importance_bound(task.model, BATCH, 1, seqae.token_cross_entropy)
    assert count == 2 and float(found.detach()) == pytest.approx(float(expected.mean()), rel=1e-5)


def test_a_language_model_is_judged_by_its_likelihood():
    task = ELBO(model(NullEncoder(2)), seqae.token_cross_entropy)
    found, count = task.validation_step(BATCH, 0)
    assert count == 2 and float(found.detach()) == pytest.approx(sum(by_hand(task.model, BATCH)) / 2, rel=1e-5)


def test_the_weight_follows_training():
    seen = []

    def weight(done):
        seen.append(done)
        return done

    source = SequenceDataset([row for row in BATCH.unpad()] * 4)
    task = ELBO(model(code=seqae.GaussianCode()), seqae.token_cross_entropy, weight)
    seqae.fit(task, make_loader(source, 2), epochs=2, progress=False)
    assert seen == pytest.approx([step / 8 for step in range(8)])


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (LinearAnnealing(until=0.5), [0, 0.25, 0.5, 0.75, 1, 1, 1, 1]),
        (CyclicalAnnealing(cycles=2, rising=0.5), [0, 0.5, 1, 1, 0, 0.5, 1, 1]),
    ],
)
def test_annealing_weights_the_penalty_of_the_code_and_nothing_else(weight, expected):
    source = SequenceDataset([row for row in BATCH.unpad()] * 4)
    task = ELBO(model(code=seqae.GaussianCode()), seqae.token_cross_entropy, weight, learning_rate=0.0)
    costs, step = [], task.training_step

    def training_step(batch, batch_idx):
        task.eval()  # in which no code is drawn
        output = task.model(batch, targets=batch)
        plain = seqae.token_cross_entropy(output.prediction.steps, batch.steps).sum() / len(batch)
        loss = step(batch, batch_idx)
        costs.append(((loss - plain) / output.penalty.mean()).item())
        return loss

    task.training_step = training_step
    seqae.fit(task, seqae.make_loader(source, 2), epochs=2, progress=False)
    assert costs == pytest.approx(expected, abs=1e-4)


def test_free_nats_keep_a_code_in_use_that_is_dropped_without():
    """Texts that any language model knows by heart: a code has nothing to say and costs something."""
    torch.manual_seed(0)
    texts = SequenceDataset([torch.tensor([3 + number % 2] * 3 + [2]) for number in range(64)])
    nats = []
    for free in (0.0, 1.0):
        task = ELBO(model(code=seqae.GaussianCode(free_nats=free)), seqae.token_cross_entropy, learning_rate=0.02)
        seqae.fit(task, make_loader(texts, 16), epochs=30, progress=False)
        nats.append(float(kl_per_unit(task.model, texts.batch(range(64))).sum(axis=1).mean()))
    assert nats[0] < 1.0 < 1.5 < nats[1]
