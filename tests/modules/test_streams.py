"""One sequence that is read step by step, beside the same sequence as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seqae.batch import Batch
from seqae.modules.encoders import RecurrentEncoder
from seqae.modules.pooling import mean_over_time
from seqae.modules.recurrent import GRU, LSTM, RecurrentLayer
from seqae.modules.streams import EncoderStream, RecurrentStream

LAYERS = {
    "lstm": lambda: LSTM(5, 24),
    "lstm of odd sizes, two layers": lambda: LSTM(3, 13, num_layers=2),
    "lstm with dropout": lambda: LSTM(4, 8, num_layers=3, dropout=0.5),
    "gru": lambda: GRU(5, 16),
    "gru of odd sizes, two layers": lambda: GRU(1, 7, num_layers=2),
    "lstm in double precision": lambda: LSTM(5, 6).double(),
}


@pytest.fixture(params=LAYERS.values(), ids=LAYERS)
def rnn(request: pytest.FixtureRequest) -> RecurrentLayer:
    torch.manual_seed(0)
    return request.param()


@pytest.fixture(params=[True, False], ids=["kernel", "torch"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setenv("SEQAE_NATIVE", "0")


def steps_for(rnn: RecurrentLayer, count: int = 30) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, rnn.input_size))


def as_batch(rnn: RecurrentLayer, steps: np.ndarray) -> Batch:
    return Batch.full(torch.from_numpy(steps).to(next(rnn.parameters()))[None])


def test_the_hidden_states_are_those_of_the_whole_sequence(rnn: RecurrentLayer):
    steps, stream = steps_for(rnn), RecurrentStream(rnn)
    with torch.no_grad():
        whole = rnn.eval()(as_batch(rnn, steps)).values[0].numpy()
    found = np.stack([stream.push(step) for step in steps])
    assert found.dtype == whole.dtype
    np.testing.assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
    stream.reset()
    np.testing.assert_array_equal(stream.push(steps[0]), found[0])


def test_who_goes_on_from_a_state_finds_the_same_to_the_bit(rnn: RecurrentLayer):
    steps, stream = steps_for(rnn), RecurrentStream(rnn)
    for step in steps[:20]:
        stream.push(step)
    other = RecurrentStream(rnn)
    other.restore(stream.state())
    for step in steps[20:]:
        np.testing.assert_array_equal(stream.push(step), other.push(step))


def test_training_further_changes_nothing(rnn: RecurrentLayer):
    steps, stream = steps_for(rnn, 2), RecurrentStream(rnn)
    before = stream.push(steps[0])
    with torch.no_grad():
        for part in rnn.parameters():
            part.add_(1)
    stream.reset()
    np.testing.assert_array_equal(stream.push(steps[0]), before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e300])
def test_what_is_not_finite_is_refused_and_leaves_no_trace(value: float):
    rnn = LSTM(3, 8)
    stream, steps = RecurrentStream(rnn), steps_for(rnn, 3)
    stream.push(steps[0])
    with pytest.raises(ValueError, match=r"number 1 of a step is .*, and would stay in the state for good. Fill in"):
        stream.push(np.array([1.0, value, 2.0]))
    undisturbed = RecurrentStream(rnn)
    undisturbed.push(steps[0])
    np.testing.assert_array_equal(stream.push(steps[1]), undisturbed.push(steps[1]))


def test_what_can_not_be_read_in_a_stream_is_refused():
    with pytest.raises(ValueError, match=r"both directions, and steps to come are not known. Give bidirectional=False"):
        RecurrentStream(LSTM(3, 8, bidirectional=True))
    with pytest.raises(ValueError, match=r"pools the states of all steps.*Give pool=None"):
        EncoderStream(RecurrentEncoder(LSTM(3, 8), 4, pool=mean_over_time))
    with pytest.raises(ValueError, match=r"a step of shape \(2,\). These layers read steps of shape \(3,\)"):
        RecurrentStream(LSTM(3, 8)).push(np.zeros(2))
    with pytest.raises(ValueError, match=r"states of shape \(1, 8\) and \(1, 8\). These layers have \(2, 8\)"):
        RecurrentStream(LSTM(3, 8, num_layers=2)).restore(RecurrentStream(LSTM(3, 8)).state())


@pytest.mark.parametrize("reads_length", [True, False])
def test_the_code_is_that_of_the_steps_so_far(reads_length: bool):
    encoder = RecurrentEncoder(GRU(3, 8), code_size=4, reads_length=reads_length)
    stream, steps = EncoderStream(encoder), steps_for(encoder.rnn, 6)
    for count, step in enumerate(steps, 1):
        with torch.no_grad():
            code = encoder(as_batch(encoder.rnn, steps[:count]))[0].numpy()
        np.testing.assert_allclose(stream.push(step), code, rtol=1e-5, atol=1e-6)
    other = EncoderStream(encoder)
    other.restore(stream.state())
    np.testing.assert_array_equal(stream.push(steps[0]), other.push(steps[0]))


def test_tokens_are_embedded():
    encoder = RecurrentEncoder(LSTM(6, 8), code_size=4, embed=nn.Embedding(100, 6))
    stream, tokens = EncoderStream(encoder), np.array([7, 99, 2])
    codes = [stream.push(token) for token in tokens]
    with torch.no_grad():
        np.testing.assert_allclose(codes[-1], encoder(Batch.of([torch.from_numpy(tokens)]))[0], rtol=1e-5, atol=1e-6)
