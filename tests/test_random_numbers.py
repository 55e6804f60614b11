"""Random numbers of one thread do not depend on what others draw."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqae._random_numbers import LocalRandomNumbers

DRAWS = {
    "weights": lambda: nn.Linear(9, 9).weight,
    "orthogonal weights": lambda: nn.init.orthogonal_(torch.empty(5, 5)),
    "weights of an embedding": lambda: nn.Embedding(9, 9).weight,
    "dropout": lambda: F.dropout(torch.ones(99), 0.3),
    "normal noise like a tensor": lambda: torch.randn_like(torch.ones(9)),
    "uniform noise like a tensor": lambda: torch.rand_like(torch.ones(9)),
    "whole numbers in place": lambda: torch.empty(9).random_(),
    "an order": lambda: torch.randperm(99),
    "choices": lambda: torch.multinomial(torch.ones(50), 20),
    "a distribution": lambda: torch.distributions.Normal(torch.zeros(9), torch.ones(9)).rsample(),
}


def drawn(draw: object) -> Tensor:
    with LocalRandomNumbers(seed=7):
        return draw().detach().clone()


@pytest.fixture
def noise():
    """Another thread, which draws as often as it can."""
    stop = threading.Event()

    def draw() -> None:
        while not stop.is_set():
            torch.rand(100)

    thread = threading.Thread(target=draw)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_draws_the_same_numbers_beside_a_thread_that_draws_too(name, noise):
    found = [drawn(DRAWS[name]) for _ in range(20)]
    assert all(torch.equal(each, found[0]) for each in found)


@pytest.mark.parametrize(
    "draw", [*DRAWS.values(), lambda: torch.poisson(torch.ones(9)), lambda: F.alpha_dropout(torch.ones(9))]
)
def test_the_numbers_of_the_caller_stay_as_they_are(draw):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(drawn(draw), drawn(draw))
    assert torch.equal(torch.rand(3), expected)


def test_a_sequence_of_numbers_is_that_of_torch_for_the_same_seed():
    torch.manual_seed(7)
    expected = nn.Linear(4, 4).weight
    assert torch.equal(drawn(lambda: nn.Linear(4, 4).weight), expected)


def test_dropout_keeps_the_mean_and_drops_the_fraction_that_it_is_told():
    dropped = drawn(lambda: F.dropout(torch.ones(20000), 0.25))
    assert dropped.unique().tolist() == [0, pytest.approx(4 / 3)]
    assert float((dropped == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    assert torch.equal(drawn(lambda: F.dropout(torch.ones(9), 0.5, training=False)), torch.ones(9))


def test_a_recurrent_network_of_torch_draws_its_dropout_in_the_same_way():
    rnn = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    rows = torch.ones(2, 5, 3)
    outputs = [drawn(lambda: rnn(rows)[0]) for _ in range(2)]
    assert torch.equal(*outputs) and not torch.equal(outputs[0], rnn.eval()(rows)[0])


def test_an_interruption_while_torch_has_taken_it_away_is_no_other_error():
    with pytest.raises(KeyboardInterrupt), LocalRandomNumbers(seed=0):
        torch.overrides._pop_mode()  # as torch does around some functions
        raise KeyboardInterrupt
    assert not torch.overrides._get_current_function_mode_stack()
