import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.tokens import Argmax, NearestEmbeddingHead, TiedHead, WordDropout
from seqae.text.vocabulary import UNKNOWN


def test_the_nearest_tokens_are_the_likeliest():
    embedding = nn.Embedding(50, 4)
    head, vectors = NearestEmbeddingHead(embedding), torch.randn(200, 4)
    nearest = torch.cdist(vectors, embedding.weight).argmin(dim=1)
    assert torch.equal(Argmax()(head(vectors)), nearest)
    assert torch.equal(head(embedding.weight).argmax(dim=1), torch.arange(50))


def test_differences_of_nearest_logits_are_those_of_halved_squared_distances():
    embedding = nn.Embedding(9, 4)
    vectors = torch.randn(5, 4)
    expected = -0.5 * torch.cdist(vectors, embedding.weight).square()
    found = NearestEmbeddingHead(embedding)(vectors)
    torch.testing.assert_close(found - found[:, :1], expected - expected[:, :1], rtol=1e-4, atol=1e-4)


def model():
    embedding = nn.Embedding(12, 6)
    decoder = seqae.AutoregressiveDecoder(5, seqae.LSTM(6, 8), TiedHead(embedding, 8), embedding, Argmax())
    return seqae.Autoencoder(seqae.RecurrentEncoder(seqae.LSTM(6, 8), 5, embedding), decoder)


def test_tied_weights_are_counted_and_saved_once_and_still_tied_after_loading(tmp_path):
    tied = model()
    loaded = seqae.load(seqae.save(tied, tmp_path / "tied"))
    assert loaded.decoder.head.embedding is loaded.encoder.embed is loaded.decoder.embed
    assert sum(p.numel() for p in loaded.parameters()) == sum(p.numel() for p in tied.parameters())
    batch = Batch.of([torch.tensor([3, 4, 2]), torch.tensor([5, 2])])
    torch.testing.assert_close(loaded.reconstruct(batch).steps, tied.eval().reconstruct(batch).steps)


def test_logits_of_some_tokens_are_the_same_as_among_those_of_all():
    head, vectors, some = TiedHead(nn.Embedding(12, 6), 8), torch.randn(5, 8), torch.tensor([7, 0, 3])
    torch.testing.assert_close(head.logits_for(vectors, some), head(vectors)[:, some])


def test_tied_logits_are_products_with_the_embedding():
    embedding = nn.Embedding(7, 3)
    vectors = torch.randn(4, 3)
    torch.testing.assert_close(TiedHead(embedding)(vectors), vectors @ embedding.weight.T)


def test_tokens_are_copied_through_a_tied_model_after_a_little_training():
    torch.manual_seed(0)
    tied, batch = model(), Batch.of([torch.tensor([3, 4, 2]), torch.tensor([5, 6, 7, 2])])
    optimizer = torch.optim.Adam(tied.parameters(), lr=0.03)
    for _ in range(150):
        loss = seqae.token_cross_entropy(tied(batch, targets=batch).prediction.steps, batch.steps).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(tied.reconstruct(batch).steps.argmax(dim=1), batch.steps)


def test_what_is_never_written_is_never_chosen():
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0], [0.0, 0.0, 5.0, 1.0]])
    assert Argmax(suppress=(0, 2))(logits).tolist() == [1, 3]
    assert Argmax()(logits).tolist() == [0, 2]


def test_words_are_dropped_while_training_only():
    torch.manual_seed(0)
    drop, tokens = WordDropout(0.3), torch.full((10_000,), 5)
    read = drop(tokens)
    assert set(read.tolist()) == {5, UNKNOWN}
    assert 0.27 < (read == UNKNOWN).float().mean() < 0.33
    assert (tokens == 5).all()
    assert torch.equal(drop.eval()(tokens), tokens)


def test_word_dropout_is_saved_and_loaded(tmp_path):
    dropped = model()
    dropped.decoder.embed = nn.Sequential(WordDropout(0.4, token=1), dropped.decoder.embed)
    batch = Batch.of([torch.tensor([3, 4, 2]), torch.tensor([2])])
    loaded = seqae.load(seqae.save(dropped.eval(), tmp_path / "model"))
    assert torch.equal(loaded(batch, targets=batch).prediction.steps, dropped(batch, targets=batch).prediction.steps)
    assert (loaded.decoder.embed[0].p, loaded.decoder.embed[0].token) == (0.4, 1)
