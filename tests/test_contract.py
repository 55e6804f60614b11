"""What every encoder and every decoder must do, whatever is inside."""

import pytest
import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.errors import mean_error
from seqae.modules.encoders import StateMeans, SummaryEncoder
from seqae.modules.merging import Join, Split
from seqae.modules.pooling import last_step, max_over_time, mean_over_time
from seqae.modules.recursive import Balanced, Chain, Greedy, MeanOfNodes, RecursiveEncoder, UnfoldingDecoder

CHANNELS, CODE = 3, 5
ENCODERS = {
    "lstm": lambda: seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, 16), CODE),
    "lstm stacked": lambda: seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, 8, layers=2), CODE),
    "lstm bidirectional": lambda: seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, 8, 2, bidirectional=True), CODE),
    "gru": lambda: seqae.RecurrentEncoder(seqae.GRU(CHANNELS, 16), CODE),
    "gru bidirectional": lambda: seqae.RecurrentEncoder(seqae.GRU(CHANNELS, 8, 2, bidirectional=True), CODE),
    "gru mean": lambda: seqae.RecurrentEncoder(seqae.GRU(CHANNELS, 16), CODE, pool=mean_over_time),
    "gru max": lambda: seqae.RecurrentEncoder(seqae.GRU(CHANNELS, 16), CODE, pool=max_over_time),
    "missing": lambda: seqae.RecurrentEncoder(seqae.GRU(2 * CHANNELS, 16), CODE, embed=seqae.FillMissing()),
    "summary": lambda: SummaryEncoder(seqae.GRU(CHANNELS, 1)),
    "conv": lambda: seqae.ConvEncoder(CHANNELS, CODE, channels=(16, 16)),
    "conv causal": lambda: seqae.ConvEncoder(CHANNELS, CODE, channels=(16, 8), causal=True, pool=last_step),
    "conv max": lambda: seqae.ConvEncoder(CHANNELS, CODE, channels=(8, 16), kernel_size=5, pool=max_over_time),
    "dense": lambda: seqae.DenseEncoder(12, CHANNELS, CODE),
    "dense linear": lambda: seqae.DenseEncoder(12, CHANNELS, CODE, hidden_sizes=()),
    "mean": lambda: seqae.MeanEncoder(CHANNELS, CODE),
    "state means": lambda: StateMeans(seqae.GRU(CHANNELS, CODE), parts=1),
    "recursive chain": lambda: RecursiveEncoder(Join(CODE), Chain(), nn.Linear(CHANNELS, CODE)),
    "recursive balanced": lambda: RecursiveEncoder(Join(CODE), Balanced(), nn.Linear(CHANNELS, CODE)),
    # What chooses the trees learns by the loss of a RecursiveAutoencoder only.
    "recursive greedy": lambda: RecursiveEncoder(
        Join(CODE), Greedy(Split(CODE).requires_grad_(False)), nn.Linear(CHANNELS, CODE), MeanOfNodes()
    ),
    "large code": lambda: seqae.RecurrentEncoder(seqae.LSTM(CHANNELS, 16), CODE, embed=nn.Linear(CHANNELS, CHANNELS)),
}
DECODERS = {
    "repeat lstm": lambda: seqae.RepeatDecoder(seqae.LSTM(CODE, 16), nn.Linear(16, CHANNELS)),
    "repeat gru": lambda: seqae.RepeatDecoder(seqae.GRU(CODE, 16, 2), nn.Linear(16, CHANNELS)),
    "repeat bidirectional": lambda: seqae.RepeatDecoder(
        seqae.LSTM(CODE, 8, bidirectional=True), nn.Linear(16, CHANNELS)
    ),
    "feedback lstm": lambda: seqae.FeedbackDecoder(CODE, seqae.LSTM(CHANNELS, 16), nn.Linear(16, CHANNELS)),
    "feedback gru": lambda: seqae.FeedbackDecoder(CODE, seqae.GRU(CHANNELS, 16, 2), nn.Linear(16, CHANNELS)),
    "feedback sampled": lambda: seqae.FeedbackDecoder(
        CODE, seqae.LSTM(CHANNELS, 16, 2), nn.Linear(16, CHANNELS), own_share=0.5
    ),
    "feedback rereading": lambda: seqae.FeedbackDecoder(
        CODE, seqae.LSTM(CHANNELS + CODE, 16), nn.Linear(16 + CODE, CHANNELS), rereads=True
    ),
    "backwards": lambda: seqae.BackwardsDecoder(
        seqae.FeedbackDecoder(CODE, seqae.LSTM(CHANNELS, 16), nn.Linear(16, CHANNELS))
    ),
    "conv": lambda: seqae.ConvDecoder(CODE, nn.Linear(16, CHANNELS), channels=(16, 16)),
    "dense": lambda: seqae.DenseDecoder(12, CHANNELS, CODE),
    "unfolding": lambda: UnfoldingDecoder(Split(CODE), Balanced(), nn.Linear(CODE, CHANNELS)),
    "constant": lambda: seqae.ConstantDecoder(nn.Linear(CODE, CHANNELS)),
}
encoders = pytest.mark.parametrize("make_encoder", ENCODERS.values(), ids=list(ENCODERS))
decoders = pytest.mark.parametrize("make_decoder", DECODERS.values(), ids=list(DECODERS))


@pytest.fixture
def sequences():
    torch.manual_seed(0)
    return [torch.randn(length, CHANNELS) for length in (5, 9, 1, 7)]


