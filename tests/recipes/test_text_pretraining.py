"""The data of pretraining: nothing that is classified is in the pool."""

import pytest

pytest.importorskip("sklearn")

from seqae.cli.recipes import load_script, scripts

RECIPE = load_script(scripts()["text_pretraining"])


def test_texts_come_once_and_are_not_in_the_pool(tmp_path):
    labelled, pool = tmp_path / "mine.csv", tmp_path / "pool.txt"
    labelled.write_text("text,label\ngood film,yes\nbad film,no\ngood film,yes\n")
    pool.write_text("some film\nGood film\nother film\n")
    texts, classes, documents = RECIPE.read("", str(labelled), str(pool), "utf-8", 0)
    assert (texts, classes.tolist()) == (["good film", "bad film"], [1, 0])
    assert documents == [["some film"], ["other film"]]
