"""Entries of all decoders of codes."""

from __future__ import annotations

from dataclasses import replace

import torch
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
    Input,
    OfDecoder,
    codes,
)
from seqae.errors import squared_error, token_error
from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMDecoder
from seqae.modules.decoders import (
    BackwardsDecoder,
    ConstantDecoder,
    ConvDecoder,
    DenseDecoder,
    FeedbackDecoder,
    RepeatDecoder,
)
from seqae.modules.delay_line import DelayLineDecoder
from seqae.modules.frames import frame_embed, frame_head
from seqae.modules.images import growing
from seqae.modules.merging import Split
from seqae.modules.paths import PathDecoder
from seqae.modules.per_channel import PerChannelDecoder
from seqae.modules.recurrent import GRU, LSTM
from seqae.modules.recursive import Balanced, Chain, UnfoldingDecoder
from seqae.modules.tokens import Likeliest, TiedHead


def feedback(recurrence=LSTM, layers: int = 1, **settings) -> FeedbackDecoder:
    return FeedbackDecoder(CODE, recurrence(CHANNELS, 16, layers), nn.Linear(16, CHANNELS), **settings)


def of_tokens(**settings) -> FeedbackDecoder:
    embedding = nn.Embedding(WORDS, 8)
    return FeedbackDecoder(CODE, LSTM(8, 8), TiedHead(embedding), embedding, Likeliest(), **settings)


def of_frames() -> BackwardsDecoder:
    embed, head = frame_embed(FRAME, (4, 8), 8), frame_head(32, (16, 8), FRAME)
    return BackwardsDecoder(FeedbackDecoder(CODE, LSTM(8, 32), head, embed))


def paths() -> PathDecoder:
    decoder = PathDecoder(9, LSTM(4, 16))
    nn.init.normal_(decoder.head.weight, std=0.1)  # as after training: at first it goes straight on
    return decoder


def per_channel() -> PerChannelDecoder:
    decoder = PerChannelDecoder(10, CHANNELS, 4, 5)
    nn.init.normal_(decoder.out)  # as after training: at first the linear way stands alone
    return decoder


PATHS = Input(lambda length: torch.randn(length, 2).mul(0.1).cumsum(dim=0))
READS = (codes(CODE), READINGS)
DECODERS = {
    "repeat, lstm": OfDecoder(lambda: RepeatDecoder(LSTM(CODE, 16), nn.Linear(16, CHANNELS)), READS),
    "repeat, gru of two layers": OfDecoder(lambda: RepeatDecoder(GRU(CODE, 16, 2), nn.Linear(16, CHANNELS)), READS),
    "repeat, in both directions": OfDecoder(
        lambda: RepeatDecoder(LSTM(CODE, 8, bidirectional=True), nn.Linear(16, CHANNELS)), READS
    ),
    "repeat, frames": OfDecoder(
        lambda: RepeatDecoder(LSTM(CODE, 32), frame_head(32, (16, 8), FRAME)), (codes(CODE), FRAMES)
    ),
    "feedback, lstm": OfDecoder(feedback, READS),
    "feedback, gru of two layers": OfDecoder(lambda: feedback(GRU, 2), READS),
    "feedback, sampled": OfDecoder(lambda: feedback(layers=2, own_share=0.5), READS),
    "feedback, reading the code again": OfDecoder(
        lambda: FeedbackDecoder(CODE, LSTM(CHANNELS + CODE, 16), nn.Linear(16 + CODE, CHANNELS), rereads=True), READS
    ),
    "feedback, tokens": OfDecoder(of_tokens, (codes(CODE), TOKENS), error=token_error),
    "feedback, tokens, sampled": OfDecoder(lambda: of_tokens(own_share=0.3), (codes(CODE), TOKENS), error=token_error),
    "backwards": OfDecoder(lambda: BackwardsDecoder(feedback()), READS),
    "backwards, frames": OfDecoder(of_frames, (codes(CODE), FRAMES)),
    "convolutions": OfDecoder(lambda: ConvDecoder(CODE, nn.Linear(16, CHANNELS), channels=(16, 16)), READS),
    "dense": OfDecoder(lambda: DenseDecoder(12, CHANNELS, CODE), (codes(CODE), READINGS.up_to(12))),
    "linear": OfDecoder(lambda: DenseDecoder(12, CHANNELS, CODE, hidden_sizes=()), (codes(CODE), READINGS.up_to(12))),
    "dense, images": OfDecoder(
        lambda: DenseDecoder(1, 64, CODE, (16,), head=nn.Unflatten(1, IMAGE)), (codes(CODE), IMAGES)
    ),
    "constant": OfDecoder(
        lambda: ConstantDecoder(nn.Linear(CODE, CHANNELS)), READS, cannot_overfit="it writes the same at every step"
    ),
    "constant, images": OfDecoder(
        lambda: ConstantDecoder(growing((4, 8, IMAGE[0]), *IMAGE[1:])),
        (codes(16), replace(IMAGES, longest=None, long=50)),
    ),
    "tree, balanced": OfDecoder(lambda: UnfoldingDecoder(Split(CODE), Balanced(), nn.Linear(CODE, CHANNELS)), READS),
    "tree, chain": OfDecoder(
        lambda: UnfoldingDecoder(Split(16), Chain(), nn.Linear(16, CHANNELS)), (codes(16), READINGS)
    ),
    "conv lstm": OfDecoder(
        lambda: ConvLSTMDecoder(ConvLSTM(0, 5), *FRAME[1:], nn.Conv2d(5, FRAME[0], 3, padding=1)),
        (codes(2 * 5 * FRAME[1] * FRAME[2]), FRAMES),
    ),
    "per channel": OfDecoder(per_channel, (codes(4 * CHANNELS), READINGS.up_to(10))),
    "delay line": OfDecoder(lambda: DelayLineDecoder(30, 3, nn.Linear(3, CHANNELS)), (codes(30), READINGS.up_to(10))),
    "paths": OfDecoder(
        paths,
        (codes(9), PATHS),
        error=lambda found, steps: squared_error(found[:, :2], steps),
        means=lambda found: found[:, :2],
    ),
}
