"""Models become one graph of torch's compiler, forward and loss, and learn the same."""

import copy

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

import seqae
from generators import normal
from seqae.batch import Batch
from seqae.modules.images import ImageEncoder, conv_decoder, conv_encoder
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.positional import PositionalDecoder, PositionalEncoder
from seqae.modules.self_attention import SelfAttention
from seqae.training.compilation import CompiledLoss


def convolutions() -> seqae.Autoencoder:
    encoder = seqae.ConvEncoder(6, 4, (8, 8), embed=MissingValueEmbedding())
    return seqae.Autoencoder(encoder, seqae.ConvDecoder(4, nn.Linear(8, 3), (8, 8)), seqae.L1Code(0.1))


def attention() -> seqae.Autoencoder:
    encoder, decoder = (SelfAttention(8, 8, num_layers=1) for _ in range(2))
    length = seqae.LengthPredictor(4, 12)
    decoder = PositionalDecoder(4, decoder, nn.Linear(8, 3))
    return seqae.Autoencoder(PositionalEncoder(3, encoder, 4), decoder, length=length)


def recurrent() -> seqae.Autoencoder:
    encoder = seqae.RecurrentEncoder(seqae.LSTM(3, 8, bidirectional=True), 4)
    return seqae.Autoencoder(encoder, seqae.RepeatDecoder(seqae.GRU(4, 8), nn.Linear(8, 3)))


def dense_images() -> seqae.Autoencoder:
    encoder = seqae.DenseEncoder(1, 64, 4, embed=nn.Flatten())
    return seqae.Autoencoder(encoder, seqae.DenseDecoder(1, 64, 4, head=nn.Unflatten(1, (1, 8, 8))))


def conv_images() -> seqae.Autoencoder:
    encoder = ImageEncoder(conv_encoder((1, 4, 2)), 2 * 2 * 2)
    return seqae.Autoencoder(encoder, seqae.ConstantDecoder(conv_decoder((2, 4, 1), 8, 8)))


def of(*lengths: int, step: tuple[int, ...] = (3,)) -> Batch:
    return Batch.of(normal(*lengths, step=step))


MODELS = {
    "convolutions": (convolutions, of(9, 9)),
    "convolutions, ragged": (convolutions, of(5, 9, 2)),
    "attention, ragged": (attention, of(5, 9, 2)),
    "recurrent, ragged": (recurrent, of(3, 2)),
    "dense images": (dense_images, of(1, 1, 1, step=(1, 8, 8))),
    "conv images": (conv_images, of(1, 1, 1, step=(1, 8, 8))),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_and_loss_become_one_graph_with_the_same_loss_and_gradients(name):
    make, batch = MODELS[name]
    torch.manual_seed(0)
    known = seqae.Reconstruction(make(), seqae.squared_error)
    ours = copy.deepcopy(known)
    torch._dynamo.reset()
    compiled = CompiledLoss(ours.training_loss, backend="aot_eager", fullgraph=True)
    losses = [compiled(batch, batch), known.training_loss(batch, batch)]
    torch.testing.assert_close(*losses)
    sum(losses).backward()
    for found, expected in zip(ours.parameters(), known.parameters()):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-4, atol=1e-5)


def test_a_few_graphs_are_enough_for_all_lengths():
    torch.manual_seed(0)
    task = seqae.Reconstruction(convolutions(), seqae.squared_error)
    torch._dynamo.reset()
    counted = CompileCounterWithBackend("eager")
    compiled = CompiledLoss(task.training_loss, backend=counted, fullgraph=True)
    for lengths in [(9, 9, 9), (5, 9, 2), (7, 6, 4), (8, 8, 8), (4, 11, 5), (1, 10, 1), (12, 12, 12), (2, 2, 1)]:
        batch = of(*lengths)
        torch.testing.assert_close(compiled(batch, batch), task.training_loss(batch, batch))
    assert counted.frame_count == 4  # even and ragged, of the first sizes and of any


def test_values_that_are_missing_are_so_in_a_compiled_loss():
    torch.manual_seed(0)
    task, batch = seqae.Reconstruction(convolutions(), seqae.squared_error), of(5, 3)
    batch.values[0, 2, 1] = torch.nan
    torch._dynamo.reset()
    loss = CompiledLoss(task.training_loss, backend="eager", fullgraph=True)(batch, batch)
    torch.testing.assert_close(loss, task.training_loss(batch, batch))
    assert loss.isfinite()


def test_a_compiled_loss_stays_when_the_next_one_is_computed():
    torch._dynamo.reset()
    place = torch.zeros(())
    loss = CompiledLoss(lambda step: place.add_(step), backend="eager")
    losses = [loss(1.0), loss(1.0)]
    assert [each.item() for each in losses] == [1, 2]


def test_a_model_that_is_compiled_alone_takes_batches_as_they_come():
    torch.manual_seed(0)
    known = attention()
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(known), backend="eager", fullgraph=True)
    for batch in [of(5, 9, 2), Batch.full(torch.randn(2, 6, 3))]:
        torch.testing.assert_close(compiled(batch).prediction.steps, known(batch).prediction.steps)


def test_lengths_of_ones_own_end_a_graph_but_change_no_result():
    torch.manual_seed(0)
    known = convolutions()
    torch._dynamo.reset()
    compiled = torch.compile(copy.deepcopy(known), backend="eager")
    for lengths in ([5, 2], [4, 1]):  # also more padding than needed
        batch = Batch(torch.randn(2, 5, 3), torch.tensor(lengths))
        torch.testing.assert_close(compiled(batch).prediction.steps, known(batch).prediction.steps)
