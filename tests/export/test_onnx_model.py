"""Exported models run by numpy and onnxruntime alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.export import OnnxModel, to_onnx

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
SEQUENCES = [np.random.default_rng(seed).standard_normal((length, 3)) for seed, length in enumerate((5, 1, 17, 8))]


@pytest.fixture
def model() -> seqae.Autoencoder:
    torch.manual_seed(0)
    decoder = seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, 3))
    return seqae.Autoencoder(seqae.RecurrentEncoder(seqae.LSTM(3, 8), 4), decoder)


@pytest.mark.parametrize("batch_size", [1, 3, 256])
def test_it_gives_what_the_model_gives(batch_size, model, tmp_path):
    written = OnnxModel(to_onnx(model, tmp_path / "model.onnx"), batch_size)
    sequences = [each.astype(np.float32) for each in SEQUENCES]
    np.testing.assert_allclose(written.encode(SEQUENCES), seqae.encode(model, sequences), rtol=0, atol=1e-6)
    for found, expected in zip(written.reconstruct(SEQUENCES), seqae.reconstruct(model, sequences), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert written.inputs == {"sequences": ("batch", "time", 3), "lengths": ("batch",)}
    assert written.outputs == {"codes": ("batch", 4), "reconstruction": ("batch", "time", 3)}


def test_a_decoder_alone_writes_sequences_of_the_lengths_asked_for(model, tmp_path):
    decoder = OnnxModel(to_onnx(model.decoder, tmp_path / "decoder.onnx"))
    codes = seqae.encode(model, [each.astype(np.float32) for each in SEQUENCES])
    written = decoder.decode(codes, np.array([4, 2, 9, 1]))
    assert [each.shape for each in written] == [(4, 3), (2, 3), (9, 3), (1, 3)]
    expected = model.eval().decode(torch.from_numpy(codes[2:3]), torch.tensor([9])).values[0].detach().numpy()
    np.testing.assert_allclose(written[2], expected, rtol=0, atol=1e-6)


def test_tokens(tmp_path):
    encoder = seqae.RecurrentEncoder(seqae.LSTM(4, 8), 4, nn.Embedding(10, 4))
    written = OnnxModel(to_onnx(encoder, tmp_path / "model.onnx"))
    texts = [np.array([1, 9, 3]), np.array([4])]
    np.testing.assert_allclose(written.encode(texts), seqae.encode(encoder, texts), rtol=0, atol=1e-6)


def test_it_needs_no_torch_nor_does_onnxruntime_alone(model, tmp_path):
    path = to_onnx(model, tmp_path / "model.onnx")
    np.save(tmp_path / "sequence.npy", SEQUENCES[2])
    script = """
import sys
sys.modules.update(torch=None, lightning=None, pandas=None, onnx=None)  # importing them fails
import numpy, onnxruntime
from seqae.export import OnnxModel
sequence = numpy.load("sequence.npy").astype("float32")
by_hand = onnxruntime.InferenceSession("model.onnx").run(
    ["codes"], {"sequences": sequence[None], "lengths": numpy.array([len(sequence)])})[0]
numpy.save("codes.npy", numpy.stack([by_hand, OnnxModel("model.onnx").encode([sequence])]))
"""
    root = str(Path(seqae.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env={"PYTHONPATH": root}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = seqae.encode(model, [SEQUENCES[2].astype(np.float32)])
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), np.stack([expected, expected]), rtol=0, atol=1e-6)
    assert path.name == "model.onnx"


def test_bad_input_is_refused_in_one_line(model, tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.onnx\. Write one with seqae\.export\.to_onnx"):
        OnnxModel(tmp_path / "absent.onnx")
    with pytest.raises(ValueError, match=r"text\.onnx is no ONNX model\. Write one"):
        OnnxModel(tmp_path / "text.onnx")
    written = OnnxModel(to_onnx(model, tmp_path / "model.onnx", codes_only=True))
    with pytest.raises(ValueError, match="no sequences"):
        written.encode([])
    with pytest.raises(ValueError, match=r"sequence 1 is of shape \(2, 4\); .* reads \('time', 3\) with at least one"):
        written.encode([np.zeros((5, 3)), np.zeros((2, 4))])
    with pytest.raises(ValueError, match=r"sequence 0 is of shape \(0, 3\)"):
        written.encode([np.zeros((0, 3))])
    with pytest.raises(ValueError, match="gives codes for sequences and lengths, not reconstruction for"):
        written.reconstruct(SEQUENCES)
    with pytest.raises(ValueError, match="not reconstruction for codes and lengths"):
        written.decode(np.zeros((1, 4)), np.array([3]))
    decoder = OnnxModel(to_onnx(model.decoder, tmp_path / "decoder.onnx"))
    with pytest.raises(ValueError, match=r"no sequences\. Use decode"):
        decoder.encode(SEQUENCES)
    with pytest.raises(ValueError, match=r"can't read these inputs.*lengths_are_from_1_to_time"):
        decoder.decode(np.zeros((2, 4)), np.array([3, 0]))


def test_the_encoder_of_an_estimator_gives_its_codes(tmp_path):
    encoder = seqae.SequenceEncoder(code_size=4, hidden_size=8, epochs=1).fit(SEQUENCES)
    codes = OnnxModel(encoder.to_onnx(tmp_path / "encoder.onnx")).encode(SEQUENCES)
    np.testing.assert_allclose(codes, encoder.transform(SEQUENCES), atol=1e-5)


def test_a_changed_byte_is_noticed(model, tmp_path):
    path = to_onnx(model, tmp_path / "model.onnx", codes_only=True)
    whole = path.read_bytes()
    for place in np.linspace(0, len(whole) - 100, 30).astype(int):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"model\.onnx was changed after it was written"):
            OnnxModel(path)


def test_a_file_that_a_tool_has_changed_is_run_where_that_is_said(model, tmp_path):
    path = to_onnx(model, tmp_path / "model.onnx", codes_only=True)
    graph = onnx.load(path)
    graph.doc_string = "by another tool"
    onnx.save(graph, path)
    with pytest.raises(ValueError, match="give changed=True, if a tool changed it on purpose"):
        OnnxModel(path)
    np.testing.assert_array_equal(OnnxModel(path, changed=True).encode(SEQUENCES).shape[0], len(SEQUENCES))


def test_a_file_of_other_programs_is_run_or_refused_by_name(model, tmp_path):
    path = to_onnx(model, tmp_path / "model.onnx", codes_only=True)
    written = onnx.load(path)
    del written.metadata_props[-1]  # the SHA-256
    onnx.save(written, path)
    assert OnnxModel(path).encode([np.zeros((5, 3))]).shape == (1, 4)
    written.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "channel"
    onnx.save(written, path)
    with pytest.raises(ValueError, match=r"model\.onnx is none of to_onnx: it reads sequences of shape"):
        OnnxModel(path)
    written.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 2**40  # for which there is no memory
    onnx.save(written, path)
    with pytest.raises(
        ValueError, match=r"sequence 0 is of shape \(5, 3\); .*model\.onnx reads \('time', 1099511627776\)"
    ):
        OnnxModel(path).encode([np.zeros((5, 3))])
