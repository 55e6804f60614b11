import pytest
import torch
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.delay_line import Context, DelayLineDecoder, DelayLineEncoder

SEQUENCES = [torch.randn(length, 3) for length in (5, 2, 6)]


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


def contextual() -> DelayLineEncoder:
    return DelayLineEncoder(20, 3, nn.Linear(3, 3), Context(seqae.GRU(3, 8, bidirectional=True), 3))


def test_codes_are_the_same_alone_as_in_a_spoiled_batch():
    encoder, batch = contextual().eval(), Batch.of(SEQUENCES)
    longer = torch.cat([batch.values, batch.values.new_zeros(3, 4, 3)], dim=1)
    spoiled = Batch(torch.where(torch.arange(10)[:, None] < batch.lengths[:, None, None], longer, nan()), batch.lengths)
    alone = torch.cat([encoder(Batch.of([sequence])) for sequence in SEQUENCES])
    torch.testing.assert_close(encoder(batch), alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(encoder(spoiled), alone, rtol=0, atol=1e-5)


def test_every_parameter_learns_and_padding_gives_no_gradient():
    model, batch = seqae.Autoencoder(contextual(), DelayLineDecoder(20, 3, nn.Linear(3, 3))), Batch.of(SEQUENCES)
    spoiled = Batch(batch.values.masked_fill(~batch.mask.unsqueeze(-1), torch.nan), batch.lengths)
    seqae.squared_error(model(spoiled).prediction.steps, batch.steps).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


def nan() -> torch.Tensor:
    return torch.tensor(torch.nan)
