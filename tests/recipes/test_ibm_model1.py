"""A dictionary is found in sentences of which nobody said which word is which."""

import numpy as np
import pytest
from ibm_model1 import IBMModel1


def test_words_find_their_translations_whatever_the_order():
    random = np.random.default_rng(0)
    pairs = []
    for _ in range(400):
        source = random.choice(20, size=random.integers(2, 7), replace=False)
        pairs.append((source, random.permutation(source) + 100))
    assert IBMModel1().fit(pairs).translations_ == {word: word + 100 for word in range(20)}


def test_expectation_maximisation_is_that_of_the_paper():
    # The classic example of Knight 1999: das Haus, das Buch, ein Buch.
    das, haus, buch, ein, the, house, book, a = range(8)
    pairs = [([das, haus], [the, house]), ([das, buch], [the, book]), ([ein, buch], [a, book])]
    chances = {(source, target): 1.0 for sources, targets in pairs for source in [-1, *sources] for target in targets}
    for _ in range(6):
        counts = dict.fromkeys(chances, 0.0)
        for sources, targets in pairs:
            for target in targets:
                total = sum(chances[source, target] for source in [-1, *sources])
                for source in [-1, *sources]:
                    counts[source, target] += chances[source, target] / total
        sums = {source: sum(n for (own, _), n in counts.items() if own == source) for source, _ in counts}
        chances = {(source, target): n / sums[source] for (source, target), n in counts.items()}
    found = IBMModel1(num_iterations=6).fit(pairs)
    assert found.translations_ == {das: the, haus: house, buch: book, ein: a}
    assert found.probabilities_ == pytest.approx(
        {source: chances[source, source + 4] for source in (das, haus, buch, ein)}
    )


def test_unknown_words_give_nothing_and_neighbours_with_one_translation_one_word():
    words = IBMModel1().fit([([1, 2], [9]), ([3], [8]), ([1, 2, 3], [9, 8])])
    assert words.translate([1, 2, 77, 3]) == [9, 8]
    with pytest.raises(ValueError, match="no pairs"):
        IBMModel1().fit([([], [1])])
