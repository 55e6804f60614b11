"""Entries of all encoders of codes and of states."""

from __future__ import annotations

from torch import nn

from contract.entry import (
    CHANNELS,
    CODE,
    FRAME,
    FRAMES,
    GAPPY,
    IMAGE,
    IMAGES,
    READINGS,
    TOKENS,
    WORDS,
    OfEncoder,
    OfStates,
    vectors,
)
from seqae.batch import Batch
from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMEncoder
from seqae.modules.convolution import Convolutions
from seqae.modules.delay_line import Context, DelayLineEncoder
from seqae.modules.encoders import ConvEncoder, DenseEncoder, MeanEncoder, RecurrentEncoder, StateMeans, SummaryEncoder
from seqae.modules.frames import frame_embed
from seqae.modules.images import StillEncoder, shrinking
from seqae.modules.language import SilentEncoder
from seqae.modules.merging import Join, Split
from seqae.modules.paths import PathEncoder
from seqae.modules.per_channel import PerChannelEncoder
from seqae.modules.pooling import last_step, max_over_time, mean_over_time
from seqae.modules.recurrent import GRU, LSTM
from seqae.modules.recursive import Balanced, Chain, Greedy, MeanOfNodes, RecursiveEncoder
from seqae.modules.spread import SpreadEncoder
from seqae.modules.stacked import EachStep, StackedEncoder
from seqae.modules.steps import FillMissing
from seqae.seq2seq import RecurrentStates, StackedStates


def of_images(pooled: bool) -> StillEncoder:
    return StillEncoder(shrinking((IMAGE[0], 8, 4), pooled), 16)


def recursive(shape, **settings) -> RecursiveEncoder:
    return RecursiveEncoder(Join(CODE), shape, nn.Linear(CHANNELS, CODE), **settings)


def per_channel() -> PerChannelEncoder:
    encoder = PerChannelEncoder(10, CHANNELS, 4, 5)
    nn.init.normal_(encoder.out)  # as after training: at first the linear way stands alone
    return encoder


def spread() -> SpreadEncoder:
    encoder = SpreadEncoder(RecurrentEncoder(LSTM(CHANNELS, 8), 8), 0.7)
    for _ in range(5):  # it learns means and deviations while training
        encoder(Batch.of(READINGS.some([5, 9, 1, 7, 3, 4])))
    return encoder


def delay_line() -> DelayLineEncoder:
    return DelayLineEncoder(20, 2, nn.Linear(CHANNELS, 2), Context(GRU(CHANNELS, 8, bidirectional=True), 2))


