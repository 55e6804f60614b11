"""Autoencoders by the name of their architecture: what they are made of, what they refuse, and that they learn."""

import pytest
import torch
from torch import nn

import seqae
from seqae.architectures import NUM_LAYERS, build_autoencoder
from seqae.autoencoder import LengthPredictor
from seqae.batch import Batch
from seqae.losses import mean_loss, squared_error, token_cross_entropy
from seqae.modules.codes import GaussianCode, L1Code
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.vector_quantization import VectorQuantizedCode

each_architecture = pytest.mark.parametrize("architecture", list(NUM_LAYERS))


def of_readings(architecture: str, channels: int = 2, **settings) -> seqae.Autoencoder:
    torch.manual_seed(0)
    settings = {"hidden_size": 16, "code_size": 6, "embed": MissingValueEmbedding(), **settings}
    return build_autoencoder(architecture, 2 * channels, lambda size: nn.Linear(size, channels), **settings)


def ragged_waves(count: int) -> Batch:
    """Return one channel of waves of any phase, a tenth of the values missing, `(count, time, 1)`."""
    generator = torch.Generator().manual_seed(0)
    rows = []
    for length in torch.randint(8, 17, (count,), generator=generator).tolist():
        phase = 6.3 * torch.rand(1, generator=generator)
        row = (0.4 * torch.arange(length) + phase).sin().unsqueeze(1)
        rows.append(row.masked_fill(torch.rand(length, 1, generator=generator) < 0.1, torch.nan))
    return Batch.of(rows)


def unexplained(model: seqae.Autoencoder, batch: Batch) -> float:
    """Return the squared error of known values over their variance."""
    steps = batch.steps
    error = mean_loss(squared_error(model.eval().reconstruct(batch).steps, steps))
    return (error / steps[~steps.isnan()].var()).item()


def train(model: seqae.Autoencoder, batch: Batch, steps: int) -> None:
    optimizer = torch.optim.AdamW(model.train().parameters(), 0.01)
    for _ in range(steps):
        output = model(batch)
        loss = mean_loss(squared_error(output.prediction.steps, batch.steps)) + output.penalty.mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@each_architecture
def test_each_learns_waves_of_any_phase_in_sixty_steps(architecture):
    model, batch = of_readings(architecture, channels=1), ragged_waves(48)
    assert unexplained(model, batch) > 0.7
    train(model, batch, 60)
    assert unexplained(model, batch) < 0.3


@each_architecture
def test_quantized_codes_learn_and_use_their_codebooks(architecture):
    quantized = VectorQuantizedCode(6, num_entries=16, num_groups=3)
    model, batch = of_readings(architecture, channels=1, bottleneck=quantized), ragged_waves(48)
    train(model, batch, 100)
    assert unexplained(model, batch) < 0.2
    used = [len(column.unique()) for column in quantized.entries(model.encoder(batch)).T]
    assert min(used) > 8


@each_architecture
def test_any_length_and_bottleneck_goes_through(architecture):
    batch = Batch.of([torch.randn(length, 2) for length in (3, 1, 11)])
    for bottleneck in (None, L1Code(0.1), GaussianCode(), VectorQuantizedCode(6, num_groups=2)):
        model = of_readings(architecture, bottleneck=bottleneck, length=LengthPredictor(6, 20)).eval()
        output = model(batch)
        assert output.code.shape == (3, 6)
        assert [row.shape for row in output.prediction.unpad()] == [(3, 2), (1, 2), (11, 2)]
        written = model.decode(output.code)
        assert written.values.isfinite().all() and (written.lengths >= 1).all() and (written.lengths <= 20).all()


@each_architecture
def test_tokens_are_read_and_written(architecture):
    torch.manual_seed(0)
    model = build_autoencoder(
        architecture, 4, lambda size: nn.Linear(size, 9), code_size=6, hidden_size=8, embed=nn.Embedding(9, 4)
    )
    batch = Batch.of([torch.tensor([1, 8, 2]), torch.tensor([5])])
    loss = token_cross_entropy(model(batch).prediction.steps, batch.steps).mean()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@each_architecture
def test_saved_and_loaded_it_writes_the_same(architecture, tmp_path):
    model = of_readings(architecture, bottleneck=VectorQuantizedCode(6, num_groups=2)).eval()
    batch = Batch.of([torch.randn(5, 2), torch.randn(2, 2)])
    again = seqae.load(seqae.save(model, tmp_path / "model")).eval()
    assert torch.equal(again.reconstruct(batch).values, model.reconstruct(batch).values)


def test_layers_are_as_many_as_asked_for():
    networks = {name: of_readings(name, num_layers=3).decoder.network for name in NUM_LAYERS}
    assert networks["lstm"].num_layers == networks["gru"].num_layers == networks["attention"].num_layers == 3
    assert len(networks["conv"].channels) == len(networks["resampled"].channels) == 3


def test_a_large_code_is_made_of_as_many_numbers_at_least():
    model = of_readings("resampled", code_size=300)
    assert model.encoder.to_code.in_features >= 300 and model.decoder.from_code.out_features >= 300


def test_unknown_architectures_and_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"no architecture 'rnn'\. Expected resampled, lstm, gru, conv, attention"):
        of_readings("rnn")
    for size in (2, 30):
        with pytest.raises(ValueError, match=rf"a hidden_size of {size}\. Expected a multiple of 4"):
            of_readings("lstm", hidden_size=size)
