"""A model with its vocabularies: texts in, texts out."""

import numpy as np
import pytest
import torch

import seqae
from seqae.data.text.synthetic_pairs import synthetic_translations
from seqae.seq2seq.decoding import BeamSearch, GreedySearch
from seqae.seq2seq.models import attention_seq2seq
from seqae.seq2seq.translator import Translator
from seqae.text.tokenizers import CharacterTokenizer, WordTokenizer
from seqae.text.vocabulary import Vocabulary

PAIRS = synthetic_translations(60)


@pytest.fixture(scope="module")
def translator():
    torch.manual_seed(0)
    reads = Vocabulary(CharacterTokenizer()).fit(source for source, _ in PAIRS)
    writes = Vocabulary(WordTokenizer()).fit(target for _, target in PAIRS)
    return Translator(reads, writes, attention_seq2seq(len(reads), len(writes), 8, 8), max_length=9)


@pytest.mark.parametrize("strategy", [GreedySearch(), BeamSearch(3)], ids=str)
def test_each_text_is_translated_as_if_it_were_alone(translator, strategy):
    texts = [source for source, _ in PAIRS[:10]]
    alone = [translator.translate([text], strategy)[0] for text in texts]
    assert translator.translate(texts, strategy, batch_size=4) == alone
    assert all(len(text.split()) <= 9 for text in alone)
    assert translator.translate([]) == []


def test_an_empty_text_and_unknown_signs_are_translated_too(translator):
    written = translator.translate(["", "¿?"], GreedySearch())
    assert len(written) == 2 and not any("<" in text for text in written)


def test_errors_are_those_of_the_true_words(translator):
    errors = translator.errors(PAIRS[:7], batch_size=3)
    for (source, target), found in zip(PAIRS, errors):
        tokens = translator.target_vocabulary.encode(target)
        state = translator.model.eval().init_state(seqae.Batch.of([translator.source_vocabulary.encode(source)]))
        before, expected = 1, []
        for token in tokens.tolist():
            logits, state = translator.model.decode_step(torch.tensor([before]), state)
            expected.append(-float(logits.log_softmax(dim=1)[0, token].detach()))
            before = token
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_tells_where_it_looked(translator):
    read, written, weights = translator.attention_weights("一只猫", "a cat")
    assert read == ["一", "只", "猫", "<end>"] and written == ["a", "cat", "<end>"]
    assert weights.shape == (3, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_saved_and_loaded_it_writes_the_same(translator, tmp_path):
    loaded = seqae.load(seqae.save(translator, tmp_path / "model"))
    texts = [source for source, _ in PAIRS[:10]]
    assert loaded.translate(texts) == translator.translate(texts)
    head, embed = loaded.model.decoder.head[1], loaded.model.decoder.embed[0]
    assert head.embedding is embed
