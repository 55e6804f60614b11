"""Models that have learnt nothing or do not use their code are named; those that are well are not."""

import pytest
import torch
from torch import nn

import seqae
from seqae.evaluation import collapse_warnings
from seqae.modules.encoders import NullEncoder


def batches(values: int = 2) -> list[seqae.Batch]:
    torch.manual_seed(0)
    return [
        seqae.Batch.full(torch.randn(16, 1, values).repeat(1, 10, 1) + 0.1 * torch.randn(16, 10, values))
        for _ in range(3)
    ]


def trained(model: seqae.Autoencoder, steps: int = 60, loss=seqae.squared_error, data=batches) -> seqae.Autoencoder:
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(steps):
        for batch in data():
            output = model(batch, batch)
            optimizer.zero_grad()
            (loss(output.prediction.steps, batch.steps).mean() + output.penalty.mean()).backward()
            optimizer.step()
    return model


def model(values: int = 2, head: int = 2, code: seqae.Bottleneck | None = None, units: int = 4) -> seqae.Autoencoder:
    torch.manual_seed(1)
    size = units // 2 if isinstance(code, seqae.GaussianCode) else units
    return seqae.Autoencoder(seqae.MeanEncoder(values, units), seqae.ConstantDecoder(nn.Linear(size, head)), code)


def unit_interval() -> list[seqae.Batch]:
    return [batch.map(torch.sigmoid) for batch in batches()]


@pytest.mark.parametrize(
    ("loss", "head", "data"),
    [
        (seqae.squared_error, 2, batches),
        (seqae.absolute_error, 2, batches),
        (seqae.gaussian_nll, 4, batches),
        (seqae.binary_cross_entropy, 2, unit_interval),
    ],
    ids=["squared", "absolute", "normal", "binary"],
)
def test_a_model_that_uses_its_code_raises_no_warning_and_an_untrained_one_does(loss, head, data):
    assert collapse_warnings(trained(model(head=head), 60, loss, data), data(), loss) == []
    untrained = model(head=head)
    nn.init.zeros_(untrained.decoder.head.weight), nn.init.zeros_(untrained.decoder.head.bias)
    (warning, *_) = collapse_warnings(untrained, data(), loss)
    assert "little more than the mean" in warning and "Train longer" in warning


def test_the_mean_is_that_of_all_batches():
    # Sequences that do not change, one in a batch: the mean of each batch would be without error.
    levels = [seqae.Batch.full(torch.full((1, 5, 1), float(level))) for level in range(20)]
    good = trained(model(1, 1), 150, data=lambda: levels)
    assert collapse_warnings(good, levels, seqae.squared_error) == []


class OwnWay(seqae.Decoder):
    """Knows the data by heart: a ramp, whatever the code."""

    def forward(self, code, lengths, targets=None):
        ramp = torch.arange(int(lengths.max()), dtype=code.dtype).reshape(1, -1, 1).expand(len(code), -1, 2)
        return seqae.Batch(ramp + 0 * code.sum(), lengths)


def ramps() -> list[seqae.Batch]:
    torch.manual_seed(0)
    return [seqae.Batch.full(torch.arange(10.0).reshape(1, -1, 1).repeat(8, 1, 2) + 0.1 * torch.randn(8, 10, 2))]


def test_a_model_that_ignores_its_code_is_named():
    ignoring = seqae.Autoencoder(seqae.MeanEncoder(2, 4), OwnWay())
    (warning,) = collapse_warnings(ignoring, ramps(), seqae.squared_error)
    assert "ignores its code" in warning and "other sequences" in warning


def test_a_code_that_is_the_prior_is_named():
    collapsed = seqae.Autoencoder(seqae.MeanEncoder(2, 4), OwnWay(), seqae.GaussianCode())
    for parameter in collapsed.encoder.parameters():
        nn.init.zeros_(parameter)
    (warning,) = collapse_warnings(collapsed, ramps(), seqae.squared_error)
    assert "ignores its code" in warning and "0 nats" in warning and "LinearAnnealing" in warning
    used = trained(model(code=seqae.GaussianCode(0.001)))
    assert collapse_warnings(used, batches(), seqae.squared_error) == []


class FirstUnits(nn.Module):
    """Sets the units of a code beyond the first ones to a constant."""

    def __init__(self, encoder: seqae.Encoder, count: int):
        super().__init__()
        self.encoder, self.count, self.code_size = encoder, count, encoder.code_size

    def forward(self, batch: seqae.Batch) -> torch.Tensor:
        code = self.encoder(batch)
        return torch.cat([code[:, : self.count], torch.full_like(code[:, self.count :], 0.7)], dim=1)


def test_dead_units_are_counted():
    partly = model()
    partly.encoder = FirstUnits(partly.encoder, 3)
    (warning,) = collapse_warnings(trained(partly), batches(), seqae.squared_error)
    assert warning.startswith("1 of the 4 units of the code are dead") and "smaller code" in warning


def test_few_sequences_do_not_tell_of_dead_units():
    partly = model()
    partly.encoder = FirstUnits(partly.encoder, 3)
    few = [seqae.Batch(batches()[0].values[:8], batches()[0].lengths[:8])]
    assert collapse_warnings(trained(partly), few, seqae.squared_error) == []
    sparse = trained(model(code=seqae.TopKCode(1), units=24))
    assert not any("dead" in each for each in collapse_warnings(sparse, batches(), seqae.squared_error))


def test_a_language_model_is_not_blamed_for_its_code():
    language = seqae.Autoencoder(NullEncoder(), OwnWay())
    assert collapse_warnings(language, ramps(), seqae.squared_error) == []


def test_without_batches_nothing_is_said():
    assert collapse_warnings(model(), [], seqae.squared_error) == []
