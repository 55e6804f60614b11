"""A model with its vocabularies: texts in, texts out."""

import numpy as np
import pytest
import torch

import seqae
from seqae.data.texts.made_pairs import translations
from seqae.data.texts.splitters import Characters, Words
from seqae.data.texts.vocabulary import Vocabulary
from seqae.decoding import Beam, Greedy
from seqae.seq2seq import text_to_text
from seqae.translator import Translator

PAIRS = translations(60)


@pytest.fixture(scope="module")
def translator():
    torch.manual_seed(0)
    reads = Vocabulary(Characters()).fit(source for source, _ in PAIRS)
    writes = Vocabulary(Words()).fit(target for _, target in PAIRS)
    return Translator(reads, writes, text_to_text(len(reads), len(writes), 8, 8), most=9)


@pytest.mark.parametrize("choose", [Greedy(), Beam(3)], ids=str)
def test_each_text_is_translated_as_if_it_were_alone(translator, choose):
    texts = [source for source, _ in PAIRS[:10]]
    alone = [translator.translate([text], choose)[0] for text in texts]
    assert translator.translate(texts, choose, batch_size=4) == alone
    assert all(len(text.split()) <= 9 for text in alone)
    assert translator.translate([]) == []


def test_an_empty_text_and_unknown_signs_are_translated_too(translator):
    written = translator.translate(["", "¿?"], Greedy())
    assert len(written) == 2 and not any("<" in text for text in written)


def test_errors_are_those_of_the_true_words(translator):
    errors = translator.errors(PAIRS[:7], batch_size=3)
    for (source, target), found in zip(PAIRS, errors):
        tokens = translator.writes.encode(target)
        state = translator.model.eval().begin(seqae.Batch.of([translator.reads.encode(source)]))
        before, expected = 1, []
        for token in tokens.tolist():
            logits, state = translator.model.write(torch.tensor([before]), state)
            expected.append(-float(logits.log_softmax(dim=1)[0, token].detach()))
            before = token
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_tells_where_it_looked(translator):
    read, written, weights = translator.looked_at("一只猫", "a cat")
    assert read == ["一", "只", "猫", "<end>"] and written == ["a", "cat", "<end>"]
    assert weights.shape == (3, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)


def test_saved_and_loaded_it_writes_the_same(translator, tmp_path):
    loaded = seqae.load(seqae.save(translator, tmp_path / "model"))
    texts = [source for source, _ in PAIRS[:10]]
    assert loaded.translate(texts) == translator.translate(texts)
    head, embed = loaded.model.decoder.head[1], loaded.model.decoder.embed[0]
    assert head.embedding is embed
