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
def way(request, monkeypatch) -> None:
    monkeypatch.setenv("SEQAE_NATIVE", "1" if request.param == "native" else "0")
    if request.param == "native" and not native_status().startswith("in use"):
        pytest.skip(native_status())


def of_torch(recurrence: seqae.LSTM | seqae.GRU) -> nn.RNNBase:
    """The same layers in one module of torch."""
    make = nn.LSTM if isinstance(recurrence, seqae.LSTM) else nn.GRU
    whole = make(
        recurrence.input_size,
        recurrence.hidden_size,
        recurrence.num_layers,
        batch_first=True,
        bidirectional=recurrence.bidirectional,
    )
    with torch.no_grad():
        for direction, suffix in ((recurrence.ahead, ""), (recurrence.back, "_reverse")):
            for number, layer in enumerate(direction):
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                    getattr(whole, f"{name}_l{number}{suffix}").copy_(getattr(layer, f"{name}_l0"))
    return whole


def sequences() -> list[torch.Tensor]:
    torch.manual_seed(0)
    return [torch.randn(length, 3) for length in (5, 9, 1, 7)]


@kinds
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["ahead", "both ways"])
def test_hidden_states_equal_those_of_torch(kind, layers, bidirectional):
    recurrence = KINDS[kind](3, 12, layers, bidirectional)
    whole, batch = of_torch(recurrence), Batch.of(sequences())
    hidden = recurrence(batch)
    for found, last, sequence in zip(hidden.unpad(), recurrence.final(hidden), sequences()):
        expected, state = whole(sequence.unsqueeze(0))
        torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-5)
        top = (state[0] if kind == "lstm" else state)[-2 if bidirectional else -1 :]
        torch.testing.assert_close(last, top.flatten(), rtol=0, atol=1e-5)


@kinds
def test_steps_one_by_one_equal_the_whole(kind):
    recurrence, values = KINDS[kind](3, 12, num_layers=2), torch.randn(4, 6, 3)
    start = recurrence.start(torch.randn(4, 12))
    state, states = start, []
    for step in values.unbind(dim=1):
        state = recurrence.step(step, state)
        states.append(state[-1][0])
    whole = recurrence(Batch.full(values), start).values
    torch.testing.assert_close(whole, torch.stack(states, dim=1), rtol=0, atol=1e-5)


def test_reading_own_output_equals_the_loop():
    torch.manual_seed(0)
    recurrence, readout = seqae.LSTM(3, 12), nn.Linear(12, 3)
    start, first = recurrence.start(torch.randn(4, 12)), torch.randn(4, 3)
    state, reads, states = start, first, []
    for _ in range(7):
        state = recurrence.step(reads, state)
        states.append(state[0][0])
        reads = readout(states[-1])
    found = recurrence.run_autoregressive(start, first, readout, 7)
    torch.testing.assert_close(found, torch.stack(states, dim=1), rtol=0, atol=1e-5)


@kinds
def test_what_does_not_fit_is_named(kind):
    recurrence, values = KINDS[kind](3, 12), torch.randn(2, 5, 3)
    with pytest.raises(ValueError, match=r"steps of shape \(4,\).*reads 3 numbers"):
        recurrence(Batch.full(torch.randn(2, 5, 4)))
    for lengths in ([1, 6], [0, 5]):
        with pytest.raises(ValueError, match=f"lengths from {lengths[0]} to {lengths[1]} in a batch of 5 steps"):
            recurrence(Batch(values, torch.tensor(lengths)))
    with pytest.raises(ValueError, match=r"a start of shape \(2, 11\).*starts from \(2, 12\)"):
        recurrence(Batch.full(values), recurrence.start(torch.zeros(2, 11)))


def test_an_lstm_that_remembers_keeps_its_cells_for_many_steps():
    torch.manual_seed(0)
    for bias, least, most in ((0.0, 0.0, 1e-3), (6.0, 0.5, 2.0)):
        lstm, cells = init_forget_gate_bias(seqae.LSTM(1, 8), bias), []
        for start in (0.0, 1.0):
            state = [(torch.zeros(1, 8), torch.full((1, 8), start))]
            with torch.no_grad():
                for _ in range(30):
                    state = lstm.step(torch.zeros(1, 1), state)
            cells.append(state[0][1])
        assert least <= float((cells[1] - cells[0]).mean()) < most
