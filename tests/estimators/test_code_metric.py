"""What scaling changes in an autoencoder, and what it leaves."""

import copy

import numpy as np
import torch
from torch import nn

import seqae
from seqae.estimators.code_metric import scale_codes
from seqae.modules.codes import L1Code
from seqae.modules.missing import MissingValueEmbedding


def readings(count: int = 40) -> list[torch.Tensor]:
    generator = np.random.default_rng(0)
    return [
        torch.from_numpy(generator.normal(size=(generator.integers(5, 30), 2)).cumsum(axis=0)).float()
        for _ in range(count)
    ]


def autoencoder(**settings) -> seqae.Autoencoder:
    torch.manual_seed(0)
    model = seqae.build_autoencoder(
        "resampled", 4, lambda size: nn.Linear(size, 2), code_size=3, embed=MissingValueEmbedding(), **settings
    ).eval()
    with torch.no_grad():  # a code that is stretched, as training may leave it
        model.encoder.to_code.weight[0] *= 30
    return model


def reconstructions(model: seqae.Autoencoder, sequences: list[torch.Tensor]) -> list[np.ndarray]:
    return [rows.numpy() for rows in seqae.reconstruct(model, sequences)]


def test_reconstructions_and_lengths_stay_as_they_are():
    model, sequences = autoencoder(length=seqae.LengthPredictor(3, 40)), readings()
    scaled = copy.deepcopy(model)
    scale_codes(scaled, sequences)
    with torch.no_grad():
        for rows in sequences:
            batch = seqae.Batch.of([rows])
            torch.testing.assert_close(
                scaled.reconstruct(batch).values, model.reconstruct(batch).values, rtol=1e-4, atol=1e-4
            )
            code, before = scaled.encode(batch), model.encode(batch)
            torch.testing.assert_close(
                scaled.length.loss(code, batch.lengths), model.length.loss(before, batch.lengths), rtol=1e-3, atol=1e-4
            )


def test_near_codes_are_as_far_from_each_other_as_their_reconstructions():
    model, sequences = autoencoder(), readings()
    scale_codes(model, sequences)
    codes = torch.from_numpy(seqae.encode(model, sequences))
    lengths = torch.tensor([len(rows) for rows in sequences])
    steps = torch.randn(30, 1, 3, generator=torch.Generator().manual_seed(0)) * 0.02 * codes.std(dim=0)
    with torch.no_grad():
        before = model.decode(codes, lengths)
        squares = [(model.decode(codes + step, lengths).steps - before.steps).square() for step in steps]
    per_sequence = torch.stack([torch.stack([part.mean() for part in row.split(lengths.tolist())]) for row in squares])
    ratios = per_sequence.mean(dim=1) / steps.square().sum(dim=(1, 2))
    assert 0.7 < ratios.mean() < 1.3
    assert ratios.max() / ratios.min() < 3  # the directions differ by a factor of hundreds before


def test_the_numbers_of_a_code_are_uncorrelated_and_the_first_varies_most():
    model, sequences = autoencoder(), readings()
    scale_codes(model, sequences)
    covariance = np.cov(seqae.encode(model, sequences), rowvar=False)
    variances = np.diag(covariance)
    assert (np.diff(variances) <= 0).all()
    correlations = covariance / np.sqrt(np.outer(variances, variances))
    assert np.abs(correlations - np.eye(3)).max() < 1e-2


def test_a_model_with_a_bottleneck_or_of_another_architecture_stays_as_it_is():
    others = [autoencoder(bottleneck=L1Code(0.1)), seqae.build_autoencoder("conv", 2, lambda size: nn.Linear(size, 2))]
    for model in others:
        before = copy.deepcopy(model.state_dict())
        scale_codes(model, readings(5))
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
