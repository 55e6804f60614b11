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
    EncoderEntry,
    SequenceEncoderEntry,
)
from seqae.batch import Batch
from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMEncoder
from seqae.modules.convolution import Convolutions
from seqae.modules.encoders import (
    ConvEncoder,
    DenseEncoder,
    MeanEncoder,
    MeanMaxEncoder,
    NullEncoder,
    RecurrentEncoder,
    SegmentMeanEncoder,
)
from seqae.modules.images import ImageEncoder, Residual, conv_encoder, frame_encoder
from seqae.modules.merging import Composition, Decomposition
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.pooling import last_step, max_over_time, mean_over_time
from seqae.modules.positional import PositionalEncoder
from seqae.modules.posteriors import BatchNormPosterior
from seqae.modules.recurrent import GRU, LSTM
from seqae.modules.recursive import BalancedTree, ChainTree, GreedyTree, MeanOfNodes, RecursiveEncoder
from seqae.modules.resampled import ResampledEncoder
from seqae.modules.resampled_maps import ResampledMapsEncoder
from seqae.modules.self_attention import SelfAttention
from seqae.modules.stacked import StackedEncoder, TimeDistributed
from seqae.seq2seq.models import RecurrentSeq2SeqEncoder, StackedSeq2SeqEncoder


def of_images(pooled: bool) -> ImageEncoder:
    return ImageEncoder(conv_encoder((IMAGE[0], 8, 4), pooled), 16)


def recursive(shape, **settings) -> RecursiveEncoder:
    return RecursiveEncoder(Composition(CODE), shape, nn.Linear(CHANNELS, CODE), **settings)


def spread() -> BatchNormPosterior:
    encoder = BatchNormPosterior(RecurrentEncoder(LSTM(CHANNELS, 8), 8), 0.7)
    for _ in range(5):  # it learns means and deviations while training
        encoder(Batch.of(READINGS.some([5, 9, 1, 7, 3, 4])))
    return encoder