def poison(batch: Batch, more: int = 3) -> Batch:
    """The same sequences, with longer and spoiled padding."""
    longer = torch.cat([batch.values, batch.values.new_zeros(len(batch), more, *batch.values.shape[2:])], dim=1)
    longer = Batch(longer, batch.lengths)
    return Batch(longer.values.masked_fill(~longer.mask.unsqueeze(-1), torch.nan), batch.lengths)


@encoders
def test_code_is_the_same_alone_as_in_a_batch_in_any_order(make_encoder, sequences):
    encoder = make_encoder().eval()
    alone = torch.cat([encoder(Batch.of([sequence])) for sequence in sequences])
    torch.testing.assert_close(encoder(Batch.of(sequences)), alone, rtol=0, atol=1e-5)
    order = [2, 0, 3, 1]
    torch.testing.assert_close(encoder(Batch.of([sequences[i] for i in order])), alone[order], rtol=0, atol=1e-5)


@encoders
def test_encoder_reads_no_padding(make_encoder, sequences):
    encoder, batch = make_encoder().eval(), Batch.of(sequences)
    torch.testing.assert_close(encoder(poison(batch)), encoder(batch), rtol=0, atol=1e-5)


@encoders
@decoders
def test_reconstruction_is_the_same_alone_as_in_a_spoiled_batch(make_encoder, make_decoder, sequences):
    model = seqae.Autoencoder(make_encoder(), make_decoder()).eval()
    together = model.reconstruct(poison(Batch.of(sequences))).unpad()
    for sequence, found in zip(sequences, together):
        alone = model.reconstruct(Batch.of([sequence])).values[0]
        torch.testing.assert_close(found, alone, rtol=0, atol=1e-5)


@encoders
@decoders
def test_every_parameter_learns_and_no_gradient_comes_from_padding(make_encoder, make_decoder, sequences):
    torch.manual_seed(1)
    model, clean = seqae.Autoencoder(make_encoder(), make_decoder()), Batch.of(sequences)
    gradients = []
    for batch in (clean, poison(clean)):
        torch.manual_seed(2)  # of scheduled sampling
        model.zero_grad()
        found = model(batch, teacher=batch)
        mean_error(seqae.squared_error(found.prediction.steps, batch.steps)).backward()
        learning = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        gradients.append({name: parameter.grad.clone() for name, parameter in learning})
    for name, gradient in gradients[1].items():
        assert gradient.isfinite().all(), name
        assert gradient.abs().sum() > 0, name
        torch.testing.assert_close(gradient, gradients[0][name], rtol=1e-4, atol=1e-6)


@decoders
def test_decoder_writes_the_lengths_asked_for(make_decoder):
    written = make_decoder().eval()(torch.randn(3, CODE), torch.tensor([2, 6, 1]))
    assert [len(sequence) for sequence in written.unpad()] == [2, 6, 1]


def overfitted(model, sequences, steps=250) -> float:
    batch = Batch.of(sequences)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        loss = seqae.squared_error(model(batch, teacher=batch).prediction.steps, batch.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach() / batch.steps.var())


@pytest.mark.parametrize("name", [name for name in DECODERS if name not in ("constant", "feedback sampled")])
def test_every_decoder_overfits_four_sequences(name, sequences):
    torch.manual_seed(0)
    assert overfitted(seqae.Autoencoder(ENCODERS["lstm"](), DECODERS[name]()), sequences) < 0.1


@pytest.mark.parametrize("name", [name for name in ENCODERS if "mean" not in name])
def test_every_encoder_overfits_four_sequences(name, sequences):
    torch.manual_seed(0)
    assert overfitted(seqae.Autoencoder(ENCODERS[name](), DECODERS["dense"]()), sequences) < 0.1


@pytest.mark.parametrize("name", ["feedback lstm", "backwards"])
def test_folded_feedback_equals_the_loop(name, sequences):
    decoder = DECODERS[name]().eval()
    lstm_decoder = decoder.decoder if name == "backwards" else decoder
    nn.init.normal_(lstm_decoder.first)
    code, lengths = torch.randn(4, CODE), torch.tensor([5, 9, 1, 7])
    folded = decoder(code, lengths).unpad()
    lstm_decoder.choose = nn.Identity()  # anything between the output and the next input stops the folding
    for found, expected in zip(folded, decoder(code, lengths).unpad()):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@encoders
@decoders
def test_saved_and_loaded_gives_the_same_numbers(make_encoder, make_decoder, sequences, tmp_path):
    model, batch = seqae.Autoencoder(make_encoder(), make_decoder()).eval(), Batch.of(sequences)
    seqae.save(model, tmp_path / "model")
    loaded = seqae.load(tmp_path / "model")
    assert torch.equal(loaded.encode(batch), model.encode(batch))
    assert torch.equal(loaded.reconstruct(batch).steps, model.reconstruct(batch).steps)


@pytest.mark.parametrize("name", [name for name in ENCODERS if "dense" not in name])
def test_length_one_and_very_long_work_side_by_side(name):
    encoder = ENCODERS[name]().eval()
    with torch.inference_mode():
        codes = encoder(Batch.of([torch.randn(1, CHANNELS), torch.randn(3000, CHANNELS)]))
    assert codes.isfinite().all()


def test_dense_encoder_names_the_length_that_it_cannot_read():
    with pytest.raises(ValueError, match=r"13 steps.*at most 12"):
        ENCODERS["dense"]()(Batch.of([torch.ones(13, CHANNELS)]))


def test_empty_sequence_is_named():
    with pytest.raises(ValueError, match="sequence 1 of 2 is empty"):
        Batch.of([torch.ones(2, 3), torch.ones(0, 3)])
