"""The task that learns pairs."""

import pytest
import torch
import torch.nn.functional as F

import seqae
from seqae import Batch
from seqae.corruptions import GaussianNoise
from seqae.data.batches import BatchOrder, Loader
from seqae.data.texts.made_pairs import translations
from seqae.data.texts.pairs import Paired, encoded_pairs
from seqae.data.texts.splitters import Characters
from seqae.data.texts.vocabulary import Vocabulary
from seqae.seq2seq import text_to_text
from seqae.training.translation import Translation


def test_the_loss_is_the_mean_over_the_tokens_of_all_targets():
    torch.manual_seed(0)
    model = text_to_text(9, 8, 4, 4, dropout=0.0)
    sources, targets = ([torch.randint(3, 8, (length,)) for length in lengths] for lengths in ((2, 5), (6, 3)))
    task, pairs = Translation(model, smoothing=0.1), Paired(Batch.of(sources), Batch.of(targets))
    errors, smoothed = [], []
    for source, target in zip(sources, targets):
        log_chances = model(Batch.of([source]), Batch.of([target])).values[0].log_softmax(dim=-1)
        errors.append(F.nll_loss(log_chances, target, reduction="none"))
        smoothed.append(0.9 * errors[-1] - 0.1 * log_chances.mean(dim=-1))
    loss, count = task.validation_step(pairs, 0)
    assert count == 9
    torch.testing.assert_close(loss, torch.cat(errors).mean())
    torch.testing.assert_close(task.training_step(pairs, 0), torch.cat(smoothed).mean())


def test_held_out_pairs_get_likelier():
    torch.manual_seed(0)
    pairs = translations(400)
    reads, writes = (Vocabulary(Characters()).fit(pair[side] for pair in pairs) for side in (0, 1))
    model = text_to_text(len(reads), len(writes), 32, 32, dropout=0.0)
    train, valid = (encoded_pairs(part, reads, writes) for part in (pairs[:350], pairs[350:]))
    loaders = [Loader(part, BatchOrder(part.lengths, 32)) for part in (train, valid)]
    history = seqae.fit(Translation(model, learning_rate=0.02), *loaders, epochs=8, progress=False)
    assert history.valid[-1] < 0.7 * history.valid[0]
    assert history.valid[-1] == pytest.approx(history.train[-1], rel=0.3)


def test_damage_is_a_function_of_seed_epoch_and_number_and_spares_what_is_written():
    torch.manual_seed(0)
    read = []

    class Listener(torch.nn.Module):
        def forward(self, source: Batch, target: Batch) -> Batch:
            read.append((source.values.clone(), target.values.clone()))
            return target.with_steps(torch.zeros(len(target.steps), 8))

    sources, targets = Batch.full(torch.rand(3, 4, 2)), Batch.full(torch.randint(3, 8, (3, 5)))
    for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0)):
        task = Translation(Listener(), corrupt=GaussianNoise(1.0), seed=seed)
        task.training_step(Paired(sources, targets), number)
    task.validation_step(Paired(sources, targets), 0)
    damaged = [values for values, _ in read]
    assert torch.equal(damaged[0], damaged[1])
    assert not any(torch.equal(damaged[0], other) for other in (*damaged[2:4], sources.values))
    assert torch.equal(damaged[4], sources.values), "what is held out is whole"
    assert all(torch.equal(written, targets.values) for _, written in read)
