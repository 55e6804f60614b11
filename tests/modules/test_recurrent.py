import pytest
import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.native import native_status
from seqae.modules.recurrent import init_forget_gate_bias

KINDS = {"lstm": seqae.LSTM, "gru": seqae.GRU}
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(params=["native", "torch"], autouse=True)
def backend(request, monkeypatch) -> None:
    monkeypatch.setenv("SEQAE_NATIVE", "1" if request.param == "native" else "0")
    if request.param == "native" and not native_status().startswith("in use"):
        pytest.skip(native_status())


def of_torch(rnn: seqae.LSTM | seqae.GRU) -> nn.RNNBase:
    """The same layers in one module of torch."""
    make = nn.LSTM if isinstance(rnn, seqae.LSTM) else nn.GRU
    whole = make(
        rnn.input_size,
        rnn.hidden_size,
        rnn.num_layers,
        batch_first=True,
        bidirectional=rnn.bidirectional,
    )
    with torch.no_grad():
        for direction, suffix in ((rnn.forward_layers, ""), (rnn.backward_layers, "_reverse")):
            for number, layer in enumerate(direction):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(whole, f"{name}_l{number}{suffix}").copy_(getattr(layer, f"{name}_l0"))
    return whole


def sequences() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(length, 3) for length in (5, 9, 1, 7)]


@kinds
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one direction", "both directions"])
def test_hidden_states_equal_those_of_torch(kind, layers, bidirectional):
    rnn = KINDS[kind](3, 12, layers, bidirectional)
    whole, batch = of_torch(rnn), Batch.of(sequences())
    hidden = rnn(batch)
    for found, last, sequence in zip(hidden.unpad(), rnn.last_output(hidden), sequences()):
        expected, state = whole(sequence.unsqueeze(0))
        torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-5)
        top = (state[0] if kind == "lstm" else state)[-2 if bidirectional else -1 :]
        torch.testing.assert_close(last, top.flatten(), rtol=0, atol=1e-5)


@kinds
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one direction", "both directions"])
def test_dropout_stands_between_layers_and_only_in_training(kind, bidirectional):
    """The same as dropout by hand between layers of their own; the random numbers do not depend on padding."""
    torch.manual_seed(1)
    whole = KINDS[kind](3, 12, 2, bidirectional, dropout=0.4)
    bottom = KINDS[kind](3, 12, 1, bidirectional)
    top = KINDS[kind](whole.output_size, 12, 1, bidirectional)
    for part, index in ((bottom, 0), (top, 1)):
        part.forward_layers[0].load_state_dict(whole.forward_layers[index].state_dict())
        if bidirectional:
            part.backward_layers[0].load_state_dict(whole.backward_layers[index].state_dict())
    batch = Batch.of(sequences())
    torch.manual_seed(2)
    found = whole(batch)
    torch.manual_seed(2)
    expected = top(bottom(batch).map(nn.Dropout(0.4)))
    torch.testing.assert_close(found.steps, expected.steps, rtol=0, atol=1e-6)
    assert not torch.allclose(found.steps, top(bottom(batch)).steps)
    torch.testing.assert_close(whole.eval()(batch).steps, top(bottom(batch)).steps, rtol=0, atol=1e-6)


@kinds
def test_steps_one_by_one_drop_what_the_whole_drops(kind):
    torch.manual_seed(1)
    rnn, vectors = KINDS[kind](3, 12, 2, dropout=0.4), torch.randn(4, 3)
    state = rnn.initial_state(torch.randn(4, 12))
    torch.manual_seed(2)
    found = rnn.step(vectors, state)[-1][0]
    torch.manual_seed(2)
    whole = rnn(Batch.full(vectors.unsqueeze(1)), state).values[:, 0]
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)
    evaluated = rnn.eval().step(vectors, state)[-1][0]
    torch.testing.assert_close(evaluated, rnn(Batch.full(vectors.unsqueeze(1)), state).values[:, 0], rtol=0, atol=1e-5)
    assert not torch.allclose(found, evaluated)


@kinds
def test_one_layer_drops_nothing_and_no_dropout_is_the_default(kind):
    assert KINDS[kind](3, 12, 2).dropout == 0
    rnn, batch = KINDS[kind](3, 12, dropout=0.9), Batch.of(sequences())
    torch.testing.assert_close(rnn.train()(batch).steps, rnn.eval()(batch).steps, rtol=0, atol=0)


@kinds
@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_dropout_that_is_no_probability_below_one_is_refused(kind, dropout):
    with pytest.raises(ValueError, match=f"dropout of {dropout}"):
        KINDS[kind](3, 12, 2, dropout=dropout)


@kinds
def test_steps_one_by_one_equal_the_whole(kind):
    rnn, values = KINDS[kind](3, 12, num_layers=2), torch.randn(4, 6, 3)
    start = rnn.initial_state(torch.randn(4, 12))
    state, states = start, []
    for step in values.unbind(dim=1):
        state = rnn.step(step, state)
        states.append(state[-1][0])
    whole = rnn(Batch.full(values), start).values
    torch.testing.assert_close(whole, torch.stack(states, dim=1), rtol=0, atol=1e-5)


def test_reading_own_output_equals_the_loop():
    torch.manual_seed(0)
    rnn, readout = seqae.LSTM(3, 12), nn.Linear(12, 3)
    start, first = rnn.initial_state(torch.randn(4, 12)), torch.randn(4, 3)
    state, reads, states = start, first, []
    for _ in range(7):
        state = rnn.step(reads, state)
        states.append(state[0][0])
        reads = readout(states[-1])
    found = rnn.run_autoregressive(start, first, readout, 7)
    torch.testing.assert_close(found, torch.stack(states, dim=1), rtol=0, atol=1e-5)


@kinds
def test_what_does_not_fit_is_named(kind):
    rnn, values = KINDS[kind](3, 12), torch.randn(2, 5, 3)
    with pytest.raises(ValueError, match=r"steps of shape \(4,\).*reads vectors of 3"):
        rnn(Batch.full(torch.randn(2, 5, 4)))
    with pytest.raises(ValueError, match=r"steps of shape \(\).*Give them a channel: sequence\[:, None\]"):
        KINDS[kind](1, 4)(Batch.of([torch.zeros(5)]))
    for lengths in ([1, 6], [0, 5]):
        with pytest.raises(ValueError, match=f"lengths from {lengths[0]} to {lengths[1]} in a batch of 5 steps"):
            rnn(Batch(values, torch.tensor(lengths)))
    with pytest.raises(ValueError, match=r"an initial state of shape \(2, 11\).*starts from \(2, 12\)"):
        rnn(Batch.full(values), rnn.initial_state(torch.zeros(2, 11)))


def test_an_lstm_that_remembers_keeps_its_cells_for_many_steps():
    torch.manual_seed(0)
    for bias, lowest, highest in ((0.0, 0.0, 1e-3), (6.0, 0.5, 2.0)):
        lstm, cells = init_forget_gate_bias(seqae.LSTM(1, 8), bias), []
        for start in (0.0, 1.0):
            state = [(torch.zeros(1, 8), torch.full((1, 8), start))]
            with torch.no_grad():
                for _ in range(30):
                    state = lstm.step(torch.zeros(1, 1), state)
            cells.append(state[0][1])
        assert lowest <= float((cells[1] - cells[0]).mean()) < highest
