"""Autoencoders of texts that a user built, also those that write token after token, in a SequenceAutoencoder."""

import unicodedata

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.modules import Argmax
from seqae.modules.tokens import NearestEmbeddingHead
from seqae.text.tokenizers import CharacterTokenizer
from seqae.text.vocabulary import UNKNOWN, BytePairs, Vocabulary

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


@pytest.fixture(scope="module")
def autoencoder() -> seqae.SequenceAutoencoder:
    """A model that needs no training, given as it is."""
    torch.manual_seed(0)
    vocabulary = Vocabulary().fit(TEXTS)
    embedding = nn.Embedding(len(vocabulary), SIZE)
    model = seqae.Autoencoder(Concatenation(embedding), Parts(NearestEmbeddingHead(embedding)))
    return seqae.SequenceAutoencoder(model, vocabulary=vocabulary, epochs=0).fit(TEXTS)


def test_a_model_that_was_trained_before_is_taken_as_it_is(autoencoder):
    before, after = autoencoder.architecture.state_dict(), autoencoder.model_.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_texts_become_codes_and_texts_again(autoencoder):
    codes = autoencoder.encode(TEXTS)
    assert codes.shape == (3, STEPS * SIZE)
    assert autoencoder.decode(codes) == ["the cat sat.", "the dog saw the cat!", "why?"]
    assert autoencoder.reconstruct(["the bird ?"]) == ["the <unknown>?"]


def test_writing_stops_at_the_end_of_the_text_or_at_the_longest_training_text(autoencoder):
    assert autoencoder.decode(autoencoder.encode([""])) == [""]
    endless = np.tile(autoencoder.encode(["cat"])[:, :SIZE], STEPS)
    assert autoencoder.decode(endless) == [" ".join(7 * ["cat"])]  # six tokens and the end
    assert autoencoder.decode(endless, 3) == ["cat cat cat"]


def test_model_and_vocabulary_are_saved_together(autoencoder, tmp_path):
    loaded = seqae.load(autoencoder.save(tmp_path / "text"), classes=[Concatenation, Parts])
    assert loaded.decode(loaded.encode(TEXTS)) == autoencoder.decode(autoencoder.encode(TEXTS))
    np.testing.assert_array_equal(loaded.encode(TEXTS), autoencoder.encode(TEXTS))


def writer_of_tokens(tokens: int, suppress: tuple[int, ...] = ()) -> seqae.Autoencoder:
    """An LSTM that reads what it has written, the true token before while it is trained."""
    torch.manual_seed(0)
    embedding = nn.Embedding(tokens, 16)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(16, 16), 8, embed=embedding)
    decoder = seqae.AutoregressiveDecoder(8, seqae.LSTM(16, 32), nn.Linear(32, tokens), embedding, Argmax(suppress))
    return seqae.Autoencoder(encoder, decoder)


def test_a_decoder_that_reads_its_own_output_learns_texts_and_where_they_end():
    vocabulary = Vocabulary().fit(TEXTS)
    model = writer_of_tokens(len(vocabulary))
    settings = {"vocabulary": vocabulary, "epochs": 200, "learning_rate": 0.01}
    autoencoder = seqae.SequenceAutoencoder(model, **settings).fit(TEXTS)
    assert autoencoder.decode(autoencoder.encode(TEXTS)) == [
        vocabulary.decode(vocabulary.encode(text)) for text in TEXTS
    ]
    assert all(isinstance(text, str) for text in autoencoder.generate(3))


def test_the_score_of_a_text_is_its_likelihood_with_the_true_tokens_before_each():
    vocabulary = Vocabulary().fit(TEXTS)
    autoencoder = seqae.SequenceAutoencoder(writer_of_tokens(len(vocabulary)), vocabulary=vocabulary, epochs=0).fit(
        TEXTS
    )
    nats, tokens = [], []
    for text in TEXTS:
        batch = seqae.Batch.of([vocabulary.encode(text)])
        with seqae.evaluating(autoencoder.model_):
            logits = autoencoder.model_.decoder(autoencoder.model_.encode(batch), batch.lengths, batch).values[0]
        nats.append(float(nn.functional.cross_entropy(logits, batch.values[0], reduction="sum")))
        tokens.append(len(logits))
    np.testing.assert_allclose(-autoencoder.score_samples(TEXTS), np.array(nats) / tokens, rtol=1e-5)
    assert autoencoder.report_.bits == pytest.approx(sum(nats) / sum(tokens) / np.log(2), rel=1e-5)


def test_what_is_written_is_what_the_decoder_chose_and_read():
    vocabulary = Vocabulary(max_size=1).fit(TEXTS)  # nearly all words are unknown, and so is what a model would write
    model = writer_of_tokens(len(vocabulary), suppress=(UNKNOWN,))
    nn.init.constant_(model.decoder.head.bias, 0)
    with torch.no_grad():
        model.decoder.head.bias[UNKNOWN] = 100
    autoencoder = seqae.SequenceAutoencoder(model, vocabulary=vocabulary, epochs=0).fit(TEXTS)
    for written in (autoencoder.reconstruct(TEXTS), autoencoder.decode(autoencoder.encode(TEXTS))):
        assert not any("<unknown>" in text for text in written)


UNUSUAL = {
    "empty": "",
    "white space": " \t\u3000",
    "family of four, joined": "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466",
    "flag": "\U0001f1e9\U0001f1ea",
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u0639\u0644\u064a\u0643\u0645 \u202eabc\u202c",
    "500 accents": "e" + "\u0301" * 500,
    "20,000 characters": "ab " * 6_666 + ".",
    "one word of 20,000": "a" * 20_000,
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
    model = seqae.Autoencoder(reader, writer)
    texts = seqae.SequenceAutoencoder(model, vocabulary=vocabulary, epochs=0).fit(TEXTS)
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