ENCODERS = {
    "lstm": OfEncoder(lambda: RecurrentEncoder(LSTM(CHANNELS, 16), CODE), (READINGS,)),
    "lstm of two layers": OfEncoder(lambda: RecurrentEncoder(LSTM(CHANNELS, 8, layers=2), CODE), (READINGS,)),
    "lstm in both directions": OfEncoder(
        lambda: RecurrentEncoder(LSTM(CHANNELS, 8, 2, bidirectional=True), CODE), (READINGS,)
    ),
    "gru": OfEncoder(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE), (READINGS,)),
    "gru in both directions": OfEncoder(
        lambda: RecurrentEncoder(GRU(CHANNELS, 8, 2, bidirectional=True), CODE), (READINGS,)
    ),
    "gru, mean": OfEncoder(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE, pool=mean_over_time), (READINGS,)),
    "gru, largest": OfEncoder(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE, pool=max_over_time), (READINGS,)),
    "gru of missing values": OfEncoder(
        lambda: RecurrentEncoder(GRU(2 * CHANNELS, 16), CODE, embed=FillMissing()), (GAPPY,)
    ),
    "lstm of tokens": OfEncoder(lambda: RecurrentEncoder(LSTM(4, 16), CODE, embed=nn.Embedding(WORDS, 4)), (TOKENS,)),
    "lstm of frames": OfEncoder(
        lambda: RecurrentEncoder(LSTM(8, 10), CODE, embed=frame_embed(FRAME, (4, 8), 8)), (FRAMES,)
    ),
    "summary": OfEncoder(lambda: SummaryEncoder(GRU(CHANNELS, 4)), (READINGS,)),
    "summary of tokens": OfEncoder(lambda: SummaryEncoder(LSTM(3, 4), nn.Embedding(WORDS, 3)), (TOKENS,)),
    "state means": OfEncoder(lambda: StateMeans(GRU(CHANNELS, CODE), parts=1), (READINGS,)),
    "state means of parts": OfEncoder(lambda: StateMeans(GRU(CHANNELS, CODE), parts=3), (READINGS,)),
    "mean": OfEncoder(lambda: MeanEncoder(CHANNELS, CODE), (READINGS,)),
    "convolutions": OfEncoder(lambda: ConvEncoder(CHANNELS, CODE, channels=(16, 16)), (READINGS,)),
    "causal convolutions": OfEncoder(
        lambda: ConvEncoder(CHANNELS, CODE, channels=(16, 8), causal=True, pool=last_step), (READINGS,)
    ),
    "convolutions, largest": OfEncoder(
        lambda: ConvEncoder(CHANNELS, CODE, channels=(8, 16), kernel_size=5, pool=max_over_time), (READINGS,)
    ),
    "dense": OfEncoder(lambda: DenseEncoder(12, CHANNELS, CODE), (READINGS.up_to(12),)),
    "linear": OfEncoder(lambda: DenseEncoder(12, CHANNELS, CODE, hidden_sizes=()), (READINGS.up_to(12),)),
    "dense of images": OfEncoder(lambda: DenseEncoder(1, 64, CODE, (16,), embed=nn.Flatten()), (IMAGES,)),
    "convolutions of images": OfEncoder(lambda: of_images(pooled=True), (IMAGES,)),
    "strided convolutions of images": OfEncoder(lambda: of_images(pooled=False), (IMAGES,)),
    "stack": OfEncoder(
        lambda: StackedEncoder(
            [Convolutions(CHANNELS, [5]), EachStep(nn.Sequential(nn.Linear(5, 6), nn.LeakyReLU())), LSTM(6, 4)],
            4,
            max_over_time,
        ),
        (READINGS,),
    ),
    "tree, chain": OfEncoder(lambda: recursive(Chain()), (READINGS,)),
    "tree, balanced": OfEncoder(lambda: recursive(Balanced()), (READINGS,)),
    # What chooses the trees learns by the loss of a RecursiveAutoencoder only.
    "tree, greedy": OfEncoder(
        lambda: recursive(Greedy(Split(CODE).requires_grad_(False)), pool=MeanOfNodes()), (READINGS,)
    ),
    "conv lstm": OfEncoder(
        lambda: ConvLSTMEncoder(ConvLSTM(4, 5), *FRAME[1:], embed=nn.Conv2d(FRAME[0], 4, 3, padding=1)), (FRAMES,)
    ),
    "per channel": OfEncoder(per_channel, (READINGS.up_to(10, shortest=10),)),
    "spread": OfEncoder(spread, (READINGS,)),
    "silent": OfEncoder(
        lambda: SilentEncoder(CODE), (READINGS,), deaf="it says nothing", cannot_overfit="all codes are the same"
    ),
    "delay line": OfEncoder(delay_line, (READINGS.up_to(10),)),
    "paths": OfEncoder(lambda: PathEncoder(LSTM(4, 16), 9), (vectors(2),)),
}
STATES = {
    "gru": OfStates(lambda: RecurrentStates(GRU(CHANNELS, 8)), (READINGS,)),
    "lstm in both directions": OfStates(lambda: RecurrentStates(LSTM(CHANNELS, 8, bidirectional=True)), (READINGS,)),
    "gru after convolutions": OfStates(
        lambda: RecurrentStates(GRU(6, 8), nn.Linear(CHANNELS, 4), Convolutions(4, (6, 6))), (READINGS,)
    ),
    "stack": OfStates(lambda: StackedStates([EachStep(nn.Linear(CHANNELS, 4)), Convolutions(4, [8])], 8), (READINGS,)),
}
