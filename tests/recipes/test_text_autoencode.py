"""The baseline of the text autoencoder: principal components of the tokens at their positions."""

import numpy as np
import pytest
import torch

pytest.importorskip("sklearn")

from seqae.cli.recipes import load_script, scripts

RECIPE = load_script(scripts()["text_autoencode"])


def test_as_many_components_as_sentences_restore_them_and_few_do_not():
    random = np.random.default_rng(0)
    texts = [torch.from_numpy(np.append(random.integers(3, 30, size=random.integers(2, 9)), 2)) for _ in range(20)]

    def restored(code_size: int) -> list[bool]:
        components = RECIPE.OneHotComponents(code_size, known=30).fit(texts)
        written = components.decode(components.encode(texts))
        return [row[: len(text)].tolist() == text.tolist() for row, text in zip(written, texts)]

    assert all(restored(20))
    assert not all(restored(3))


def test_a_linear_classifier_reads_off_the_codes_what_is_in_them_and_nothing_else():
    random = np.random.default_rng(0)
    codes, classes = random.normal(size=(400, 8)), random.integers(0, 2, size=400)
    assert RECIPE.probe(codes + classes[:, None], classes) > 0.8
    assert 0.35 < RECIPE.probe(codes, classes) < 0.65


def test_words_that_share_neighbours_but_no_sentence_have_codes_near_each_other():
    random = np.random.default_rng(0)
    documents = [[f"{topic}{random.integers(8)}" for _ in range(11)] for topic in "ab" for _ in range(300)]
    words = [f"{topic}{index}" for topic in "ab" for index in range(8)]
    codes = RECIPE.context_codes(words, documents, code_size=8, seed=0)
    codes -= codes.mean(axis=0)
    similar = np.corrcoef(codes)
    assert codes.shape == (16, 8)
    assert similar[:8, :8].mean() > similar[:8, 8:].mean() + 0.5  # .1 before training
