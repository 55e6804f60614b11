"""Training with a compiled model learns the same; what can't be compiled is refused."""

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

import seqae
import seqae.training
from generators import normal
from seqae.transforms.corruptions import GaussianNoise

compile_by_torch = torch.compile


@pytest.fixture
def counted(monkeypatch):
    """Counts the graphs that `fit` compiles, for which a C++ compiler would take long."""
    counted = CompileCounterWithBackend("eager")
    counted.modes = []

    def compile_quickly(function, mode):
        counted.modes.append(mode)
        return compile_by_torch(function, backend=counted, fullgraph=True)

    torch._dynamo.reset()
    monkeypatch.setattr(torch, "compile", compile_quickly)
    return counted


def task(kind: str) -> seqae.training.Task:
    torch.manual_seed(0)
    if kind == "elbo":
        model = seqae.Autoencoder(
            seqae.ConvEncoder(3, 8, (8,)), seqae.ConvDecoder(4, nn.Linear(8, 3), (8,)), seqae.GaussianCode()
        )
        annealing = seqae.training.LinearAnnealing(until=0.5)
        return seqae.ELBO(model, lambda found, steps: (found - steps).square().sum(dim=1), annealing)
    model = seqae.Autoencoder(seqae.ConvEncoder(3, 4, (8,)), seqae.ConvDecoder(4, nn.Linear(8, 3), (8,)))
    return seqae.Reconstruction(model, seqae.squared_error, GaussianNoise(0.1))


@pytest.mark.parametrize("kind", ["reconstruction", "elbo"])
def test_a_compiled_model_learns_the_same(counted, kind):
    sequences = normal(*[4 + number % 3 for number in range(24)], step=(3,))
    histories = []
    for mode in (None, "reduce-overhead"):
        loader = seqae.make_loader(seqae.SequenceDataset(sequences), batch_size=8, seed=0)
        torch.manual_seed(0)
        fitted = task(kind)
        histories.append(seqae.fit(fitted, loader, sequences, epochs=3, progress=False, compile_mode=mode))
        assert "training_loss" not in vars(fitted)
    assert histories[0].train == pytest.approx(histories[1].train, rel=1e-5)
    assert histories[0].valid == pytest.approx(histories[1].valid, rel=1e-5)
    assert counted.modes == ["reduce-overhead"] and 1 <= counted.frame_count <= 4


def test_batches_with_labels_are_compiled_too(counted):
    sequences = normal(*[4 + number % 3 for number in range(16)], step=(3,))
    labelled = seqae.LabelledDataset(seqae.SequenceDataset(sequences), torch.arange(16).numpy() % 2)
    classification = seqae.Classification(seqae.ConvEncoder(3, 4, (8,)), nn.Linear(4, 2))
    history = seqae.fit(classification, labelled, epochs=2, progress=False, compile_mode="default")
    assert history.train[1] < history.train[0] and counted.frame_count


def test_a_task_without_a_loss_of_its_own_is_refused():
    iwae = seqae.training.IWAE(task("elbo").model, seqae.squared_error, 2, torch.optim.Adam, lambda done: 1.0)
    with pytest.raises(TypeError, match=r"^IWAE can't be compiled, .* Give compile_mode=None"):
        seqae.fit(iwae, normal(4, 5, step=(3,)), progress=False, compile_mode="default")
