"""Autoencoders as ONNX files: outputs, scalers, missing values, bad values, and what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from seqae.architectures import NUM_LAYERS
from seqae.batch import Batch
from seqae.export import OnnxModel, onnx_file, to_onnx
from seqae.modules.codes import BiHalfCode, BinaryCode, BitFlipCode, GaussianCode, L1Code, TopKCode, ViewInvariantCode
from seqae.modules.images import frame_decoder, frame_encoder
from seqae.modules.positional import AttentionPooling
from seqae.modules.tokens import NearestEmbeddingHead, TiedHead, WordDropout
from seqae.modules.vector_quantization import VectorQuantizedCode
from seqae.transforms import Scaler

runtime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def autoencoder(bottleneck=None, length=None, written: int = 4) -> seqae.Autoencoder:
    torch.manual_seed(0)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, 8), written)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(4, 8), nn.Linear(8, 3)), bottleneck, length).eval()


def run(path, values, lengths, *outputs: str) -> list[np.ndarray]:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    return runtime.InferenceSession(path, options).run(outputs or None, {"sequences": values, "lengths": lengths})


def spoiled(batch: int, time: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return values with NaN as padding, and lengths, of which the largest is below the padded time."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, max(time - 2, 1), batch, endpoint=True)
    values = random.standard_normal((batch, time, 3), np.float32)
    values[np.arange(time) >= lengths[:, None]] = np.nan
    return values, lengths


def close(found: np.ndarray, expected: torch.Tensor) -> None:
    expected = expected.detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("architecture", NUM_LAYERS)
def test_an_autoencoder_of_any_architecture_gives_the_same_in_onnx(architecture, tmp_path):
    torch.manual_seed(0)
    model = seqae.build_autoencoder(
        architecture, 3, lambda size: nn.Linear(size, 3), code_size=5, hidden_size=16
    ).eval()
    path = to_onnx(model, tmp_path / "model.onnx")
    for batch, time in ((5, 23), (1, 2), (130, 7), (2, 411)):
        values, lengths = spoiled(batch, time)
        codes, reconstruction = run(path, values, lengths, "codes", "reconstruction")
        with torch.no_grad():
            code = model.encode(Batch(torch.from_numpy(values), torch.from_numpy(lengths)))
            expected = model.decode(code, torch.from_numpy(lengths)).mask_padding().values
        close(codes, code)
        close(reconstruction[:, : expected.shape[1]], expected)
        assert reconstruction.shape == values.shape and not reconstruction[:, expected.shape[1] :].any()


@pytest.mark.parametrize(
    "bottleneck",
    [
        L1Code(0.1),
        TopKCode(2),
        GaussianCode(),
        BinaryCode(),
        BiHalfCode(),
        BitFlipCode(BiHalfCode(), 0.5),
        ViewInvariantCode(BinaryCode()),
        VectorQuantizedCode(4, num_entries=7, num_groups=2),
    ],
    ids=lambda bottleneck: type(bottleneck).__name__,
)
def test_codes_are_those_that_the_decoder_reads(bottleneck, tmp_path):
    model = autoencoder(bottleneck, written=8 if isinstance(bottleneck, GaussianCode) else 4)
    values, lengths = spoiled(9, 12)
    (codes,) = run(to_onnx(model, tmp_path / "model.onnx"), values, lengths, "codes")
    close(codes, model.encode(Batch(torch.from_numpy(values), torch.from_numpy(lengths))))


def test_lengths_that_a_model_has_learnt_are_an_output(tmp_path):
    model = autoencoder(length=seqae.LengthPredictor(4, 20))
    last = model.length.layers[2]
    with torch.no_grad():  # so that it tells lengths below, within and above what it may tell
        model.encoder.project.weight *= 10
        nn.init.normal_(last.weight, std=2)
        last.bias += 2 - model.length.layers(torch.randn(100, 4)).mean()
    values, lengths = spoiled(60, 12)
    codes, predicted = run(to_onnx(model, tmp_path / "model.onnx"), values, lengths, "codes", "predicted_lengths")
    expected = model.length(torch.from_numpy(codes)).numpy()
    assert predicted.dtype == np.int64 and len(set(expected)) > 5
    np.testing.assert_array_equal(predicted, expected)


def test_pooling_by_attention_and_plain_layers_as_embed(tmp_path):
    torch.manual_seed(0)
    embed = nn.Sequential(
        seqae.MissingValueEmbedding(),
        *(nn.Linear(6, 5), nn.LayerNorm(5), nn.GELU(), nn.Dropout(), nn.Linear(5, 5), nn.ELU()),
        *(nn.Sigmoid(), nn.Linear(5, 5), nn.ReLU(), nn.Tanh(), nn.BatchNorm1d(5), nn.SiLU(), nn.LeakyReLU(0.2)),
    )
    encoder = seqae.RecurrentEncoder(seqae.GRU(5, 8), 4, embed, AttentionPooling(8)).eval()
    values, lengths = spoiled(9, 12)
    values[0, 0, 1] = np.nan  # a missing value
    (codes,) = run(to_onnx(encoder, tmp_path / "model.onnx"), values, lengths)
    close(codes, encoder(Batch(torch.from_numpy(values), torch.from_numpy(lengths))))


def scaler() -> Scaler:
    rows = np.random.default_rng(0).standard_normal((200, 3)) * [1e3, 1e-3, 1] + [1e5, 0, 5]
    rows[:, 2] = 7.123
    return Scaler().fit([rows])


def test_a_scaler_is_a_part_of_the_file(tmp_path):
    torch.manual_seed(0)
    embed = seqae.MissingValueEmbedding()
    model = seqae.build_autoencoder("lstm", 6, lambda size: nn.Linear(size, 3), hidden_size=16, embed=embed).eval()
    scale = scaler()
    path = to_onnx(model, tmp_path / "model.onnx", scaler=scale)
    values, lengths = spoiled(9, 12)
    values = (values * scale.scale_ + scale.mean_).astype(np.float32)
    values[0, 0] = [np.nan, 1e30, np.float32(7.123)]  # missing, clipped, and a constant that is rounded
    codes, reconstruction = run(path, values, lengths, "codes", "reconstruction")
    for row, (sequence, length) in enumerate(zip(values, lengths)):
        scaled = torch.from_numpy(scale.transform(sequence[:length]))
        code = model.encode(Batch.of([scaled]))
        close(codes[row : row + 1], code)
        written = model.decode(code, torch.tensor([length])).values[0].detach()
        expected = scale.inverse_transform(written.double().numpy())
        assert (np.abs(reconstruction[row, :length] - expected) <= 2e-6 * scale.scale_ + 1e-7 * np.abs(expected)).all()
    assert not reconstruction[np.arange(12) >= lengths[:, None]].any()


def test_one_mean_and_one_scale_serve_steps_of_any_shape(tmp_path):
    torch.manual_seed(0)
    size = (1, 8, 6)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(5, 8), 4, frame_encoder(size, (4,), 5))
    model = seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(4, 8), frame_decoder(8, (4,), size))).eval()
    scale = Scaler()
    scale.mean_, scale.scale_, scale.is_constant_ = np.float64(90), np.float64(40), np.bool_(False)
    path = to_onnx(model, tmp_path / "model.onnx", scaler=scale, step_shape=size)
    frames, lengths = np.random.default_rng(0).integers(0, 255, (2, 4, *size)).astype(np.float32), np.array([4, 2])
    codes, reconstruction = run(path, frames, lengths, "codes", "reconstruction")
    with torch.no_grad():
        code = model.encode(Batch(torch.from_numpy((frames - 90) / 40), torch.from_numpy(lengths)))
        close(codes, code)
        expected = 90 + 40 * model.decode(code, torch.from_numpy(lengths)).values.numpy()
    np.testing.assert_allclose(reconstruction[0], expected[0], rtol=0, atol=1e-4)
    assert not reconstruction[1, 2:].any()


@pytest.mark.parametrize("head", [TiedHead, NearestEmbeddingHead])
def test_logits_of_tokens(head, tmp_path):
    torch.manual_seed(0)
    embedding = nn.Embedding(10, 8)
    encoder = seqae.RecurrentEncoder(seqae.LSTM(8, 8), 4, nn.Sequential(WordDropout(0.5), embedding))
    model = seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(4, 8), head(embedding))).eval()
    tokens, lengths = np.array([[3, 9, 1], [7, -1, -1]]), np.array([3, 1])
    (logits,) = run(to_onnx(model, tmp_path / "model.onnx"), tokens, lengths, "reconstruction")
    close(logits, model.reconstruct(Batch(torch.from_numpy(tokens), torch.from_numpy(lengths))).mask_padding().values)


def test_values_that_are_not_finite_give_nan_and_not_numbers(tmp_path):
    path = to_onnx(autoencoder(), tmp_path / "model.onnx")
    for bad in (np.nan, np.inf):
        values, lengths = spoiled(3, 12)
        values[1, 0, 2] = bad
        codes, reconstruction = run(path, values, lengths, "codes", "reconstruction")
        assert np.isnan(codes).all(axis=1).tolist() == [False, True, False]
        assert np.isnan(reconstruction).any(axis=(1, 2)).tolist() == [False, True, False]
        assert not np.isnan(reconstruction[1, lengths[1] :]).any()


@pytest.mark.parametrize("lengths", [[12, 0, 3], [12, -1, 3], [12, 13, 3], [12], [12, 3]])
def test_lengths_that_can_not_be_are_an_error_at_run_time(lengths, tmp_path):
    path = to_onnx(seqae.MeanEncoder(3, 4), tmp_path / "model.onnx")
    values = np.zeros((3, 12, 3), np.float32)
    assert run(path, values, np.array([12, 1, 3]))[0].shape == (3, 4)
    with pytest.raises(Exception, match=r"lengths_are_from_1_to_time|Reshape"):
        run(path, values, np.array(lengths))


def test_tokens_that_can_not_be_are_an_error_at_run_time_unless_they_are_padding(tmp_path):
    encoder = seqae.RecurrentEncoder(seqae.LSTM(4, 8), 4, nn.Embedding(10, 4)).eval()
    path = to_onnx(encoder, tmp_path / "model.onnx")
    tokens = np.array([[3, 9, -5], [1, 2, 4]])
    (codes,) = run(path, tokens, np.array([2, 3]))
    close(codes, encoder(Batch(torch.from_numpy(tokens), torch.tensor([2, 3]))))
    for bad in (-1, 10):
        with pytest.raises(Exception, match="out of data bounds"):
            run(path, np.array([[bad, 9, 3]]), np.array([2]))


def test_codes_alone_leave_the_decoder_out(tmp_path):
    model = autoencoder(L1Code(0.1))
    whole, part = to_onnx(model, tmp_path / "whole.onnx"), to_onnx(model, tmp_path / "part.onnx", codes_only=True)
    assert part.stat().st_size < 0.7 * whole.stat().st_size
    values, lengths = spoiled(4, 6)
    assert [each.name for each in runtime.InferenceSession(part).get_outputs()] == ["codes"]
    np.testing.assert_array_equal(run(part, values, lengths, "codes"), run(whole, values, lengths, "codes"))


def test_the_model_stays_as_it_is_and_files_of_equal_models_are_equal(tmp_path):
    model = autoencoder().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    first, second = (to_onnx(model, tmp_path / f"{name}.onnx").read_bytes() for name in "ab")
    assert first == second
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_graph_is_readable(tmp_path):
    written = onnx.load(to_onnx(autoencoder(), tmp_path / "model.onnx"))
    assert written.opset_import[0].version == 17 and written.ir_version == 8
    assert {each.name for each in written.graph.initializer} > {"encoder.project.weight", "decoder.head.bias"}
    about = {entry.key: entry.value for entry in written.metadata_props}
    assert about == {"seqae": seqae.__version__, "model": "Autoencoder", "sha256": about["sha256"]}


class Doubled(nn.Linear):
    """Computes something else than its base class."""

    def forward(self, values):
        return 2 * super().forward(values)


REFUSED = [
    (
        seqae.RecurrentEncoder(seqae.LSTM(4, 8), 4, nn.Sequential(nn.Linear(3, 4), nn.Softmin(1))),
        {},
        "Softmin has no ONNX form (embed.1). Replace it, or keep the model in torch (torch.export takes a "
        "seqae.export.TensorEncoder)",
    ),
    (
        seqae.Autoencoder(seqae.MeanEncoder(3, 4), seqae.RepeatDecoder(seqae.LSTM(4, 8), Doubled(8, 3))),
        {},
        "Doubled has no ONNX form (decoder.head). Replace it, or keep the model in torch (torch.export takes a "
        "seqae.export.TensorEncoder)",
    ),
    (
        seqae.ConvEncoder(3, 4, pool=lambda batch: batch.values[:, 0]),
        {},
        "<lambda> has no ONNX form (pool). Replace it, or keep the model in torch (torch.export takes a "
        "seqae.export.TensorEncoder)",
    ),
    (nn.Linear(3, 4), {}, "a Linear has no ONNX form. Expected an Encoder, a Decoder or an Autoencoder"),
    (
        seqae.MeanEncoder(3, 4).double(),
        {},
        "weights of torch.float64; an ONNX file holds float32. Convert the model: model.float()",
    ),
    (
        seqae.MeanEncoder(8, 4, nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten())),
        {},
        "the shape of a step can't be told from a Conv2d. Give step_shape, for example step_shape=(1, 28, 28)",
    ),
    (
        seqae.MeanEncoder(3, 4),
        {"step_shape": (4,)},
        "step_shape (4,) for layers that read steps of (3,). Leave it out",
    ),
    (
        seqae.MeanEncoder(4, 4),
        {"scaler": scaler()},
        "a scaler of 3 channels for a model that reads steps of shape (4,). Give none, or its own",
    ),
    (
        seqae.MeanEncoder(4, 4, nn.Embedding(9, 4)),
        {"scaler": scaler()},
        "a scaler of 3 channels for a model that reads tokens. Give none, or its own",
    ),
    (
        seqae.Autoencoder(seqae.MeanEncoder(3, 4), seqae.ConstantDecoder(nn.Linear(4, 6))),
        {"scaler": scaler()},
        "a scaler of 3 channels for predictions of 6 values. Give none, or a head that writes a value for each channel",
    ),
    (
        seqae.MeanEncoder(3, 4),
        {"scaler": Scaler()},
        "a scaler that is not fitted. Fit it to the data that the model was trained on",
    ),
]


@pytest.mark.parametrize(("model", "settings", "message"), REFUSED, ids=[text[:30] for _, _, text in REFUSED])
def test_what_can_not_be_exported_is_refused_in_one_line(model, settings, message, tmp_path):
    with pytest.raises(ValueError) as caught:
        to_onnx(model, tmp_path / "model.onnx", **settings)
    assert str(caught.value) == message
    assert list(tmp_path.iterdir()) == []


def test_a_shape_that_does_not_fit_is_refused(tmp_path):
    encoder = seqae.MeanEncoder(8, 4, nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()))
    with pytest.raises(
        ValueError, match=r"can't read sequences of shape \(1, 1, 1, 9, 9\), .* Give the step_shape"
    ) as caught:
        to_onnx(encoder, tmp_path / "model.onnx", step_shape=(1, 9, 9))
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named_with_the_extra_that_installs_it(module, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(seqae.MissingExtra, match=rf"needs {module} .*pip install 'seqae\[onnx\]'"):
        to_onnx(seqae.MeanEncoder(3, 4), tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_bad_paths_are_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "Reference", None)  # calling it would fail
    encoder = seqae.MeanEncoder(3, 4)
    with pytest.raises(ValueError, match=r"model\.pt does not end in \.onnx\. Give the name of an ONNX file"):
        to_onnx(encoder, tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match=r"no folder .*absent for model\.onnx\. Create it"):
        to_onnx(encoder, tmp_path / "absent" / "model.onnx")
    with pytest.raises(ValueError, match="is an address"):
        to_onnx(encoder, "s3://models/model.onnx")


def test_an_old_file_stays_where_a_model_is_refused(tmp_path):
    path = to_onnx(seqae.MeanEncoder(3, 4), tmp_path / "model.onnx")
    before = path.read_bytes()
    bad = seqae.MeanEncoder(3, 4)
    nn.init.constant_(bad.project.weight, torch.nan)
    with pytest.raises(ValueError, match="the model's codes are not finite"):
        to_onnx(bad, path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    assert OnnxModel(path).encode([np.zeros((2, 3))]).shape == (1, 4)
