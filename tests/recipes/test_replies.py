"""How like the true replies written ones are, and how degenerate."""

import pytest
from replies import degeneracy, is_looping, reply_scores, token_f1

from seqae.text import WordTokenizer


@pytest.mark.parametrize("text", ["no no no", "yes i am i am i am here", "so a b c a b c a b c"])
def test_the_same_words_three_times_in_a_row_are_a_loop(text):
    assert is_looping(text.split())


@pytest.mark.parametrize("text", ["", "no no", "i am what i am and i am", "a b a b c a b"])
def test_words_that_come_again_elsewhere_are_none(text):
    assert not is_looping(text.split())


def test_degenerate_replies_are_counted():
    found = degeneracy([[], ["a"], ["a"], ["no", "no", "no"]])
    assert (found.empty, found.looping, found.mode_share) == (0.25, 0.25, 0.5)
    with pytest.raises(ValueError, match="no replies"):
        degeneracy([])


def test_token_f1_is_the_harmonic_mean_of_precision_and_recall():
    assert token_f1(["a", "tea", "please"], ["please", "a", "tea"]) == 1
    precision, recall = 2 / 4, 2 / 3
    expected = 2 * precision * recall / (precision + recall)
    assert token_f1(["a", "a", "cold", "tea"], ["a", "tea", "please"]) == pytest.approx(expected)
    assert (token_f1([], ["a"]), token_f1(["b"], ["a"]), token_f1([], [])) == (0, 0, 1)


def test_true_replies_have_the_highest_scores_whatever_the_punctuation():
    truths = ["a large tea, please.", "your order will be ready soon", "is that all?"]
    assert reply_scores(truths, truths, WordTokenizer()) == pytest.approx(
        {"BLEU": 1, "F1": 1, "distinct-2": 1, "empty": 0, "looping": 0, "mode_share": 1 / 3}
    )
    worse = reply_scores(["is that all?"] * 3, truths, WordTokenizer())
    assert worse["BLEU"] < 0.7 and worse["F1"] < 0.7 and worse["distinct-2"] == 1 / 3 and worse["mode_share"] == 1
