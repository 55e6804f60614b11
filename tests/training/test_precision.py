"""Every precision trains: readings are converted, tokens, lengths and labels stay whole numbers."""

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.plugins import DoublePrecision, HalfPrecision, MixedPrecision
from torch import nn

import seqae
from generators import waves
from seqae.datasets import LabelledBatch, MaskedBatch, PairBatch, TreeBatch
from seqae.modules.trees import balanced
from seqae.training import BagOfWordsBatch, runtime

CONVERTED = {"bf16-true": torch.bfloat16, "16-true": torch.float16, "64-true": torch.float64}


@pytest.fixture(autouse=True)
def has_bfloat16(monkeypatch):
    """As on a processor with instructions for bfloat16; this one may be slow at it."""
    monkeypatch.setattr(runtime, "_has_bfloat16", lambda: True)


def readings() -> seqae.Batch:
    return seqae.Batch.of([torch.rand(3, 2), torch.rand(1, 2)])


def tokens() -> seqae.Batch:
    return seqae.Batch.of([torch.tensor([1, 2, 3]), torch.tensor([4])])


BATCHES = {
    "readings": readings,
    "tokens": tokens,
    "labelled": lambda: LabelledBatch(readings(), torch.tensor([0, 1])),
    "pairs": lambda: PairBatch(readings(), tokens()),
    "masked": lambda: MaskedBatch.of([(torch.rand(1, 4, 5), torch.zeros(4, 5, dtype=torch.int64), 0)]),
    "trees": lambda: TreeBatch(readings(), torch.zeros(6, dtype=torch.int64), (balanced(3), balanced(1))),
    "bags": lambda: BagOfWordsBatch(tokens(), torch.tensor([1, 2]), torch.tensor([0, 1])),
}


def tensors_in(batch) -> list[torch.Tensor]:
    found = []
    for value in vars(batch).values():
        found += [value] if isinstance(value, torch.Tensor) else tensors_in(value) if hasattr(value, "lengths") else []
    return found


@pytest.mark.parametrize("plugin", [HalfPrecision("bf16-true"), DoublePrecision()], ids=["bf16", "64"])
@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_is_converted_as_a_copy(name, plugin):
    batch = BATCHES[name]()
    before, types = tensors_in(batch), [tensor.dtype for tensor in tensors_in(batch)]
    converted = plugin.convert_input(batch)
    assert type(converted) is type(batch) and len(converted) == len(batch)
    wanted = CONVERTED[plugin.precision]
    for tensor, kind in zip(tensors_in(converted), types, strict=True):
        assert tensor.dtype == (wanted if kind.is_floating_point else kind)
    assert all(one is other for one, other in zip(tensors_in(batch), before, strict=True))
    assert [tensor.dtype for tensor in tensors_in(batch)] == types
    assert torch.equal(converted.lengths, batch.lengths)
    if name == "trees":
        assert [tree.merges.tolist() for tree in converted.trees] == [tree.merges.tolist() for tree in batch.trees]


def models() -> dict[str, seqae.Autoencoder]:
    torch.manual_seed(0)
    recurrent = seqae.RecurrentEncoder
    return {
        "lstm": seqae.Autoencoder(
            recurrent(seqae.LSTM(1, 8), 4), seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, 1))
        ),
        "gru": seqae.Autoencoder(
            recurrent(seqae.GRU(1, 8, bidirectional=True), 4), seqae.RepeatDecoder(seqae.GRU(4, 8), nn.Linear(8, 1))
        ),
        "autoregressive": seqae.Autoencoder(
            recurrent(seqae.LSTM(1, 8), 4), seqae.AutoregressiveDecoder(4, seqae.LSTM(1, 8), nn.Linear(8, 1))
        ),
        "convolutional": seqae.Autoencoder(
            seqae.ConvEncoder(1, 4, channels=(8, 8)), seqae.ConvDecoder(4, nn.Linear(8, 1), channels=(8, 8))
        ),
        "variational": seqae.Autoencoder(
            recurrent(seqae.GRU(1, 8), 8),
            seqae.RepeatDecoder(seqae.LSTM(4, 8), nn.Linear(8, 1)),
            seqae.GaussianCode(0.01),
        ),
    }


def fit(model: seqae.Autoencoder, **settings) -> seqae.History:
    task = seqae.Reconstruction(model, seqae.squared_error, learning_rate=0.01)
    loader, held_out = seqae.make_loader(waves(), 8), seqae.make_loader(waves(), 16, shuffle=False)
    return seqae.fit(task, loader, held_out, epochs=2, progress=False, accelerator="cpu", **settings)


@pytest.mark.filterwarnings("ignore::seqae.training.TrainingWarning")
@pytest.mark.parametrize("name", models())
@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_a_model_is_trained_and_its_weights_stay_float32(name, precision):
    expected, model = fit(models()[name]).valid, models()[name]
    seen = []
    model.decoder.register_forward_hook(lambda module, given, output: seen.append(output.values.dtype))
    torch.manual_seed(1)
    history = fit(model, precision=precision)
    assert history.valid == pytest.approx(expected, abs=2e-2 if "bf16" in precision else 3e-3)
    if precision in CONVERTED:
        assert CONVERTED[precision] in seen
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert np.isfinite(seqae.encode(model, waves().sequences[:3])).all()


def test_float16_with_scaled_gradients_leaves_out_what_overflows():
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)  # far too much for float16
    plugin = MixedPrecision("16-mixed", "cpu", scaler)
    history = fit(models()["gru"], plugins=[plugin])
    assert np.isfinite(history.train).all() and scaler.get_scale() < 2.0**40


def test_weights_that_were_float64_stay_so():
    model = models()["gru"].double()
    fit(model, precision="64-true")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}


def test_a_trainer_of_ones_own_takes_any_precision():
    task = seqae.Reconstruction(models()["lstm"], seqae.squared_error)
    loader = seqae.make_loader(waves(), 8)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
    for precision in ("bf16-mixed", "bf16-true", "64-true"):
        trainer = lightning.Trainer(
            max_epochs=1,
            precision=precision,
            gradient_clip_val=1.0,
            accelerator="cpu",
            enable_model_summary=False,
            **quiet,
        )
        trainer.fit(task, loader, loader)
        assert torch.isfinite(trainer.callback_metrics["val_loss"])
