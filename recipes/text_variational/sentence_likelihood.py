"""The likelihood of test sentences under a model, and the information in their codes."""

import numpy as np
import torch

import seqae
from seqae.evaluation import active_units, importance_bound, kl_per_unit


def judge(
    model: seqae.Autoencoder, sentences: seqae.SequenceDataset, seed: int, samples: int = 200
) -> dict[str, float]:
    """Return mean negative log-likelihood of a sentence in nats, perplexity of a word, and measures of the code.

    The likelihood is exact for a language model, whose code is always zero; for a variational autoencoder it is a bound
    by importance sampling (Burda et al. 2015, https://arxiv.org/abs/1509.00519).

    Args:
        model: A language model or a variational autoencoder.
        sentences: The test sentences, `(time,)` tokens each.
        seed: Seed of the samples.
        samples: Codes that are drawn for each sentence.
    """
    torch.manual_seed(seed)
    batches = [seqae.Batch.of(sentences.sequences[at : at + 20]) for at in range(0, len(sentences.sequences), 20)]
    nats = np.concatenate(
        [exact(model, batch) if model.code is None else bound(model, batch, samples) for batch in batches]
    )
    found = {"nats": float(nats.mean()), "perplexity": float(np.exp(nats.sum() / sentences.lengths.sum()))}
    if model.code is None:
        return {**found, "KL divergence": 0.0, "active units": 0}
    divergence = np.concatenate([kl_per_unit(model, batch) for batch in batches]).sum(axis=1)
    active = active_units(seqae.encode(model, sentences.sequences))
    return {**found, "KL divergence": float(divergence.mean()), "active units": active}


def bound(model: seqae.Autoencoder, batch: seqae.Batch, samples: int) -> np.ndarray:
    """Return an upper bound of each sentence's negative log-likelihood in nats, `(batch,)`."""
    return importance_bound(model, batch, samples, seqae.token_cross_entropy, 400)


def exact(model: seqae.Autoencoder, batch: seqae.Batch) -> np.ndarray:
    """Return the negative log-likelihood of each sentence by a language model in nats, `(batch,)`."""
    with seqae.evaluating(model):
        predicted = model(batch, targets=batch).prediction
        errors = batch.with_steps(seqae.token_cross_entropy(predicted.steps, batch.steps))
        return errors.mask_padding().values.sum(dim=1).numpy()
