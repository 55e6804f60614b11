import pytest
import torch
from torch import nn

import seqae
from generators import normal
from seqae import Batch
from seqae.modules.delay_line import Context, DelayLineDecoder, DelayLineEncoder

SEQUENCES = normal(5, 2, 6, step=(3,))


def test_steps_come_back_exactly_from_their_places():
    encoder, decoder = DelayLineEncoder(20, 3), DelayLineDecoder(20, 3, nn.Identity())
    code = encoder(Batch.of(SEQUENCES))
    assert code.shape == (3, 20)
    for found, sequence in zip(decoder(code, torch.tensor([5, 2, 6])).unpad(), SEQUENCES):
        assert torch.equal(found, sequence)


def test_it_is_the_linear_recurrence_of_a_shift():
    """Read backwards, h = shift(h) + write(step) puts the first step into the first place."""
    (sequence,) = SEQUENCES[:1]
    shift, write = torch.zeros(21, 21), torch.zeros(21, 3)
    shift[torch.arange(21), (torch.arange(21) - 3) % 21] = 1
    write[:3] = torch.eye(3)
    memory = torch.zeros(21)
    for step in sequence.flip(0):
        memory = shift @ memory + write @ step
    torch.testing.assert_close(DelayLineEncoder(21, 3)(Batch.of([sequence]))[0], memory)
    torch.testing.assert_close(shift @ shift.T, torch.eye(21))


def test_a_tokens_context_can_tell_what_it_was():
    """A step that says nothing is told from its neighbours: only the context knows whether it follows 3 or 4."""
    torch.manual_seed(0)
    embedding = nn.Embedding(6, 2)
    context = Context(seqae.GRU(4, 8, bidirectional=True), 2, nn.Embedding(6, 4))
    encoder, decoder = DelayLineEncoder(4, 2, embedding, context), DelayLineDecoder(4, 2, nn.Linear(2, 6))
    model = seqae.Autoencoder(encoder, decoder)
    read, truth = Batch.of([torch.tensor([3, 0]), torch.tensor([4, 0])]), torch.tensor([3, 5, 4, 2])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(200):
        loss = seqae.token_error(model(read).prediction.steps, truth).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(model.reconstruct(read).steps.argmax(dim=1), truth)


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_what_does_not_fit_is_refused(part):
    with pytest.raises(ValueError, match="a sequence of 7 steps; a code of 20 numbers holds 6 of width 3"):
        if part == "encoder":
            DelayLineEncoder(20, 3)(Batch.of([torch.randn(7, 3)]))
        else:
            DelayLineDecoder(20, 3, nn.Identity())(torch.randn(1, 20), torch.tensor([7]))
