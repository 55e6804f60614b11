"""The task that learns pairs."""

import pytest
import torch
import torch.nn.functional as F

import seqae
from seqae import Batch
from seqae.data.text.synthetic_pairs import synthetic_translations
from seqae.datasets.loader import make_loader
from seqae.datasets.pairs import PairBatch, encoded_pairs
from seqae.seq2seq.models import attention_seq2seq
from seqae.text.tokenizers import CharacterTokenizer
from seqae.text.vocabulary import Vocabulary
from seqae.training.tasks.seq2seq import SequenceToSequence
from seqae.transforms.corruptions import GaussianNoise


def test_the_loss_is_the_mean_over_the_tokens_of_all_targets():
    torch.manual_seed(0)
    model = attention_seq2seq(9, 8, 4, 4, dropout=0.0)
    sources, targets = ([torch.randint(3, 8, (length,)) for length in lengths] for lengths in ((2, 5), (6, 3)))
    task, pairs = SequenceToSequence(model, label_smoothing=0.1), PairBatch(Batch.of(sources), Batch.of(targets))
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
    pairs = synthetic_translations(400)
    reads, writes = (Vocabulary(CharacterTokenizer()).fit(pair[side] for pair in pairs) for side in (0, 1))
    model = attention_seq2seq(len(reads), len(writes), 32, 32, dropout=0.0)
    train, valid = (encoded_pairs(part, reads, writes) for part in (pairs[:350], pairs[350:]))
    loaders = [make_loader(part, 32) for part in (train, valid)]
    history = seqae.fit(SequenceToSequence(model, learning_rate=0.02), *loaders, epochs=8, progress=False)
    assert history.valid[-1] < 0.7 * history.valid[0]
    assert history.valid[-1] == pytest.approx(history.train[-1], rel=0.3)


def test_the_corruption_is_a_function_of_seed_epoch_and_number_and_spares_the_targets():
    torch.manual_seed(0)
    read = []

    class Listener(torch.nn.Module):
        def forward(self, source: Batch, target: Batch) -> Batch:
            read.append((source.values.clone(), target.values.clone()))
            return target.with_steps(torch.zeros(len(target.steps), 8))

    sources, targets = Batch.full(torch.rand(3, 4, 2)), Batch.full(torch.randint(3, 8, (3, 5)))
    for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0)):
        task = SequenceToSequence(Listener(), corrupt=GaussianNoise(1.0), seed=seed)
        task.training_step(PairBatch(sources, targets), number)
    task.validation_step(PairBatch(sources, targets), 0)
    corrupted = [values for values, _ in read]
    assert torch.equal(corrupted[0], corrupted[1])
    assert not any(torch.equal(corrupted[0], other) for other in (*corrupted[2:4], sources.values))
    assert torch.equal(corrupted[4], sources.values), "what is held out is whole"
    assert all(torch.equal(written, targets.values) for _, written in read)
