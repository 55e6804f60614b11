"""The baselines of translation: the most similar sentence, and word by word."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

import seqae
from seqae.cli.recipes import load_script, scripts

RECIPE = load_script(scripts()["text_translate"])


def test_the_most_similar_sentence_has_the_largest_cosine_of_tf_idf_vectors():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefgh"), size=random.integers(1, 6))) for _ in range(60)]
    train, asked = [(text, str(index)) for index, text in enumerate(texts[:40])], texts[40:]
    source = seqae.Vocabulary(seqae.WordTokenizer()).fit(texts[:40])
    counts = np.array([[text.split().count(letter) for letter in "abcdefgh"] for text in texts], dtype=float)
    vectors = counts * (1 + np.log(40 / (counts[:40] > 0).sum(axis=0)))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors[40:] @ vectors[:40].T
    for row, found in zip(cosines, RECIPE.most_similar(source, train, asked)):
        assert row[int(found)] == pytest.approx(row.max())


def test_word_by_word_writes_the_translation_of_each_known_word():
    train = [("red car", "auto rot"), ("red rose", "rose rot"), ("old car", "auto alt"), ("old rose", "alt rose")]
    source, target = (seqae.Vocabulary().fit(pair[side] for pair in train) for side in (0, 1))
    assert RECIPE.word_by_word(source, target, train, ["old red car", "blue rose"]) == ["alt rot auto", "rose"]
