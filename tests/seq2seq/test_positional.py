"""A decoder with a query for each position: what it must do beyond the contract of test_contract.py."""

import pytest
import torch

import seqae
from seqae import Batch
from seqae.modules.attention import GeneralAttention
from seqae.seq2seq.captioner import Captioner
from seqae.seq2seq.decoding import BeamSearch, GreedySearch, TokenSampling, decode
from seqae.seq2seq.models import RecurrentSeq2SeqEncoder, Seq2Seq
from seqae.seq2seq.positional import PositionalQueryDecoder
from seqae.text.vocabulary import END, START, Vocabulary

POSITIONS, WORDS = 4, 9


@pytest.fixture
def model() -> Seq2Seq:
    torch.manual_seed(0)
    decoder = PositionalQueryDecoder(POSITIONS, GeneralAttention(5, 8), WORDS, dropout=0.5)
    return Seq2Seq(RecurrentSeq2SeqEncoder(seqae.GRU(3, 4, bidirectional=True)), decoder).eval()


@pytest.fixture
def clips() -> list[torch.Tensor]:
    torch.manual_seed(1)
    return [torch.randn(length, 3) for length in (4, 1, 7)]


def test_what_is_written_is_the_likeliest_word_of_each_position(model, clips):
    source = Batch.of(clips)
    logits = model(source, Batch.full(torch.full((3, POSITIONS), END))).values
    logits[..., START] = -torch.inf
    for text, likeliest in zip(decode(model, model.init_state(source), 9), logits.argmax(dim=-1).tolist()):
        expected = [*likeliest, END]
        assert text.tolist() == expected[: expected.index(END) + 1]


def test_the_best_beam_is_the_likeliest_text_of_all(model, clips):
    source = Batch.of(clips)
    logs = model(source, Batch.full(torch.full((3, POSITIONS), END))).values.log_softmax(dim=-1)
    words = [word for word in range(WORDS) if word not in (START, END)]
    for text, log in zip(decode(model, model.init_state(source), 9, BeamSearch(50, length_penalty=0.0)), logs.tolist()):
        likely = {(): 0.0}  # texts that have not ended
        best = (-float("inf"), ())
        for position in [*log, [0.0 if word == END else -float("inf") for word in range(WORDS)]]:
            best = max(best, *((sum_ + position[END], one) for one, sum_ in likely.items()))
            likely = {(*one, word): sum_ + position[word] for one, sum_ in likely.items() for word in words}
        assert tuple(text.tolist()) == (*best[1], END)


def test_a_text_never_gets_longer_than_its_positions(model, clips):
    with torch.no_grad():
        for head in model.decoder.heads:
            head.bias[END] = -1e4
    for strategy in (GreedySearch(), TokenSampling(seed=1), BeamSearch(3)):
        for text in decode(model, model.init_state(Batch.of(clips)), 50, strategy):
            assert len(text) == POSITIONS + 1 and text[-1] == END


def test_longer_targets_are_refused(model, clips):
    with pytest.raises(ValueError, match="a text of 5 tokens, its end included; this decoder writes at most 4"):
        model(Batch.of(clips[:1]), Batch.full(torch.full((1, 5), END)))
    with pytest.raises(ValueError, match="at least 1"):
        PositionalQueryDecoder(0, GeneralAttention(5, 8), WORDS)


def test_it_learns_where_to_look_and_is_the_same_when_saved_and_loaded(tmp_path):
    texts = ["up left", "left", "up right", "right"]
    steps = dict(zip(["up", "left", "right"], torch.eye(3)))
    sources = [torch.stack([steps[word] for word in text.split()]).repeat_interleave(3, dim=0) for text in texts]
    vocabulary = Vocabulary().fit(texts)
    torch.manual_seed(0)
    decoder = PositionalQueryDecoder(3, GeneralAttention(8, 16), len(vocabulary))
    found = Seq2Seq(RecurrentSeq2SeqEncoder(seqae.GRU(3, 8, bidirectional=True)), decoder)
    source, target = Batch.of(sources), Batch.of([vocabulary.encode(text) for text in texts])
    optimizer = torch.optim.Adam(found.parameters(), lr=0.02)
    for _ in range(100):
        loss = seqae.token_cross_entropy(found(source, target).steps, target.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    captioner = Captioner(vocabulary, found, max_length=8)
    assert captioner.caption(sources) == texts
    weights = captioner.attention_weights(sources[0], texts[0])
    assert weights.shape == (3, 6) and weights.sum(axis=1) == pytest.approx(1, abs=1e-5)
    again = seqae.load(seqae.save(captioner, tmp_path / "captioner"))
    assert again.caption(sources[::-1], GreedySearch(), batch_size=3) == texts[::-1]
