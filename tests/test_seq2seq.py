"""From a sequence to one of another kind: what every such model must do."""

import pytest
import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.decoding import Greedy, decode
from seqae.modules.attention import AdditiveAttention, DotAttention, GeneralAttention
from seqae.modules.convolution import Convolutions
from seqae.modules.stacked import EachStep
from seqae.places import PlaceDecoder
from seqae.seq2seq import AttentionDecoder, RecurrentStates, Seq2Seq, StackedStates, text_to_text

CHANNELS, WORDS, VECTOR, COMBINED = 3, 12, 5, 6


def over_vectors(attention, feeding: bool = False, recurrence=seqae.GRU, layers: int = 1, encoder=None) -> Seq2Seq:
    """A model from frames of three numbers to words."""
    reads = VECTOR + COMBINED if feeding else VECTOR
    decoder = AttentionDecoder(
        nn.Embedding(WORDS, VECTOR),
        recurrence(reads, 8, layers),
        attention,
        nn.Linear(COMBINED, WORDS),
        COMBINED,
        feeding,
    )
    return Seq2Seq(encoder or RecurrentStates(recurrence(CHANNELS, 4, bidirectional=True)), decoder)


MODELS = {
    "general": lambda: over_vectors(GeneralAttention(8, 8)),
    "dot, lstm": lambda: over_vectors(DotAttention(8), recurrence=seqae.LSTM),
    "additive, fed": lambda: over_vectors(AdditiveAttention(8, 8, 7), feeding=True),
    "after convolutions": lambda: over_vectors(
        DotAttention(8),
        encoder=RecurrentStates(seqae.GRU(6, 8), nn.Linear(CHANNELS, 4), Convolutions(4, (6, 6))),
    ),
    "places": lambda: Seq2Seq(
        RecurrentStates(seqae.GRU(CHANNELS, 4, bidirectional=True)), PlaceDecoder(8, GeneralAttention(5, 8), WORDS)
    ),
    "places, convolutions": lambda: Seq2Seq(
        StackedStates([EachStep(nn.Linear(CHANNELS, 4)), Convolutions(4, [8])], 8),
        PlaceDecoder(8, DotAttention(8), WORDS),
    ),
    "general, fed, two layers": lambda: over_vectors(GeneralAttention(8, 8), True, seqae.LSTM, layers=2),
}
models = pytest.mark.parametrize("make", MODELS.values(), ids=list(MODELS))


@pytest.fixture
def pairs():
    torch.manual_seed(0)
    sources = [torch.randn(length, CHANNELS) for length in (5, 9, 1, 7)]
    return sources, [torch.randint(3, WORDS, (length,)) for length in (3, 1, 8, 4)]


def spoiled(batch: Batch) -> Batch:
    """The same sequences, with padding that is no sequence's."""
    longer = torch.cat([batch.values, batch.values[:, :1].expand(-1, 3, *batch.values.shape[2:])], dim=1)
    longer = Batch(longer, batch.lengths)
    mask = longer.mask.reshape(*longer.mask.shape, *[1] * (longer.values.ndim - 2))
    return Batch(longer.values.masked_fill(~mask, torch.nan if batch.values.is_floating_point() else 99), batch.lengths)


@models
def test_logits_are_the_same_alone_as_in_a_spoiled_batch(make, pairs):
    model = make().eval()
    together = model(*(spoiled(Batch.of(side)) for side in pairs)).unpad()
    for source, target, found in zip(*pairs, together):
        alone = model(Batch.of([source]), Batch.of([target])).values[0]
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-5)


@models
def test_every_parameter_learns_and_no_gradient_comes_from_padding(make, pairs):
    torch.manual_seed(1)
    model, gradients = make(), []
    clean = [Batch.of(side) for side in pairs]
    for source, target in (clean, [spoiled(batch) for batch in clean]):
        model.zero_grad()
        seqae.token_error(model(source, target).steps, target.steps).mean().backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    for name, gradient in gradients[1].items():
        assert gradient.isfinite().all() and gradient.abs().sum() > 0, name
        torch.testing.assert_close(gradient, gradients[0][name], rtol=1e-4, atol=1e-6)


@models
def test_writing_step_by_step_gives_the_logits_of_the_whole(make, pairs):
    model, (source, target) = make().eval(), [Batch.of(side) for side in pairs]
    whole, state = model(source, target), model.begin(source)
    tokens = torch.ones(len(source), dtype=torch.long)  # START
    for time in range(int(target.lengths.max())):
        logits, state = model.write(tokens, state)
        here = target.lengths > time
        torch.testing.assert_close(logits[here], whole.values[here, time], rtol=0, atol=1e-5)
        tokens = target.values[:, time]


@models
def test_it_overfits_four_pairs_and_writes_them(make, pairs):
    torch.manual_seed(0)
    model, sources = make(), Batch.of(pairs[0])
    targets = Batch.of([torch.cat([target[:-1], torch.tensor([2])]) for target in pairs[1]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(300):
        loss = seqae.token_error(model(sources, targets).steps, targets.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    written = decode(model, model.begin(sources), 20, Greedy())
    assert [text.tolist() for text in written] == [target.tolist() for target in targets.unpad()]


@models
def test_saved_and_loaded_gives_the_same_numbers(make, pairs, tmp_path):
    model, (source, target) = make().eval(), [Batch.of(side) for side in pairs]
    seqae.save(model, tmp_path / "model")
    assert torch.equal(seqae.load(tmp_path / "model")(source, target).steps, model(source, target).steps)


def test_weights_tell_where_it_looked(pairs):
    model, (source, target) = MODELS["general"]().eval(), [Batch.of(side) for side in pairs]
    weights = model.looked_at(source, target)
    assert weights.shape == (4, 8, 9)
    for row, length in enumerate(source.lengths.tolist()):
        torch.testing.assert_close(weights[row, :, :length].sum(dim=1), torch.ones(8))


def test_head_and_embedding_of_text_to_text_are_one():
    model = text_to_text(20, 30, 8, 8)
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.shape == (30, 8)) == 30 * 8


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"queries of 9 numbers.*of 8.*query_size"):
        over_vectors(GeneralAttention(9, 8))
    with pytest.raises(ValueError, match=r"states of 8 numbers.*to 7.*states_size"):
        over_vectors(GeneralAttention(8, 7))
    with pytest.raises(ValueError, match="bidirectional=False"):
        AttentionDecoder(nn.Identity(), seqae.GRU(2, 3, bidirectional=True), DotAttention(3), nn.Identity(), 2)
