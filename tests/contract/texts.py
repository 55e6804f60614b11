"""Entries of all that writes texts: decoders that look at states, and models that read any source."""

from __future__ import annotations

from torch import nn

from contract.entry import CHANNELS, READINGS, TEXTS, TOKENS, WORDS, OfWriter, vectors
from seqae.modules.attention import AdditiveAttention, DotAttention, GeneralAttention
from seqae.modules.recurrent import GRU, LSTM
from seqae.seq2seq.models import AttentionDecoder, RecurrentSeq2SeqEncoder, Seq2Seq, attention_seq2seq
from seqae.seq2seq.positional import PositionalQueryDecoder
from seqae.seq2seq.s2vt import S2VT

STATE, VECTOR, COMBINED, POSITIONS = 8, 5, 6, 8


def looking(attention, feeding: bool = False, recurrence=GRU, layers: int = 1) -> AttentionDecoder:
    reads = recurrence(VECTOR + COMBINED * feeding, 8, layers)
    return AttentionDecoder(
        nn.Embedding(WORDS, VECTOR), reads, attention, nn.Linear(COMBINED, WORDS), COMBINED, feeding
    )


def s2vt(recurrence=LSTM, layers: int = 1) -> S2VT:
    head, embed = nn.Linear(16, WORDS), nn.Embedding(WORDS, 4)
    return S2VT(recurrence(5, 6, layers), recurrence(6 + 4, 16), head, embed, nn.Linear(CHANNELS, 5))


STATES_AND_TEXTS, READINGS_AND_TEXTS = (vectors(STATE), TEXTS), (READINGS, TEXTS)
WRITERS = {
    "dot, lstm": OfWriter(lambda: looking(DotAttention(8), recurrence=LSTM), STATES_AND_TEXTS),
    "general": OfWriter(lambda: looking(GeneralAttention(8, STATE)), STATES_AND_TEXTS),
    "general, input feeding, two layers": OfWriter(
        lambda: looking(GeneralAttention(8, STATE), True, LSTM, layers=2), STATES_AND_TEXTS
    ),
    "additive, input feeding": OfWriter(
        lambda: looking(AdditiveAttention(8, STATE, 7), feeding=True), STATES_AND_TEXTS
    ),
    "positions": OfWriter(
        lambda: PositionalQueryDecoder(POSITIONS, GeneralAttention(5, STATE), WORDS, dropout=0.1),
        (vectors(STATE), TEXTS.up_to(POSITIONS)),
    ),
    "sequence to sequence": OfWriter(
        lambda: Seq2Seq(RecurrentSeq2SeqEncoder(GRU(CHANNELS, 4, bidirectional=True)), looking(GeneralAttention(8, 8))),
        READINGS_AND_TEXTS,
    ),
    "attention_seq2seq": OfWriter(lambda: attention_seq2seq(WORDS, WORDS, 8, 8), (TOKENS, TEXTS)),
    "s2vt": OfWriter(s2vt, READINGS_AND_TEXTS),
    "s2vt, lstm of two layers": OfWriter(lambda: s2vt(layers=2), READINGS_AND_TEXTS),
    "s2vt, gru": OfWriter(lambda: s2vt(GRU), READINGS_AND_TEXTS),
}
