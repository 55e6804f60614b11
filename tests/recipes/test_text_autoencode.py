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

    def restored(components: int) -> list[bool]:
        written = RECIPE.pca_of_one_hot(texts, texts, components, known=30)
        return [row[: len(text)].tolist() == text.tolist() for row, text in zip(written, texts)]

    assert all(restored(20))
    assert not all(restored(3))
