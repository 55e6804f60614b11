"""`torch.export` takes every usual encoder, for any batch and time."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

import seqae
from seqae.architectures import NUM_LAYERS
from seqae.batch import Batch
from seqae.export import TensorEncoder
from seqae.modules.pooling import SegmentMeanPooling, last_step, max_over_time


def of(architecture: str) -> seqae.Encoder:
    return seqae.build_autoencoder(architecture, 3, lambda size: nn.Linear(size, 3), hidden_size=8).encoder


ENCODERS = {
    **{name: lambda name=name: of(name) for name in NUM_LAYERS},
    "plain lstm": lambda: seqae.RecurrentEncoder(seqae.LSTM(3, 8), 4),
    "missing values": lambda: seqae.ConvEncoder(6, 4, embed=seqae.MissingValueEmbedding(), pool=last_step),
    "largest": lambda: seqae.ConvEncoder(3, 4, pool=max_over_time),
    "mean": lambda: seqae.MeanEncoder(3, 4),
    "segments": lambda: seqae.StackedEncoder([seqae.TimeDistributed(nn.Linear(3, 2))], 6, SegmentMeanPooling(3)),
}


def export(module: nn.Module, values: torch.Tensor, **settings) -> torch.export.ExportedProgram:
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time")
    example = values, torch.tensor([5, 3])
    return torch.export.export(module, example, dynamic_shapes=({0: batch, 1: time}, {0: batch}), **settings)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_an_exported_encoder_reads_other_sizes_and_no_padding(name):
    torch.manual_seed(0)
    module = TensorEncoder(ENCODERS[name]()).eval()
    exported = export(module, torch.randn(2, 5, 3)).module()
    for batch, time in ((4, 9), (1, 2), (33, 41)):
        lengths = torch.randint(1, time + 1, (batch,))
        values = torch.randn(batch, time, 3)
        values[~Batch(values, lengths).mask] = torch.nan
        with torch.no_grad():
            torch.testing.assert_close(exported(values, lengths), module(values, lengths), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_tokens_are_exported_strictly_saved_and_loaded():
    torch.manual_seed(0)
    module = TensorEncoder(seqae.RecurrentEncoder(seqae.LSTM(4, 8), 4, nn.Embedding(10, 4))).eval()
    file = io.BytesIO()
    torch.export.save(export(module, torch.ones(2, 5, dtype=torch.long), strict=True), file)
    file.seek(0)
    tokens, lengths = torch.randint(0, 10, (4, 9)), torch.tensor([9, 1, 4, 7])
    tokens[1, 1:] = 99
    with torch.no_grad():
        found = torch.export.load(file).module()(tokens, lengths)
        torch.testing.assert_close(found, module(tokens, lengths), rtol=0, atol=1e-5)


@pytest.mark.parametrize("encoder", [seqae.RecurrentEncoder(seqae.LSTM(3, 8), 4), seqae.ConvEncoder(3, 4)])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_tracing_which_would_freeze_the_batch_size_is_refused(encoder):
    with pytest.raises(RuntimeError, match=r"freeze batch size and lengths .* Use seqae\.export\.to_onnx, or torch"):
        torch.jit.trace(TensorEncoder(encoder).eval(), (torch.randn(2, 5, 3), torch.tensor([5, 3])))