ENCODERS = {
    "lstm": EncoderEntry(lambda: RecurrentEncoder(LSTM(CHANNELS, 16), CODE), (READINGS,)),
    "lstm of two layers": EncoderEntry(lambda: RecurrentEncoder(LSTM(CHANNELS, 8, num_layers=2), CODE), (READINGS,)),
    "lstm of two layers with dropout": EncoderEntry(
        lambda: RecurrentEncoder(LSTM(CHANNELS, 16, num_layers=2, dropout=0.1), CODE), (READINGS,)
    ),
    "lstm in both directions": EncoderEntry(
        lambda: RecurrentEncoder(LSTM(CHANNELS, 8, 2, bidirectional=True), CODE), (READINGS,)
    ),
    "resampled convolutions": EncoderEntry(
        lambda: ResampledEncoder(CHANNELS, Convolutions(16, (16, 16)), 3, 2, keeps_length=True), (READINGS,)
    ),
    "resampled convolutions, mixed": EncoderEntry(
        lambda: ResampledEncoder(CHANNELS, Convolutions(16, (16, 16)), 3, 2, keeps_length=True, mixed_size=CODE),
        (READINGS,),
    ),
    "resampled self-attention": EncoderEntry(
        lambda: ResampledEncoder(CHANNELS, SelfAttention(16, 16), 4, 2), (READINGS,)
    ),
    "gru": EncoderEntry(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE), (READINGS,)),
    "gru in both directions": EncoderEntry(
        lambda: RecurrentEncoder(GRU(CHANNELS, 8, 2, bidirectional=True), CODE), (READINGS,)
    ),
    "gru, mean": EncoderEntry(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE, pool=mean_over_time), (READINGS,)),
    "gru, largest": EncoderEntry(lambda: RecurrentEncoder(GRU(CHANNELS, 16), CODE, pool=max_over_time), (READINGS,)),
    "gru of missing values": EncoderEntry(
        lambda: RecurrentEncoder(GRU(2 * CHANNELS, 16), CODE, embed=MissingValueEmbedding()), (GAPPY,)
    ),
    "lstm of tokens": EncoderEntry(
        lambda: RecurrentEncoder(LSTM(4, 16), CODE, embed=nn.Embedding(WORDS, 4)), (TOKENS,)
    ),
    "lstm of frames": EncoderEntry(
        lambda: RecurrentEncoder(LSTM(8, 10), CODE, embed=frame_encoder(FRAME, (4, 8), 8)), (FRAMES,)
    ),
    "summary": EncoderEntry(lambda: MeanMaxEncoder(GRU(CHANNELS, 4)), (READINGS,)),
    "summary of tokens": EncoderEntry(lambda: MeanMaxEncoder(LSTM(3, 4), nn.Embedding(WORDS, 3)), (TOKENS,)),
    "state means": EncoderEntry(lambda: SegmentMeanEncoder(GRU(CHANNELS, CODE), num_segments=1), (READINGS,)),
    "state means of parts": EncoderEntry(lambda: SegmentMeanEncoder(GRU(CHANNELS, CODE), num_segments=3), (READINGS,)),
    "mean": EncoderEntry(lambda: MeanEncoder(CHANNELS, CODE), (READINGS,)),
    "convolutions": EncoderEntry(lambda: ConvEncoder(CHANNELS, CODE, channels=(16, 16)), (READINGS,)),
    "causal convolutions": EncoderEntry(
        lambda: ConvEncoder(CHANNELS, CODE, channels=(16, 8), causal=True, pool=last_step), (READINGS,)
    ),
    "convolutions, largest": EncoderEntry(
        lambda: ConvEncoder(CHANNELS, CODE, channels=(8, 16), kernel_size=5, pool=max_over_time), (READINGS,)
    ),
    "dense": EncoderEntry(lambda: DenseEncoder(12, CHANNELS, CODE), (READINGS.up_to(12),)),
    "linear": EncoderEntry(lambda: DenseEncoder(12, CHANNELS, CODE, hidden_sizes=()), (READINGS.up_to(12),)),
    "dense of images": EncoderEntry(lambda: DenseEncoder(1, 64, CODE, (16,), embed=nn.Flatten()), (IMAGES,)),
    "convolutions of images": EncoderEntry(lambda: of_images(pooled=True), (IMAGES,)),
    "strided convolutions of images": EncoderEntry(lambda: of_images(pooled=False), (IMAGES,)),
    "stack": EncoderEntry(
        lambda: StackedEncoder(
            [Convolutions(CHANNELS, [5]), TimeDistributed(nn.Sequential(nn.Linear(5, 6), nn.LeakyReLU())), LSTM(6, 4)],
            4,
            max_over_time,
        ),
        (READINGS,),
    ),
    "tree, chain": EncoderEntry(lambda: recursive(ChainTree()), (READINGS,)),
    "tree, balanced": EncoderEntry(lambda: recursive(BalancedTree()), (READINGS,)),
    # What chooses the trees learns by the loss of a RecursiveAutoencoder only.
    "tree, greedy": EncoderEntry(
        lambda: recursive(GreedyTree(Decomposition(CODE).requires_grad_(False)), pool=MeanOfNodes()), (READINGS,)
    ),
    "conv lstm": EncoderEntry(
        lambda: ConvLSTMEncoder(ConvLSTM(4, 5), *FRAME[1:], embed=nn.Conv2d(FRAME[0], 4, 3, padding=1)), (FRAMES,)
    ),
    "resampled maps": EncoderEntry(
        lambda: ResampledMapsEncoder(
            nn.Conv2d(FRAME[0], 4, 3, padding=1),
            Residual(nn.Conv2d(3 * 4, 5, 3, padding=1), shortcut=nn.Conv2d(3 * 4, 5, 1)),
            3,
            (5, *FRAME[1:]),
        ),
        (FRAMES,),
    ),
    "spread": EncoderEntry(spread, (READINGS,)),
    "positional, lstm": EncoderEntry(
        lambda: PositionalEncoder(CHANNELS, LSTM(8, 8, bidirectional=True), CODE), (READINGS,)
    ),
    "positional, gru": EncoderEntry(lambda: PositionalEncoder(CHANNELS, GRU(8, 16), CODE), (READINGS,)),
    "positional, convolutions": EncoderEntry(
        lambda: PositionalEncoder(CHANNELS, Convolutions(8, (16, 16)), CODE), (READINGS,)
    ),
    "positional, self-attention": EncoderEntry(
        lambda: PositionalEncoder(CHANNELS, SelfAttention(8, 16), CODE), (READINGS,)
    ),
    "positional, convolutions of missing values": EncoderEntry(
        lambda: PositionalEncoder(2 * CHANNELS, Convolutions(8, (16,)), CODE, MissingValueEmbedding()), (GAPPY,)
    ),
    "positional, self-attention of missing values": EncoderEntry(
        lambda: PositionalEncoder(2 * CHANNELS, SelfAttention(8, 16, 1), CODE, MissingValueEmbedding()), (GAPPY,)
    ),
    "positional, self-attention of tokens": EncoderEntry(
        lambda: PositionalEncoder(4, SelfAttention(8, 16, 1), CODE, nn.Embedding(WORDS, 4)), (TOKENS,)
    ),
    "null": EncoderEntry(
        lambda: NullEncoder(CODE), (READINGS,), ignores_input="it says nothing", cannot_overfit="all codes are the same"
    ),
}
STATES = {
    "gru": SequenceEncoderEntry(lambda: RecurrentSeq2SeqEncoder(GRU(CHANNELS, 8)), (READINGS,)),
    "lstm in both directions": SequenceEncoderEntry(
        lambda: RecurrentSeq2SeqEncoder(LSTM(CHANNELS, 8, bidirectional=True)), (READINGS,)
    ),
    "gru after convolutions": SequenceEncoderEntry(
        lambda: RecurrentSeq2SeqEncoder(GRU(6, 8), nn.Linear(CHANNELS, 4), Convolutions(4, (6, 6))), (READINGS,)
    ),
    "stack": SequenceEncoderEntry(
        lambda: StackedSeq2SeqEncoder([TimeDistributed(nn.Linear(CHANNELS, 4)), Convolutions(4, [8])], 8), (READINGS,)
    ),
}
