import torch
from torch import nn

import seqae
from seqae.evaluation.posterior_collapse import posterior_collapse_warning


def batches() -> list[seqae.Batch]:
    torch.manual_seed(0)
    return [seqae.Batch.full(torch.randn(16, 1, 2).repeat(1, 10, 1) + 0.1 * torch.randn(16, 10, 2)) for _ in range(3)]


def model(decoder: nn.Module, trained_steps: int) -> seqae.Autoencoder:
    torch.manual_seed(1)
    model = seqae.Autoencoder(seqae.MeanEncoder(2, 4), decoder)
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(trained_steps):
        for batch in batches():
            loss = seqae.squared_error(model(batch, batch).prediction.steps, batch.steps).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model


def test_a_model_that_uses_its_code_raises_no_warning():
    assert (
        posterior_collapse_warning(model(seqae.ConstantDecoder(nn.Linear(4, 2)), 60), batches(), seqae.squared_error)
        is None
    )


def test_a_model_that_predicts_the_mean_is_named():
    head = nn.Linear(4, 2)
    nn.init.zeros_(head.weight), nn.init.zeros_(head.bias)
    warning = posterior_collapse_warning(model(seqae.ConstantDecoder(head), 0), batches(), seqae.squared_error)
    assert "little more than the mean" in warning


class OwnWay(seqae.Decoder):
    """Knows the data by heart: a ramp, whatever the code."""

    def forward(self, code, lengths, targets=None):
        ramp = torch.arange(int(lengths.max()), dtype=code.dtype).reshape(1, -1, 1).expand(len(code), -1, 2)
        return seqae.Batch(ramp + 0 * code.sum(), lengths)


def test_a_model_that_ignores_its_code_is_named():
    ramps = [seqae.Batch.full(torch.arange(10.0).reshape(1, -1, 1).repeat(8, 1, 2) + 0.1 * torch.randn(8, 10, 2))]
    ignoring = seqae.Autoencoder(seqae.MeanEncoder(2, 4), OwnWay())
    assert "ignores its code" in posterior_collapse_warning(ignoring, ramps, seqae.squared_error)
