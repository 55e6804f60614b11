import pytest
import torch
from torch import nn

import seqae
from seqae.batch import Batch
from seqae.modules.recurrent import LSTM
from seqae.seq2seq.captioner import Captioner
from seqae.seq2seq.decoding import BeamSearch, GreedySearch, decode
from seqae.seq2seq.s2vt import S2VT
from seqae.text.vocabulary import Vocabulary


def model() -> S2VT:
    torch.manual_seed(0)
    embed = nn.Sequential(nn.Flatten(), nn.Linear(8, 5))
    return S2VT(LSTM(5, 6), LSTM(6 + 4, 7), nn.Linear(7, 9), nn.Embedding(9, 4), embed).eval()


def clips(*lengths: int) -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(length, 2, 2, 2) for length in lengths]


def test_texts_are_the_same_alone_as_in_a_batch():
    found, sources = model(), clips(4, 1, 7)
    for strategy in (GreedySearch(), BeamSearch(3)):
        together = decode(found, found.init_state(Batch.of(sources)), 6, strategy)
        for source, text in zip(sources, together):
            (alone,) = decode(found, found.init_state(Batch.of([source])), 6, strategy)
            assert torch.equal(alone, text)


def test_it_learns_to_tell_clips_apart_and_is_the_same_when_saved_and_loaded(tmp_path):
    vocabulary = Vocabulary().fit(["it goes up", "it goes down", "still"])
    torch.manual_seed(0)
    size = len(vocabulary)
    found = S2VT(LSTM(1, 16), LSTM(16 + 8, 16), nn.Linear(16, size), nn.Embedding(size, 8))
    sources = [torch.linspace(0, 1, 6)[:, None], torch.linspace(1, 0, 4)[:, None], torch.full((5, 1), 0.5)]
    texts = ["it goes up", "it goes down", "still"]
    source, target = Batch.of(sources), Batch.of([vocabulary.encode(text) for text in texts])
    optimizer = torch.optim.Adam(found.parameters(), lr=0.02)
    for _ in range(150):
        loss = seqae.token_cross_entropy(found(source, target).steps, target.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    captioner = Captioner(vocabulary, found, max_length=8)
    assert captioner.caption(sources) == texts
    again = seqae.load(seqae.save(captioner, tmp_path / "captioner"))
    assert again.caption(sources[::-1], GreedySearch(), batch_size=2) == texts[::-1]


def test_recurrences_that_read_backwards_are_refused():
    with pytest.raises(ValueError, match="one direction"):
        S2VT(LSTM(5, 6, bidirectional=True), LSTM(16, 7), nn.Linear(7, 9), nn.Embedding(9, 4))
