"""From a sequence to one of another kind, beyond the contract of test_contract.py."""

import pytest
from torch import nn

import seqae
from seqae.modules.attention import DotAttention, GeneralAttention
from seqae.seq2seq.models import AttentionDecoder, RecurrentSeq2SeqEncoder, Seq2Seq, attention_seq2seq


def with_attention(attention: GeneralAttention) -> Seq2Seq:
    decoder = AttentionDecoder(nn.Embedding(12, 5), seqae.GRU(5, 8), attention, nn.Linear(6, 12), 6)
    return Seq2Seq(RecurrentSeq2SeqEncoder(seqae.GRU(3, 4, bidirectional=True)), decoder)


def test_head_and_embedding_of_text_to_text_are_one():
    model = attention_seq2seq(20, 30, 8, 8)
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.shape == (30, 8)) == 30 * 8


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"queries of size 9.*of 8.*query_size"):
        with_attention(GeneralAttention(9, 8))
    with pytest.raises(ValueError, match=r"states of size 8.*of 7.*states_size"):
        with_attention(GeneralAttention(8, 7))
    with pytest.raises(ValueError, match="bidirectional=False"):
        AttentionDecoder(nn.Identity(), seqae.GRU(2, 3, bidirectional=True), DotAttention(3), nn.Identity(), 2)
