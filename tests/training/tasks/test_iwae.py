import torch

import seqae
from seqae.datasets.loader import make_loader
from seqae.datasets.sequences import SequenceDataset
from seqae.evaluation.likelihood import importance_bound
from seqae.modules.codes import GaussianCode
from seqae.training.optimizers import cosine_with_warmup
from seqae.training.tasks.iwae import IWAE


def test_training_lowers_the_bound_and_the_loss_is_the_bound():
    torch.manual_seed(0)
    patterns = (torch.rand(4, 1, 6) < 0.5).float()
    source = SequenceDataset(list(patterns.repeat(40, 1, 1)))
    model = seqae.Autoencoder(seqae.DenseEncoder(1, 6, 4, (16,)), seqae.DenseDecoder(1, 6, 2, (16,)), GaussianCode())
    batch = seqae.Batch.full(patterns)
    before = importance_bound(model, batch, 500).mean()
    task = IWAE(
        model,
        seqae.binary_cross_entropy,
        5,
        lambda model: torch.optim.Adam(model.parameters(), 0.02),
        cosine_with_warmup,
    )
    history = seqae.fit(task, make_loader(source, 40), epochs=40, progress=False)
    after = importance_bound(model, batch, 500).mean()
    assert after < 0.6 * before  # four patterns that are as likely are log 4 = 1.4 nats
    assert abs(history.train[-1] - after) < 0.5
