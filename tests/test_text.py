import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.data.texts.vocabulary import Vocabulary
from seqae.modules.delay_line import DelayLineDecoder, DelayLineEncoder
from seqae.modules.tokens import NearestHead
from seqae.text import TextAutoencoder

TEXTS = ["the cat sat .", "the dog saw the cat !", "why ?"]


@pytest.fixture
def autoencoder():
    torch.manual_seed(0)
    vocabulary = Vocabulary().fit(TEXTS)
    embedding = nn.Embedding(len(vocabulary), 8)
    decoder = DelayLineDecoder(64, 8, NearestHead(embedding))
    return TextAutoencoder(vocabulary, seqae.Autoencoder(DelayLineEncoder(64, 8, embedding), decoder), longest=8)


def test_texts_become_codes_and_texts_again(autoencoder):
    codes = autoencoder.encode(TEXTS)
    assert codes.shape == (3, 64)
    assert autoencoder.decode(codes) == ["the cat sat.", "the dog saw the cat!", "why?"]
    assert autoencoder.reconstruct(["the bird ?"]) == ["the <unknown>?"]


def test_writing_stops_at_the_end_of_the_text_or_at_the_longest(autoencoder):
    assert autoencoder.decode(autoencoder.encode([""])) == [""]
    endless = np.tile(autoencoder.encode(["cat"])[:, :8], 8)
    assert [len(tokens) for tokens in autoencoder.write(endless)] == [8]


def test_a_text_that_is_too_long_is_named(autoencoder):
    with pytest.raises(ValueError, match=r"text 1 has 9 tokens \('the the.*at most 8"):
        autoencoder.encode(["why", "the " * 8])


def test_model_and_vocabulary_are_saved_together(autoencoder, tmp_path):
    loaded = seqae.load(seqae.save(autoencoder, tmp_path / "text"))
    assert loaded.reconstruct(TEXTS) == autoencoder.reconstruct(TEXTS)
    np.testing.assert_array_equal(loaded.encode(TEXTS), autoencoder.encode(TEXTS))
