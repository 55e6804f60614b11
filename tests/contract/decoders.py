"""Entries of all decoders of codes."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from contract.entry import (
    CHANNELS,
    CODE,
    FRAME,
    FRAMES,
    IMAGE,
    IMAGES,
    READINGS,
    TOKENS,
    WORDS,
    DecoderEntry,
    codes,
)
from seqae.losses import token_cross_entropy
from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMDecoder
from seqae.modules.convolution import Convolutions
from seqae.modules.decoders import (
    AutoregressiveDecoder,
    ConstantDecoder,
    ConvDecoder,
    DenseDecoder,
    RepeatDecoder,
    ReversedDecoder,
)
from seqae.modules.images import conv_decoder, frame_decoder, frame_encoder
from seqae.modules.merging import Decomposition
from seqae.modules.positional import PositionalDecoder
from seqae.modules.positions import ResampledCode
from seqae.modules.recurrent import GRU, LSTM
from seqae.modules.recursive import BalancedTree, ChainTree, UnfoldingDecoder
from seqae.modules.resampled import ResampledDecoder
from seqae.modules.resampled_maps import ResampledMapsDecoder
from seqae.modules.self_attention import SelfAttention
from seqae.modules.tokens import Argmax, TiedHead


def autoregressive(rnn=LSTM, layers: int = 1, **settings) -> AutoregressiveDecoder:
    return AutoregressiveDecoder(CODE, rnn(CHANNELS, 16, layers), nn.Linear(16, CHANNELS), **settings)


def of_tokens(**settings) -> AutoregressiveDecoder:
    embedding = nn.Embedding(WORDS, 8)
    return AutoregressiveDecoder(CODE, LSTM(8, 8), TiedHead(embedding), embedding, Argmax(), **settings)


def of_frames() -> ReversedDecoder:
    embed, head = frame_encoder(FRAME, (4, 8), 8), frame_decoder(32, (16, 8), FRAME)
    return ReversedDecoder(AutoregressiveDecoder(CODE, LSTM(8, 32), head, embed))


def positional(network: nn.Module) -> PositionalDecoder:
    return PositionalDecoder(CODE, network, nn.Linear(network.output_size, CHANNELS))


def of_tokens_at_once() -> PositionalDecoder:
    return PositionalDecoder(CODE, SelfAttention(16, 16, 1), TiedHead(nn.Embedding(WORDS, 16)))


READS = (codes(CODE), READINGS)
DECODERS = {
    "repeat, lstm": DecoderEntry(lambda: RepeatDecoder(LSTM(CODE, 16), nn.Linear(16, CHANNELS)), READS),
    "repeat, gru of two layers": DecoderEntry(lambda: RepeatDecoder(GRU(CODE, 16, 2), nn.Linear(16, CHANNELS)), READS),
    "repeat, in both directions": DecoderEntry(
        lambda: RepeatDecoder(LSTM(CODE, 8, bidirectional=True), nn.Linear(16, CHANNELS)), READS
    ),
    "repeat, frames": DecoderEntry(
        lambda: RepeatDecoder(LSTM(CODE, 32), frame_decoder(32, (16, 8), FRAME)), (codes(CODE), FRAMES)
    ),
    "autoregressive, lstm": DecoderEntry(autoregressive, READS),
    "autoregressive, gru of two layers": DecoderEntry(lambda: autoregressive(GRU, 2), READS),
    "autoregressive, sampled": DecoderEntry(lambda: autoregressive(layers=2, sampling_probability=0.5), READS),
    "autoregressive, reading the code at every step": DecoderEntry(
        lambda: AutoregressiveDecoder(
            CODE, LSTM(CHANNELS + CODE, 16), nn.Linear(16 + CODE, CHANNELS), condition_every_step=True
        ),
        READS,
    ),
    "autoregressive, reading what the code says of the step": DecoderEntry(
        lambda: AutoregressiveDecoder(
            CODE,
            LSTM(CHANNELS + 8, 16),
            nn.Linear(16 + 8, CHANNELS),
            condition_every_step=ResampledCode(2, 2, 8, keeps_length=True),
        ),
        READS,
    ),
    "autoregressive, tokens": DecoderEntry(of_tokens, (codes(CODE), TOKENS), error=token_cross_entropy),
    "autoregressive, tokens, sampled": DecoderEntry(
        lambda: of_tokens(sampling_probability=0.3), (codes(CODE), TOKENS), error=token_cross_entropy
    ),
    "reversed": DecoderEntry(lambda: ReversedDecoder(autoregressive()), READS),
    "reversed, frames": DecoderEntry(of_frames, (codes(CODE), FRAMES)),
    "convolutions": DecoderEntry(lambda: ConvDecoder(CODE, nn.Linear(16, CHANNELS), channels=(16, 16)), READS),
    "positional, lstm": DecoderEntry(lambda: positional(LSTM(16, 8, bidirectional=True)), READS),
    "positional, gru of two layers": DecoderEntry(lambda: positional(GRU(16, 16, 2)), READS),
    "positional, convolutions": DecoderEntry(lambda: positional(Convolutions(16, (16, 16))), READS),
    "positional, self-attention": DecoderEntry(lambda: positional(SelfAttention(16, 16)), READS),
    "positional, self-attention, tokens": DecoderEntry(
        of_tokens_at_once, (codes(CODE), TOKENS), error=token_cross_entropy
    ),
    "resampled, mixed": DecoderEntry(
        lambda: ResampledDecoder(3, 2, Convolutions(16, (16, 16)), nn.Linear(16, CHANNELS), mixed_size=CODE), READS
    ),
    "resampled": DecoderEntry(
        lambda: ResampledDecoder(2, 2, Convolutions(16, (16, 16)), nn.Linear(16, CHANNELS), keeps_length=True), READS
    ),
    "dense": DecoderEntry(lambda: DenseDecoder(12, CHANNELS, CODE), (codes(CODE), READINGS.up_to(12))),
    "linear": DecoderEntry(
        lambda: DenseDecoder(12, CHANNELS, CODE, hidden_sizes=()), (codes(CODE), READINGS.up_to(12))
    ),
    "dense, images": DecoderEntry(
        lambda: DenseDecoder(1, 64, CODE, (16,), head=nn.Unflatten(1, IMAGE)), (codes(CODE), IMAGES)
    ),
    "constant": DecoderEntry(
        lambda: ConstantDecoder(nn.Linear(CODE, CHANNELS)), READS, cannot_overfit="it writes the same at every step"
    ),
    "constant, images": DecoderEntry(
        lambda: ConstantDecoder(conv_decoder((4, 8, IMAGE[0]), *IMAGE[1:])),
        (codes(16), replace(IMAGES, longest=None, long=50)),
    ),
    "tree, balanced": DecoderEntry(
        lambda: UnfoldingDecoder(Decomposition(CODE), BalancedTree(), nn.Linear(CODE, CHANNELS)), READS
    ),
    "tree, chain": DecoderEntry(
        lambda: UnfoldingDecoder(Decomposition(16), ChainTree(), nn.Linear(16, CHANNELS)), (codes(16), READINGS)
    ),
    "conv lstm": DecoderEntry(
        lambda: ConvLSTMDecoder(ConvLSTM(0, 5), *FRAME[1:], nn.Conv2d(5, FRAME[0], 3, padding=1)),
        (codes(2 * 5 * FRAME[1] * FRAME[2]), FRAMES),
    ),
    "resampled maps": DecoderEntry(
        lambda: ResampledMapsDecoder(
            nn.Conv2d(18, 9 * 4, 3, padding=1), 9, (18, *FRAME[1:]), nn.Conv2d(4, FRAME[0], 3, padding=1)
        ),
        (codes(18 * FRAME[1] * FRAME[2]), FRAMES),
    ),
}
