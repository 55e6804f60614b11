import unicodedata

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.modules.tokens import NearestEmbeddingHead
from seqae.seq2seq.text_autoencoder import TextAutoencoder
from seqae.text.tokenizers import CharacterTokenizer
from seqae.text.vocabulary import BytePairs, Vocabulary

STEPS, SIZE = 8, 8


class Concatenation(seqae.Encoder):
    """Each token's vector in its own part of the code: it loses nothing."""

    def __init__(self, embed: nn.Module):
        super().__init__()
        self.embed, self.code_size = embed, STEPS * SIZE

    def forward(self, batch: seqae.Batch) -> torch.Tensor:
        vectors = batch.map(self.embed).mask_padding()
        return nn.functional.pad(vectors.values, (0, 0, 0, STEPS - vectors.values.shape[1])).flatten(1)


class Parts(seqae.Decoder):
    """The tokens whose vectors lie nearest to the parts of the code."""

    def __init__(self, head: nn.Module):
        super().__init__()
        self.head = head

    def forward(self, code: torch.Tensor, lengths: torch.Tensor, targets: seqae.Batch | None = None) -> seqae.Batch:
        vectors = code.unflatten(1, (STEPS, SIZE))[:, : int(lengths.max())]
        return seqae.Batch(vectors, lengths).map(self.head)


TEXTS = ["the cat sat .", "the dog saw the cat !", "why ?"]


@pytest.fixture
def autoencoder():
    torch.manual_seed(0)
    vocabulary = Vocabulary().fit(TEXTS)
    embedding = nn.Embedding(len(vocabulary), 8)
    model = seqae.Autoencoder(Concatenation(embedding), Parts(NearestEmbeddingHead(embedding)))
    return TextAutoencoder(vocabulary, model, max_length=STEPS)


def test_texts_become_codes_and_texts_again(autoencoder):
    codes = autoencoder.encode(TEXTS)
    assert codes.shape == (3, 64)
    assert autoencoder.decode(codes) == ["the cat sat.", "the dog saw the cat!", "why?"]
    assert autoencoder.reconstruct(["the bird ?"]) == ["the <unknown>?"]


def test_writing_stops_at_the_end_of_the_text_or_at_the_longest(autoencoder):
    assert autoencoder.decode(autoencoder.encode([""])) == [""]
    endless = np.tile(autoencoder.encode(["cat"])[:, :8], 8)
    assert [len(tokens) for tokens in autoencoder.generate(endless)] == [8]


def test_a_text_that_is_too_long_is_named(autoencoder):
    with pytest.raises(ValueError, match=r"text 1 has 9 tokens \('the the.*at most 8"):
        autoencoder.encode(["why", "the " * 8])


def test_model_and_vocabulary_are_saved_together(autoencoder, tmp_path):
    loaded = seqae.load(seqae.save(autoencoder, tmp_path / "text"), classes=[Concatenation, Parts])
    assert loaded.reconstruct(TEXTS) == autoencoder.reconstruct(TEXTS)
    np.testing.assert_array_equal(loaded.encode(TEXTS), autoencoder.encode(TEXTS))


UNUSUAL = {
    "empty": "",
    "white space": " \t\u3000",
    "family of four, joined": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flag": "\U0001f1e9\U0001f1ea",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0639\u0644\u064a\u0643\u0645 \u202eabc\u202c",
    "500 accents": "e" + "\u0301" * 500,
    "100,000 characters": "ab " * 33_333 + ".",
    "one word of 100,000": "a" * 100_000,
    "composed": unicodedata.normalize("NFC", "caf\u00e9"),
    "decomposed": unicodedata.normalize("NFD", "caf\u00e9"),
    "zero": "a\0b",
    "not a character": "\uffff\U0010ffff",
}


@pytest.mark.parametrize("make", [Vocabulary, lambda: Vocabulary(CharacterTokenizer()), lambda: BytePairs(300)])
def test_strange_texts_have_codes_and_leave_those_of_others_alone(make):
    if not isinstance(make(), Vocabulary):
        pytest.importorskip("tokenizers")
    vocabulary = make().fit([*TEXTS, "caf\u00e9"])
    torch.manual_seed(0)
    reader = seqae.RecurrentEncoder(seqae.GRU(8, 8), 4, embed=nn.Embedding(len(vocabulary), 8))
    writer = seqae.RepeatDecoder(seqae.GRU(4, 8), nn.Linear(8, len(vocabulary)))
    texts = TextAutoencoder(vocabulary, seqae.Autoencoder(reader, writer), max_length=200_000)
    alone = texts.encode(["the cat"])
    for name, text in UNUSUAL.items():
        codes = texts.encode([text, "the cat"])
        assert np.isfinite(codes).all(), name
        np.testing.assert_allclose(codes[1:], alone, atol=1e-5, err_msg=name)
        assert vocabulary.decode(vocabulary.encode(text)).encode() is not None, name


@pytest.mark.parametrize("make", [Vocabulary, lambda: Vocabulary(CharacterTokenizer()), lambda: BytePairs(300)])
@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("see \ud800", ValueError, r"half a character, '\\ud800', at position 4 of the text"),
        (b"why", TypeError, r"a bytes is no text \(b'why'\). Decode it"),
        (None, TypeError, "a NoneType is no text"),
        (["why", "?"], TypeError, "a list is no text"),
    ],
)
def test_what_is_no_text_is_refused_by_name(make, text, error, message):
    if not isinstance(make(), Vocabulary):
        pytest.importorskip("tokenizers")
    vocabulary = make().fit(TEXTS)
    for use in (vocabulary.encode, lambda text: make().fit([*TEXTS, text])):
        with pytest.raises(error, match=message):
            use(text)
