"""Entries of all that writes texts: decoders that look at states, and models that read any source."""

from __future__ import annotations

from torch import nn

from contract.entry import CHANNELS, READINGS, TEXTS, TOKENS, WORDS, TextEntry, vectors
from seqae.modules.attention import AdditiveAttention, DotAttention, GeneralAttention
from seqae.modules.convolution import Convolutions
from seqae.modules.recurrent import GRU, LSTM
from seqae.seq2seq.models import AttentionDecoder, RecurrentSeq2SeqEncoder, Seq2Seq, attention_seq2seq
from seqae.seq2seq.positional import PositionalQueryDecoder
from seqae.seq2seq.s2vt import S2VT

STATE, VECTOR, COMBINED, POSITIONS = 8, 5, 6, 8


def attention_decoder(attention, feeding: bool = False, rnn=GRU, layers: int = 1) -> AttentionDecoder:
    reads = rnn(VECTOR + COMBINED * feeding, 8, layers)
    return AttentionDecoder(
        nn.Embedding(WORDS, VECTOR), reads, attention, nn.Linear(COMBINED, WORDS), COMBINED, feeding
    )


def s2vt(rnn=LSTM, layers: int = 1, pre_net: nn.Module | None = None) -> S2VT:
    head, embed = nn.Linear(16, WORDS), nn.Embedding(WORDS, 4)
    return S2VT(rnn(5, 6, layers), rnn(6 + 4, 16), head, embed, nn.Linear(CHANNELS, 5), pre_net)


STATES_AND_TEXTS, READINGS_AND_TEXTS = (vectors(STATE), TEXTS), (READINGS, TEXTS)
WRITERS = {
    "dot, lstm": TextEntry(lambda: attention_decoder(DotAttention(8), rnn=LSTM), STATES_AND_TEXTS),
    "general": TextEntry(lambda: attention_decoder(GeneralAttention(8, STATE)), STATES_AND_TEXTS),
    "general, input feeding, two layers": TextEntry(
        lambda: attention_decoder(GeneralAttention(8, STATE), True, LSTM, layers=2), STATES_AND_TEXTS
    ),
    "additive, input feeding": TextEntry(
        lambda: attention_decoder(AdditiveAttention(8, STATE, 7), feeding=True), STATES_AND_TEXTS
    ),
    "positions": TextEntry(
        lambda: PositionalQueryDecoder(POSITIONS, GeneralAttention(5, STATE), WORDS, dropout=0.1),
        (vectors(STATE), TEXTS.up_to(POSITIONS)),
    ),
    "sequence to sequence": TextEntry(
        lambda: Seq2Seq(
            RecurrentSeq2SeqEncoder(GRU(CHANNELS, 4, bidirectional=True)), attention_decoder(GeneralAttention(8, 8))
        ),
        READINGS_AND_TEXTS,
    ),
    "attention_seq2seq": TextEntry(lambda: attention_seq2seq(WORDS, WORDS, 8, 8), (TOKENS, TEXTS)),
    "s2vt": TextEntry(s2vt, READINGS_AND_TEXTS),
    "s2vt, lstm of two layers": TextEntry(lambda: s2vt(layers=2), READINGS_AND_TEXTS),
    "s2vt, gru": TextEntry(lambda: s2vt(GRU), READINGS_AND_TEXTS),
    "s2vt, convolutions over time": TextEntry(lambda: s2vt(pre_net=Convolutions(5, [5])), READINGS_AND_TEXTS),
}
