import torch
from torch import nn

import seqae
from seqae.inference import evaluating
from seqae.modules.encoders import NullEncoder
from seqae.modules.tokens import TiedHead, WordDropout
from seqae.text.vocabulary import UNKNOWN


def language_model(words=7, size=8):
    torch.manual_seed(0)
    embedding = nn.Embedding(words, size)
    decoder = seqae.AutoregressiveDecoder(2, seqae.LSTM(size, size), TiedHead(embedding), embedding)
    return seqae.Autoencoder(NullEncoder(2), decoder)


def test_a_language_model_sees_the_tokens_before_and_no_other():
    model, tokens = language_model(), torch.tensor([[3, 4, 5, 6, 2]])
    later = torch.tensor([[3, 4, 6, 3, 2]])
    first, second = (model(batch, targets=batch).prediction.values for batch in map(seqae.Batch.full, (tokens, later)))
    torch.testing.assert_close(first[:, :3], second[:, :3])  # the third is written after reading two
    assert not torch.allclose(first[:, 3], second[:, 3])


def test_probabilities_of_all_texts_of_a_length_add_up_to_one():
    model = language_model(words=4)
    texts = torch.cartesian_prod(*[torch.arange(4)] * 3)
    with evaluating(model):
        predicted = model(seqae.Batch.full(texts), targets=seqae.Batch.full(texts)).prediction
        nats = seqae.token_cross_entropy(predicted.steps, texts.flatten()).unflatten(0, texts.shape).sum(dim=1)
    torch.testing.assert_close((-nats).exp().sum(), torch.tensor(1.0))


def test_tokens_are_hidden_while_training_only():
    torch.manual_seed(0)
    hide, tokens = WordDropout(0.3), torch.full((10_000,), 5)
    shown = hide(tokens)
    assert set(shown.tolist()) == {5, UNKNOWN}
    assert 0.27 < (shown == UNKNOWN).float().mean() < 0.33
    assert (tokens == 5).all()
    assert torch.equal(hide.eval()(tokens), tokens)


def test_saved_and_loaded_gives_the_same_numbers(tmp_path):
    model = language_model()
    model.decoder.embed = nn.Sequential(WordDropout(0.4, token=1), model.decoder.embed)
    batch = seqae.Batch.of([torch.tensor([3, 4, 2]), torch.tensor([2])])
    seqae.save(model.eval(), tmp_path / "model")
    loaded = seqae.load(tmp_path / "model")
    assert torch.equal(loaded(batch, targets=batch).prediction.steps, model(batch, targets=batch).prediction.steps)
    assert (loaded.decoder.embed[0].p, loaded.decoder.embed[0].token) == (0.4, 1)
