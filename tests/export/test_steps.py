"""What a model reads is told from its layers."""

from __future__ import annotations

import pytest
from torch import nn

import seqae
from seqae.export.steps import StepKind, code_size_of, longest_of, step_kind_of
from seqae.modules.posteriors import BatchNormPosterior

MISSING = seqae.MissingValueEmbedding
ENCODERS = {
    "readings": (seqae.RecurrentEncoder(seqae.LSTM(3, 8), 4), StepKind((3,))),
    "tokens": (seqae.RecurrentEncoder(seqae.LSTM(6, 8), 4, nn.Embedding(50, 6)), StepKind((), 50)),
    "missing values": (seqae.ConvEncoder(6, 4, embed=MISSING()), StepKind((3,))),
    "missing values, linear": (seqae.MeanEncoder(5, 4, nn.Sequential(MISSING(), nn.Linear(8, 5))), StepKind((4,))),
    "activation first": (seqae.MeanEncoder(5, 4, nn.Sequential(nn.Tanh(), nn.Linear(7, 5))), StepKind((7,))),
    "normalised": (seqae.MeanEncoder(5, 4, nn.Sequential(nn.LayerNorm(7), nn.Linear(7, 5))), StepKind((7,))),
    "stack": (seqae.StackedEncoder([seqae.TimeDistributed(nn.Linear(3, 5)), seqae.GRU(5, 4)], 4), StepKind((3,))),
    "wrapped": (BatchNormPosterior(seqae.MeanEncoder(3, 4), 0.5), StepKind((3,))),
    "architecture": (seqae.build_autoencoder("conv", 3, nn.Identity).encoder, StepKind((3,))),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_kind_of_steps(name):
    encoder, kind = ENCODERS[name]
    assert step_kind_of(encoder, None) == kind


def test_a_shape_that_the_layers_do_not_tell_is_asked_for():
    encoder = seqae.MeanEncoder(784, 4, nn.Flatten())
    with pytest.raises(ValueError, match=r"can't be told from a Flatten\. Give step_shape"):
        step_kind_of(encoder, None)
    assert step_kind_of(encoder, (1, 28, 28)) == StepKind((1, 28, 28))


def test_windows_limit_the_steps():
    assert longest_of(seqae.RecurrentEncoder(seqae.LSTM(3, 8), 4)) is None
    model = seqae.Autoencoder(seqae.DenseEncoder(20, 3, 4), seqae.DenseDecoder(10, 3, 4))
    assert longest_of(model) == 10


def test_the_size_of_the_codes_of_a_decoder():
    repeat = seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, 3))
    for decoder in (repeat, seqae.ReversedDecoder(repeat), seqae.ConstantDecoder(nn.Linear(4, 3))):
        assert code_size_of(decoder) == 4
    assert code_size_of(seqae.ConvDecoder(5, nn.Linear(32, 3))) == 5
    assert code_size_of(seqae.ConstantDecoder(nn.Sequential(nn.Unflatten(1, (2, 3, 3))))) == 18
    with pytest.raises(ValueError, match="Export the autoencoder"):
        code_size_of(seqae.ConstantDecoder(nn.Flatten()))
