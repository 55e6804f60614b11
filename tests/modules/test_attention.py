"""Attention: the formulas of the papers."""

import pytest
import torch

from seqae import Batch
from seqae.modules.attention import AdditiveAttention, DotAttention, GeneralAttention

QUERY, STATE = 4, 6
FORMS = {
    "dot": lambda: DotAttention(STATE),
    "general": lambda: GeneralAttention(QUERY, STATE),
    "additive": lambda: AdditiveAttention(QUERY, STATE, 5),
}
forms = pytest.mark.parametrize("make", FORMS.values(), ids=list(FORMS))


@pytest.fixture
def states():
    torch.manual_seed(0)
    return [torch.randn(length, STATE) for length in (5, 1, 3)]


@forms
def test_the_context_is_a_mean_of_the_states_of_its_own_source(make, states):
    attention = make()
    queries = torch.randn(3, 2, attention.query_size)
    found = attention(queries, attention.prepare_memory(Batch.of(states)))
    for row, own in enumerate(states):
        weights = found.weights[row, :, : len(own)]
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
        torch.testing.assert_close(found.vectors[row], weights @ own)
        assert not found.weights[row, :, len(own) :].any()


def test_scores_are_those_of_the_papers(states):
    batch = Batch.of(states[:1])
    query = torch.randn(1, 1, STATE)
    dot = DotAttention(STATE)
    expected = torch.stack([(query[0, 0] * state).sum() for state in states[0]]).softmax(dim=0)
    torch.testing.assert_close(dot(query, dot.prepare_memory(batch)).weights[0, 0], expected)
    general = GeneralAttention(STATE, STATE)
    expected = torch.stack([query[0, 0] @ general.key_projection.weight @ state for state in states[0]]).softmax(dim=0)
    torch.testing.assert_close(general(query, general.prepare_memory(batch)).weights[0, 0], expected)
    additive = AdditiveAttention(STATE, STATE, 5)
    both = [additive.query_projection(query[0, 0]) + additive.key_projection(state) for state in states[0]]
    expected = torch.stack([additive.score_projection(each.tanh())[0] for each in both]).softmax(dim=0)
    torch.testing.assert_close(additive(query, additive.prepare_memory(batch)).weights[0, 0], expected)
