"""Pairs keep together what must not be torn apart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.text.files import train_test_overlap
from seqae.datasets.loader import DataLoader
from seqae.datasets.pairs import PairDataset, encoded_pairs, split_pairs
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset
from seqae.text.tokenizers import WordTokenizer
from seqae.text.vocabulary import END, Vocabulary

texts = st.sampled_from([f"text {number}" for number in range(30)])


@settings(max_examples=50, deadline=None)
@given(pairs=st.lists(st.tuples(texts, texts), min_size=1), seed=st.integers(0, 99))
def test_no_text_stands_in_two_parts_and_every_pair_in_one(pairs, seed):
    try:
        parts = split_pairs(pairs, (0.6, 0.2, 0.2), seed)
    except ValueError as error:
        assert "too few for 3 parts" in str(error)
        return
    assert sorted(pair for part in parts for pair in part) == sorted(pairs)
    for side in (0, 1):
        first, second, third = [[pair[side] for pair in part] for part in parts]
        assert not train_test_overlap(first, second + third) and not train_test_overlap(second, third)


def test_parts_have_their_shares_and_capital_letters_do_not_tell_texts_apart():
    pairs = [(f"a {number}", f"b {number}") for number in range(1000)]
    parts = split_pairs(pairs, (0.8, 0.05, 0.15), seed=1)
    assert [len(part) for part in parts] == pytest.approx([800, 50, 150], abs=2)
    assert parts != split_pairs(pairs, (0.8, 0.05, 0.15), seed=2)
    greeted = [*(("Hello", str(number)) for number in range(5)), ("HELLO ", "x")]
    assert split_pairs([*greeted, ("bye", "y")], (0.5, 0.5)) == [greeted, [("bye", "y")]]


def test_too_few_pairs_are_refused():
    for few in ([], [("a", "b")], [("a", "b"), ("a", "c")]):
        with pytest.raises(ValueError, match="too few for 2 parts"):
            split_pairs(few, (0.5, 0.5))


def test_fractions_that_do_not_add_up_to_one_are_refused():
    with pytest.raises(ValueError, match=r"fractions 0\.5, 0\.6.*add up to 1"):
        split_pairs([("a", "b")], (0.5, 0.6))


def test_batches_hold_sources_beside_their_targets():
    sources = [torch.full((length,), length) for length in (5, 2, 9, 4, 4)]
    targets = [torch.full((11 - length,), length) for length in (5, 2, 9, 4, 4)]
    source = PairDataset(SequenceDataset(sources), SequenceDataset(targets))
    assert source.lengths.tolist() == [11] * 5
    rows = 0
    for batch in DataLoader(source, LengthBucketSampler(source.lengths, 2)):
        rows += len(batch)
        assert torch.equal(batch.source.lengths, batch.source.values[:, 0])
        assert torch.equal(batch.target.lengths, 11 - batch.target.values[:, 0])
        assert torch.equal(batch.lengths, batch.source.lengths + batch.target.lengths)
    assert rows == 5
    with pytest.raises(ValueError, match="5 sources for 1 targets"):
        PairDataset(SequenceDataset(sources), SequenceDataset(targets[:1]))


def test_texts_become_tokens_of_their_own_vocabularies():
    pairs = [("one two", "eins zwei"), ("two", "zwei")]
    reads, writes = (Vocabulary(WordTokenizer()).fit(pair[side] for pair in pairs) for side in (0, 1))
    batch = encoded_pairs(pairs, reads, writes).batch(np.array([1, 0]))
    assert [reads.decode(row) for row in batch.source.unpad()] == ["two", "one two"]
    assert [writes.decode(row) for row in batch.target.unpad()] == ["zwei", "eins zwei"]
    assert all(row[-1] == END for row in batch.target.unpad())
