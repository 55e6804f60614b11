"""Replies: the nearest old one, and what is wrong with new ones."""

import numpy as np
import pytest
from replies import NearestReply, faults, is_looping, overlap


def test_the_nearest_reply_is_that_of_tf_idf_and_cosine():
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefgh"), size=random.integers(1, 6))) for _ in range(60)]
    nearest = NearestReply().fit([text.split() for text in texts[:40]], [str(number) for number in range(40)])
    vectors = sklearn.TfidfVectorizer(token_pattern=r"\S+", smooth_idf=False)
    likeness = (vectors.fit(texts[:40]).transform(texts[40:]) @ vectors.transform(texts[:40]).T).toarray()
    for row, text in zip(likeness, texts[40:]):
        assert row[int(nearest.reply(text.split()))] == pytest.approx(row.max())


def test_a_text_without_known_words_gets_the_first_reply():
    assert NearestReply().fit([["hello"], ["bye"]], ["hi", "see you"]).reply(["what"]) == "hi"
    with pytest.raises(ValueError, match="1 texts and 2 replies"):
        NearestReply().fit([["hello"]], ["hi", "see you"])


@pytest.mark.parametrize("text", ["no no no", "yes i am i am i am here", "so a b c a b c a b c"])
def test_the_same_words_three_times_in_a_row_are_a_loop(text):
    assert is_looping(text.split())


@pytest.mark.parametrize("text", ["", "no no", "i am what i am and i am", "a b a b c a b"])
def test_words_that_come_again_elsewhere_are_none(text):
    assert not is_looping(text.split())


def test_faults_are_counted_and_said():
    found = faults([[], ["a"], ["a"], ["no", "no", "no"]])
    assert (found.empty, found.looping, found.commonest, found.different) == (0.25, 0.25, 0.5, 0.75)
    assert str(found) == "25.0% are empty; 25.0% repeat themselves"
    assert str(faults([["a"], ["a"], ["b"]])) == "67% are the same"
    assert str(faults([["a"], ["b"]])) == "none empty, none repeats itself"
    with pytest.raises(ValueError, match="no replies"):
        faults([])


def test_overlap_is_the_harmonic_mean_of_precision_and_recall():
    assert overlap(["a", "tea", "please"], ["please", "a", "tea"]) == 1
    precision, recall = 2 / 4, 2 / 3
    expected = 2 * precision * recall / (precision + recall)
    assert overlap(["a", "a", "cold", "tea"], ["a", "tea", "please"]) == pytest.approx(expected)
    assert (overlap([], ["a"]), overlap(["b"], ["a"]), overlap([], [])) == (0, 0, 1)
