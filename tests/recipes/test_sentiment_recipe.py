"""What the recipe on opinions refuses, and that it reads files of one's own."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from seqae.text.vocabulary import Vocabulary

pytest.importorskip("sklearn")
RECIPE = runpy.run_path(
    str(Path(__file__).parents[2] / "recipes" / "text_sentiment_recursive" / "text_sentiment_recursive.py")
)


def test_one_class_only_is_refused(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("text,label\ngood,yes\nbad,yes\n")
    with pytest.raises(ValueError, match=r"one class only: all 2 texts are 'yes' \(.*mine\.csv\)"):
        RECIPE["main"](texts=str(path), out=tmp_path)


def test_too_few_texts_of_a_class_are_refused():
    with pytest.raises(ValueError, match="10 folds of classes with 3 texts"):
        RECIPE["in_folds"](np.array([0] * 30 + [1] * 3), 10, 0)


def test_folds_hold_the_same_share_of_each_class():
    labels = np.array([0] * 40 + [1] * 20)
    part = RECIPE["in_folds"](labels, 4, 0)
    assert all(np.bincount(labels[part == fold]).tolist() == [10, 5] for fold in range(4))


def test_sentences_without_a_known_word_are_refused_by_name():
    vocabulary = Vocabulary().fit(["a good film", "a bad film"])
    RECIPE["check_words"](vocabulary, ("some film",))
    with pytest.raises(ValueError, match=r"all words are unknown in 'xyzzy plugh' \(--ask\)"):
        RECIPE["check_words"](vocabulary, ("a film", "xyzzy plugh"))


def test_a_file_of_three_classes_is_learnt_from(tmp_path, capsys):
    path = tmp_path / "mine.csv"
    rows = [f"the {word} thing {number % 5},{label}" for number in range(20) for word, label in
            (("good", "for"), ("bad", "against"), ("usual", "neither"))]  # fmt: skip
    path.write_text("text,label\n" + "\n".join(rows))
    found = RECIPE["main"](
        texts=str(path), size=8, members=1, epochs=60, folds=2, first=1, learning_rate=0.02, ask=("a good thing",),
        out=tmp_path,
    )  # fmt: skip
    assert found["recursive autoencoder"] > 0.9 and found["NB-SVM"] > 0.9
    assert "asked  a good thing: for" in capsys.readouterr().out
