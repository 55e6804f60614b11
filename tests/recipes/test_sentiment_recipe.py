"""The recipe on opinions: what it refuses, what its words begin with, and that it learns from a file."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from sklearn.naive_bayes import MultinomialNB

from seqae.cli.recipes import load_script, scripts

RECIPE = load_script(scripts()["text_sentiment_recursive"])
LEAVES = sys.modules["words_and_pairs"]


def written(path: Path, rows: list[str]) -> str:
    path.write_text("\n".join(["text,label", *rows]))
    return str(path)


def test_one_class_only_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one class only, 'yes' \(.*mine\.csv\)"):
        RECIPE.main(file=written(tmp_path / "mine.csv", ["good,yes", "bad,yes"]), out=tmp_path)


@pytest.mark.parametrize("classes", [2, 3])
def test_words_and_pairs_begin_with_the_log_count_ratios_of_naive_bayes(classes):
    random = np.random.default_rng(0)
    labels = np.arange(30) % classes
    leaves = [torch.from_numpy(random.integers(0, 9, size=(random.integers(1, 7), 2))) for _ in labels]
    found = np.array([np.isin(np.arange(9), row) for row in leaves])
    expected = MultinomialNB().fit(found, labels).feature_log_prob_
    torch.manual_seed(0)
    vectors = LEAVES.first_vectors(leaves, labels, words=6, pairs=3, size=20, polarity=2.0)
    torch.manual_seed(0)
    vectors[:6] -= 0.1 * torch.randn(6, 20)
    ratios = (vectors / 2).numpy()
    for other in range(1, classes):
        for column in range(8 * (other - 1), 8 * other):
            np.testing.assert_allclose(ratios[:, column], expected[other] - expected[0], atol=1e-5)
    np.testing.assert_allclose(ratios[:, 8 * (classes - 1) :], 0, atol=1e-6)


def test_a_leaf_is_a_word_and_its_pair_with_the_next_one_where_that_is_frequent():
    texts = [torch.tensor(text) for text in ([3, 4, 3, 4], [3, 4, 5], [5], [4, 5, 6])]
    pairs = LEAVES.frequent_pairs(texts, 7)
    assert pairs == {(3, 4): 7, (4, 5): 8}  # (4, 3) occurs in one text only, as often as it may there
    assert LEAVES.with_pairs(texts[0], pairs).tolist() == [[3, 7], [4, 0], [3, 7], [4, 0]]
    assert LEAVES.with_pairs(texts[2], pairs).tolist() == [[5, 0]]


def test_a_file_of_three_classes_is_learnt_from(tmp_path):
    adjectives = (("good", "for"), ("bad", "against"), ("usual", "neither"))
    rows = [f"the {word} thing {number % 5},{label}" for number in range(20) for word, label in adjectives]
    path = written(tmp_path / "mine.csv", rows)
    found = RECIPE.main(file=path, size=8, epochs=60, folds=2, learning_rate=0.02, out=tmp_path)
    assert found["recursive autoencoder"] > 0.9 and found["naive Bayes"] > 0.9
