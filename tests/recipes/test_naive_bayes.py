"""Naive Bayes and the support vector machine on its features."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from naive_bayes import NaiveBayesSVM, log_ratios

from seqae.data.text.synthetic import synthetic_reviews


def test_ratios_are_those_of_the_paper_for_two_classes():
    counts = np.array([[3.0, 0.0, 1.0], [0.0, 5.0, 1.0]])
    p, q = counts[1] + 1, counts[0] + 1
    expected = np.log((p / p.sum()) / (q / q.sum()))  # equation 1 of Wang & Manning 2012
    np.testing.assert_allclose(log_ratios(counts), [-expected, expected])


def test_naive_bayes_is_that_of_scikit_learn():
    from sklearn.naive_bayes import MultinomialNB

    texts, names = synthetic_reviews(120, seed=1)
    labels = (np.array(names) == "positive").astype(int)
    ours = NaiveBayesSVM(longest=2).fit(texts, labels)
    found = ours.ngrams.transform(texts)
    theirs = MultinomialNB().fit(found, labels).predict_log_proba(found)
    scores = ours.naive_bayes(texts)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], theirs[:, 1] - theirs[:, 0], atol=1e-9)


def test_opinions_that_were_not_learnt_are_told():
    (texts, names), (others, truth) = synthetic_reviews(400, seed=1), synthetic_reviews(200, seed=2)
    machine = NaiveBayesSVM().fit(texts, (np.array(names) == "positive").astype(int))
    logs = machine.log_probabilities(others)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)
    assert np.mean((logs[:, 1] > logs[:, 0]) == (np.array(truth) == "positive")) > 0.75


def test_more_than_two_classes_are_told():
    words = ["red rose", "blue sky", "green grass"]
    texts = [f"{words[number % 3]} {number}" for number in range(60)]
    labels = np.arange(60) % 3
    machine = NaiveBayesSVM(longest=2).fit(texts, labels)
    assert machine.log_probabilities(["a red one", "the blue", "green"]).argmax(axis=1).tolist() == [0, 1, 2]
