"""Every encoder and decoder of the contract has an ONNX form that gives what it gives, or is refused before writing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from contract.decoders import DECODERS
from contract.encoders import ENCODERS
from contract.entry import Entry
from seqae.batch import Batch
from seqae.export import to_onnx
from seqae.export.graph import NoOnnxFormError
from seqae.modules.decoders import DenseDecoder

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

# What refuses, and the part that it names.
ENCODERS_WITHOUT = {
    "tree, chain": "RecursiveEncoder has no ONNX form (the model)",
    "tree, balanced": "RecursiveEncoder has no ONNX form (the model)",
    "tree, greedy": "RecursiveEncoder has no ONNX form (the model)",
    "conv lstm": "ConvLSTMEncoder has no ONNX form (the model)",
    "resampled maps": "ResampledMapsEncoder has no ONNX form (the model)",
    "null": "NullEncoder has no ONNX form (the model)",
}
ONLY_LINEAR = "AutoregressiveDecoder has an ONNX form only with an LSTM of one layer and a linear head"
DECODERS_WITHOUT = {
    "autoregressive, gru of two layers": ONLY_LINEAR,
    "autoregressive, sampled": ONLY_LINEAR,
    "autoregressive, reading the code at every step": ONLY_LINEAR,
    "autoregressive, reading what the code says of the step": ONLY_LINEAR,
    "autoregressive, tokens": ONLY_LINEAR,
    "autoregressive, tokens, sampled": ONLY_LINEAR,
    "reversed, frames": ONLY_LINEAR,
    "tree, balanced": "UnfoldingDecoder has no ONNX form (the model)",
    "tree, chain": "UnfoldingDecoder has no ONNX form (the model)",
    "conv lstm": "ConvLSTMDecoder has no ONNX form (the model)",
    "resampled maps": "ResampledMapsDecoder has no ONNX form (the model)",
}


def shape_of(entry: Entry) -> tuple[int, ...]:
    return tuple(entry.inputs[0].make(1).shape[1:])


def lengths_for(entry: Entry) -> list[int]:
    """Sizes that are not among those of the check before writing."""
    longest = entry.inputs[-1].longest or 29
    return [max(longest - back, 1) for back in (0, 3, 11, 28, 1)]


def spoiled(entry: Entry, lengths: list[int]) -> Batch:
    batch = Batch.of(entry.rows(lengths)[0])
    garbage = torch.full_like(batch.values, torch.nan if batch.values.is_floating_point() else 10**6)
    mask = batch.mask.reshape(*batch.mask.shape, *[1] * (batch.values.ndim - 2))
    return Batch(torch.where(mask, batch.values, garbage), batch.lengths)


@pytest.mark.parametrize("name", sorted(ENCODERS.keys() - ENCODERS_WITHOUT.keys()))
def test_codes_are_those_of_the_encoder_whatever_the_sizes_and_the_padding(name, tmp_path):
    entry = ENCODERS[name]
    encoder = entry.built().eval()
    path = to_onnx(encoder, tmp_path / "encoder.onnx", step_shape=shape_of(entry))
    session = runtime.InferenceSession(path)
    for lengths in (lengths_for(entry), lengths_for(entry)[:1]):
        batch = spoiled(entry, lengths)
        with torch.inference_mode():
            expected = encoder(batch).numpy()
        (found,) = session.run(["codes"], {"sequences": batch.values.numpy(), "lengths": batch.lengths.numpy()})
        assert found.shape == expected.shape == (len(lengths), encoder.code_size)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", sorted(DECODERS.keys() - DECODERS_WITHOUT.keys()))
def test_a_decoder_alone_writes_what_it_writes_in_torch(name, tmp_path):
    entry = DECODERS[name]
    decoder = entry.built().eval()
    path = to_onnx(decoder, tmp_path / "decoder.onnx")
    lengths = lengths_for(entry)
    if isinstance(decoder, DenseDecoder):
        lengths = [min(length, decoder.steps) for length in lengths]
    code = torch.randn(len(lengths), shape_of(entry)[-1], generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = decoder(code, torch.tensor(lengths)).mask_padding().values.numpy()
    session = runtime.InferenceSession(path)
    (found,) = session.run(["reconstruction"], {"codes": code.numpy(), "lengths": np.array(lengths)})
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        *[(ENCODERS[name], message) for name, message in ENCODERS_WITHOUT.items()],
        *[(DECODERS[name], message) for name, message in DECODERS_WITHOUT.items()],
    ],
    ids=[*ENCODERS_WITHOUT, *DECODERS_WITHOUT],
)
def test_what_has_no_onnx_form_is_refused_before_a_file_is_written(entry, message, tmp_path):
    with pytest.raises(NoOnnxFormError) as caught:
        to_onnx(entry.built(), tmp_path / "model.onnx", step_shape=shape_of(entry))
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_inputs_have_free_sizes_and_names(tmp_path):
    encoder = ENCODERS["lstm of tokens"].built()
    session = runtime.InferenceSession(to_onnx(encoder, tmp_path / "encoder.onnx"))
    tokens, lengths = session.get_inputs()
    assert (tokens.name, tokens.type, tokens.shape) == ("sequences", "tensor(int64)", ["batch", "time"])
    assert (lengths.name, lengths.type, lengths.shape) == ("lengths", "tensor(int64)", ["batch"])
    (codes,) = session.get_outputs()
    assert (codes.name, codes.shape) == ("codes", ["batch", encoder.code_size])
