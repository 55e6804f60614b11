"""The sentence VAE: it begins as a language model, whose likelihood is exact."""

import pytest
import torch
from torch import nn

import seqae
from seqae.cli.recipes import load_script, scripts
from seqae.modules import NullEncoder

RECIPE = load_script(scripts()["text_variational"])
SENTENCES = [torch.tensor([5, 3, 2]), torch.tensor([4, 2]), torch.tensor([2]), torch.tensor([3, 3, 4, 5, 2])]


@pytest.fixture
def parts() -> tuple[nn.Embedding, seqae.AutoregressiveDecoder]:
    torch.manual_seed(0)
    embedding = nn.Embedding(6, 8)
    return embedding, RECIPE.build_decoder(embedding, 3, 0.2, 0.3)


def test_the_encoder_begins_with_the_states_of_the_language_model(parts):
    embedding, decoder = parts
    encoder = RECIPE.build_encoder(embedding, decoder, 0.7)
    words = seqae.Batch.of(SENTENCES).map(embedding)
    beside_zeros = words.map(lambda steps: torch.cat([steps, steps.new_zeros(len(steps), 3)], dim=1))
    torch.testing.assert_close(encoder.encoder.rnn(words).steps, decoder.rnn(beside_zeros).steps)


def test_the_likelihood_of_a_language_model_is_the_product_of_its_words(parts):
    model = seqae.Autoencoder(NullEncoder(3), parts[1])
    found = RECIPE.judge(model, seqae.SequenceDataset(SENTENCES), seed=0)
    total = 0.0
    with seqae.evaluating(model):
        for sentence in SENTENCES:
            batch = seqae.Batch.of([sentence])
            logits = model(batch, targets=batch).prediction.values[0]
            total -= float(sum(logits[at].log_softmax(dim=0)[word] for at, word in enumerate(sentence)))
    assert found["nats"] == pytest.approx(total / 4, rel=1e-5)
    assert found["perplexity"] == pytest.approx(torch.tensor(total / 11).exp().item(), rel=1e-5)
    assert (found["KL divergence"], found["active units"]) == (0, 0)


def test_a_code_that_the_decoder_ignores_leaves_the_bound_at_the_language_model(parts):
    embedding, decoder = parts
    encoder = RECIPE.build_encoder(embedding, decoder, 0.7)
    with torch.no_grad():
        for name, weight in decoder.rnn.named_parameters():
            if "weight_ih" in name:
                weight[:, 8:] = 0
        decoder.code_to_state.weight.zero_()
        decoder.head[1].project.weight[:, 8:] = 0
    exact = RECIPE.judge(seqae.Autoencoder(NullEncoder(3), decoder), seqae.SequenceDataset(SENTENCES), seed=0)
    model = seqae.Autoencoder(encoder, decoder, seqae.GaussianCode())
    bound = RECIPE.judge(model, seqae.SequenceDataset(SENTENCES), seed=0, samples=3000)
    assert bound["nats"] == pytest.approx(exact["nats"], abs=0.2)
