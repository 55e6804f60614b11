"""How fast texts are learnt and written, beside plain torch: whole training steps, and beam search. Prints one table.

    python tests/benchmarks/text.py --quick

Called by race.py with the name of a contestant, it is that contestant, see contestants.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from contestants import THREADS, Work
from contestants import main as contest
from race import race
from torch import Tensor, nn

import seqae
from seqae import Batch
from seqae.datasets.loader import DataLoader
from seqae.datasets.pairs import PairDataset
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset
from seqae.seq2seq.decoding import BeamSearch, decode
from seqae.seq2seq.models import Seq2Seq, attention_seq2seq
from seqae.text.vocabulary import END, START
from seqae.training.tasks.seq2seq import SequenceToSequence

READS, WRITES, VECTOR, HIDDEN, ROWS, WIDTH = 2000, 3000, 128, 128, 64, 5


def pairs(quick: bool) -> PairDataset:
    """Random texts of 3 to 25 tokens, as long as sentences are, and targets that end."""
    random = np.random.default_rng(0)

    def texts(size: int) -> SequenceDataset:
        lengths = np.clip(random.lognormal(2.2, 0.45, 512 if quick else 2048), 3, 25).astype(int)
        return SequenceDataset([torch.from_numpy(np.append(random.integers(3, size, n), END)) for n in lengths])

    return PairDataset(texts(READS), texts(WRITES))


class PlainTranslator(nn.Module):
    """The same network by nn.LSTM: logits of all positions, padding left out of the loss by its number."""

    def __init__(self) -> None:
        super().__init__()
        self.source_vocabulary, self.writes = nn.Embedding(READS, VECTOR), nn.Embedding(WRITES, VECTOR)
        self.reader = nn.LSTM(VECTOR, HIDDEN, batch_first=True, bidirectional=True)
        self.start = nn.Linear(4 * HIDDEN, 2 * HIDDEN)
        self.writer = nn.LSTM(VECTOR, 2 * HIDDEN, batch_first=True)
        self.turn = nn.Linear(2 * HIDDEN, 2 * HIDDEN, bias=False)
        self.combine = nn.Linear(4 * HIDDEN, VECTOR)
        self.bias = nn.Parameter(torch.zeros(WRITES))

    def forward(self, source: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        states, _ = self.reader(F.dropout(self.source_vocabulary(source), 0.3))
        hidden = self.start(torch.cat([states[:, 0], states[:, -1]], dim=-1)).tanh().unsqueeze(0)
        before = F.pad(target[:, :-1], (1, 0), value=START)
        written, _ = self.writer(F.dropout(self.writes(before), 0.3), (hidden, torch.zeros_like(hidden)))
        scores = (written @ self.turn(states).transpose(1, 2)).masked_fill(~mask.unsqueeze(1), -torch.inf)
        combined = self.combine(torch.cat([scores.softmax(dim=-1) @ states, written], dim=-1)).tanh()
        return F.linear(F.dropout(combined, 0.3), self.writes.weight, self.bias)


def training_by_seqae(quick: bool) -> Work:
    seqae.configure_runtime(THREADS)
    source = pairs(quick)
    task = SequenceToSequence(attention_seq2seq(READS, WRITES, VECTOR, HIDDEN))
    loader = DataLoader(source, LengthBucketSampler(source.lengths, ROWS))

    def work() -> int:
        seqae.fit(task, loader, epochs=1, progress=False)
        return len(loader)

    return work


def training_by_torch(quick: bool) -> Work:
    torch.set_num_threads(THREADS)
    source, model = pairs(quick), PlainTranslator()
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    loader = DataLoader(source, LengthBucketSampler(source.lengths, ROWS))

    def work() -> int:
        for pair in loader:
            logits = model(pair.source.values, pair.target.values, pair.source.mask)
            truths = pair.target.values.masked_fill(~pair.target.mask, -100)
            loss = F.cross_entropy(logits.flatten(0, 1), truths.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return len(loader)

    return work


def writer() -> tuple[Seq2Seq, Batch]:
    """A model that was not trained, so that its texts are as long as they may be, and texts to read."""
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    model = attention_seq2seq(READS, WRITES, VECTOR, HIDDEN).eval()
    return model, pairs(True).sources.batch(np.arange(ROWS))


def longest(quick: bool) -> int:
    return 12 if quick else 20


def beams_by_seqae(quick: bool) -> Work:
    model, sources = writer()

    def work() -> int:
        return len(decode(model, model.init_state(sources), longest(quick), BeamSearch(WIDTH)))

    return work


def beams_one_by_one(quick: bool) -> Work:
    model, sources = writer()

    def work() -> int:
        with torch.no_grad():
            return len(
                [one_text(model, Batch.of([source]), BeamSearch(WIDTH), longest(quick)) for source in sources.unpad()]
            )

    return work


def one_text(model: Seq2Seq, source: Batch, beam: BeamSearch, most: int) -> list[int]:
    """The same search as one writes it down: a list of texts, each continued by itself."""
    texts, best = [(0.0, [], model.init_state(source))], (-torch.inf, [])
    for time in range(1, most + 1):
        more = []
        for score, text, state in texts:
            logits, after = model.decode_step(torch.tensor([text[-1] if text else START]), state)
            chances = logits[0].log_softmax(dim=0)
            chances[START] = -torch.inf
            values, tokens = chances.topk(2 * beam.width)
            more += [(score + value, [*text, token], after) for value, token in zip(values.tolist(), tokens.tolist())]
        more = sorted(more, key=lambda each: -each[0])[: 2 * beam.width]
        ended = [(score / beam.penalty(time), text) for score, text, _ in more[: beam.width] if text[-1] == END]
        best = max([best, *ended], key=lambda each: each[0])
        texts = [each for each in more if each[1][-1] != END][: beam.width]
        if best[0] >= texts[0][0] / beam.penalty(most):
            break
    return best[1] or texts[0][1]


def check(quick: bool) -> None:
    """Both searches find the same texts."""
    model, sources = writer()
    found = decode(model, model.init_state(sources), longest(quick), BeamSearch(WIDTH))
    with torch.no_grad():
        for source, text in zip(sources.unpad(), found):
            assert one_text(model, Batch.of([source]), BeamSearch(WIDTH), longest(quick)) == text.tolist()


def ratios(quick: bool) -> dict[str, tuple[float, float]]:
    """Return units per second of seqae and of the other way, by what is done."""
    check(True)
    found = {}
    for what, names in {
        "training": ["training_by_seqae", "training_by_torch"],
        "beam search": ["beams_by_seqae", "beams_one_by_one"],
    }.items():
        ours, other = race(names, 3 if quick else 7, quick, Path(__file__)).values()
        found[what] = (1 / ours, 1 / other)
    return found


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        contest(*sys.argv[1:], contestants=globals())
    else:
        for name, (ours, other) in ratios("--quick" in sys.argv).items():
            print(f"{name:14} {ours / other:5.2f} x   {ours:.1f} against {other:.1f} steps or texts/s")
