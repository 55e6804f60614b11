import pytest
import torch
from torch import nn

import seqae
from seqae import Batch


@pytest.mark.parametrize(
    "code", [None, seqae.TopKCode(2), seqae.L1Code(0.5)], ids=["plain", "sparse", "with a penalty"]
)
def test_an_autoencoder_is_its_encoder_its_code_and_its_decoder(code):
    torch.manual_seed(0)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, 8), 5)
    decoder = seqae.AutoregressiveDecoder(5, seqae.LSTM(3, 8), nn.Linear(8, 3))
    model, batch = seqae.Autoencoder(encoder, decoder, code).eval(), Batch.of([torch.randn(4, 3), torch.randn(2, 3)])
    codes = encoder(batch) if code is None else code(encoder(batch)).code
    taught = model(batch, targets=batch)
    assert torch.equal(model.encode(batch), codes) and torch.equal(taught.code, codes)
    assert torch.equal(taught.prediction.steps, decoder(codes, batch.lengths, batch).steps)
    written = decoder(codes, batch.lengths).steps
    assert torch.equal(model.reconstruct(batch).steps, written)
    assert torch.equal(model.decode(codes, batch.lengths).steps, written)
    assert not torch.equal(taught.prediction.steps, written)
    assert torch.equal(taught.penalty, torch.zeros(2) if code is None else code(encoder(batch)).penalty)
