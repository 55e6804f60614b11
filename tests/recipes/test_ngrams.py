"""N-gram language models are distributions, and know what they have counted."""

import ngrams
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ngrams import KneserNeyLM

from seqae.text.vocabulary import START

SIZE = 7
texts = st.lists(st.lists(st.integers(3, SIZE - 1), min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(train=texts, before=st.lists(st.integers(0, SIZE - 1), max_size=4), order=st.integers(1, 4))
def test_the_chances_of_all_tokens_add_up_to_one_after_anything(train, before, order):
    model = KneserNeyLM(SIZE, order).fit(train)
    chances = [np.exp(model.log_probabilities([*before, token])[-1]) for token in range(SIZE)]
    assert min(chances) > 0
    assert sum(chances) == pytest.approx(1)


def test_bigrams_are_interpolated_kneser_ney():
    # After 3 comes 4 twice and 5 once; n1 = 3 and n2 = 1 pairs, counting from the start: a discount of 3 / (3 + 2).
    train = [[3, 4], [3, 4], [3, 5], [6, 3]]
    pairs = {(1, 3): 3, (3, 4): 2, (3, 5): 1, (1, 6): 1, (6, 3): 1}
    discount = 3 / (3 + 2 * 1)
    follows = {3: 2, 4: 1, 5: 1, 6: 1}  # after how many different tokens each stands
    lower = 3 / (3 + 2 * 1)
    single = (follows[4] - lower) / 5 + lower * 4 / 5 / SIZE
    expected = (pairs[3, 4] - discount) / 3 + discount * 2 / 3 * single
    assert np.exp(KneserNeyLM(SIZE, 2).fit(train).log_probabilities([3, 4])[1]) == pytest.approx(expected)


def test_a_longer_memory_knows_a_language_that_needs_it():
    random = np.random.default_rng(0)
    made = []
    for _ in range(300):
        text = [int(random.integers(3, 7)), int(random.integers(3, 7))]
        for _ in range(8):
            text.append(3 + (text[-1] + text[-2]) % 4)
        made.append(text)
    losses = [
        -np.concatenate([KneserNeyLM(SIZE, n).fit(made[:200]).log_probabilities(t) for t in made[200:]]) for n in (1, 3)
    ]
    assert losses[1].mean() < 0.5 * losses[0].mean()


def test_nothing_to_count_is_refused():
    with pytest.raises(ValueError, match="no texts to count"):
        KneserNeyLM(SIZE).fit([])
    with pytest.raises(ValueError, match="n-grams of 0"):
        KneserNeyLM(SIZE, 0)


def test_a_text_is_preceded_by_the_token_of_the_vocabulary_that_is_never_written():
    assert ngrams.START == START
