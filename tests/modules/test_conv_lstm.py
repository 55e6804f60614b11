"""ConvLSTM: the equations of Shi et al. 2015."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import seqae
from seqae import Batch
from seqae.modules.composite import CompositeAutoencoder
from seqae.modules.conv_lstm import ConvLSTM, ConvLSTMDecoder, ConvLSTMEncoder
from seqae.modules.images import frame_decoder, frame_encoder

SIZE = (2, 7, 6)


@pytest.fixture
def videos():
    torch.manual_seed(0)
    return [torch.rand(length, *SIZE) for length in (4, 6, 1, 3)]


def test_on_maps_of_one_pixel_it_is_an_lstm():
    torch.manual_seed(0)
    layer, known = ConvLSTM(3, 5, kernel_size=1), nn.LSTM(3, 5, batch_first=True)
    with torch.no_grad():  # torch has the gates in the same order: in, keep, new, out
        known.weight_ih_l0.copy_(layer.input_conv.weight[..., 0, 0])
        known.weight_hh_l0.copy_(layer.hidden_conv.weight[..., 0, 0])
        known.bias_ih_l0.copy_(layer.input_conv.bias)
        known.bias_hh_l0.copy_(layer.hidden_conv.bias)
    values = torch.randn(2, 6, 3)
    hidden, (_, cell) = layer(Batch.full(values[..., None, None]))
    expected, (_, expected_cell) = known(values)
    torch.testing.assert_close(hidden.values[..., 0, 0], expected)
    torch.testing.assert_close(cell[..., 0, 0], expected_cell[0])


def test_it_sees_neighbours():
    torch.manual_seed(0)
    layer, video = ConvLSTM(1, 2), torch.zeros(1, 1, 1, 5, 5)
    moved = video.clone()
    moved[..., 2, 2] = 1
    changed = (layer(Batch.full(video))[0].values != layer(Batch.full(moved))[0].values).any(dim=2)[0, 0]
    assert torch.equal(changed, F.pad(torch.ones(3, 3, dtype=torch.bool), [1] * 4))


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"\(2, 4, 4\).*maps of 3 channels"):
        ConvLSTM(3, 2)(Batch.full(torch.zeros(1, 1, 2, 4, 4)))
    with pytest.raises(ValueError, match="2 x 2 has no middle"):
        ConvLSTM(3, 2, kernel_size=2)
    with pytest.raises(ValueError, match=r"maps of 4 x 5.*maps of 4 x 4"):
        ConvLSTMEncoder(ConvLSTM(1, 2), 4, 4)(Batch.full(torch.zeros(1, 1, 1, 4, 5)))
    with pytest.raises(ValueError, match="reads 1 channels"):
        ConvLSTMDecoder(ConvLSTM(1, 2), 4, 4, nn.Identity())


@pytest.mark.parametrize("size", [(1, 64, 64), (3, 9, 6), (1, 1, 1)], ids=str)
def test_any_size_of_frame_comes_back_at_its_size(size):
    vectors = frame_encoder(size, (4, 8, 8), 10)(torch.rand(5, *size))
    assert vectors.shape == (5, 10)
    written = frame_decoder(10, (8, 8, 4), size, output_bias=-30.0)(vectors)
    assert written.shape == (5, *size) and written.min() > -33 and written.max() < -27


def composite(past: bool = True, future: bool = True) -> CompositeAutoencoder:
    def decoder():
        return seqae.RepeatDecoder(seqae.LSTM(6, 10), frame_decoder(10, (8, 4), SIZE))

    encoder = seqae.RecurrentEncoder(seqae.LSTM(8, 10), 6, embed=frame_encoder(SIZE, (4, 8), 8))
    return CompositeAutoencoder(
        encoder, seqae.ReversedDecoder(decoder()) if past else None, decoder() if future else None
    )


def test_composite_writes_past_and_future_at_their_lengths(videos):
    model, batch = composite().eval(), Batch.of(videos)
    found = model(batch, torch.tensor([1, 5, 2, 3]))
    assert found.past.lengths.tolist() == [4, 6, 1, 3] and found.future.lengths.tolist() == [1, 5, 2, 3]
    torch.testing.assert_close(found.past.values, model.reconstruct(batch).values)
    torch.testing.assert_close(found.future.values[1], model.predict(batch, 5).values[1])
    assert torch.equal(found.code, model.encode(batch))


def test_a_composite_without_a_decoder_says_so(videos):
    with pytest.raises(ValueError, match="nothing to learn"):
        composite(past=False, future=False)
    with pytest.raises(ValueError, match="no decoder for the future"):
        composite(future=False).predict(Batch.of(videos), 2)
    with pytest.raises(ValueError, match="no decoder for the past"):
        composite(past=False).reconstruct(Batch.of(videos))


def frame_by_frame(
    layer: ConvLSTM, video: torch.Tensor, hidden: torch.Tensor, cell: torch.Tensor
) -> list[torch.Tensor]:
    """Return what a video's steps write, and hidden maps and cells at its end, as the paper says, by autograd."""
    written = []
    for frame in video:
        gates = layer.hidden_conv(hidden.unsqueeze(0))[0]
        if layer.input_conv is not None:
            gates = gates + layer.input_conv(frame.unsqueeze(0))[0]
        input_gate, forget_gate, new, output_gate = gates.chunk(4)
        cell = forget_gate.sigmoid() * cell + input_gate.sigmoid() * new.tanh()
        hidden = output_gate.sigmoid() * cell.tanh()
        written.append(hidden)
    return [torch.stack(written), hidden, cell]


@pytest.mark.parametrize("channels", [3, 0], ids=["reads", "without input"])
@pytest.mark.parametrize("lengths", [(2, 5, 1, 5, 3), (4, 4), (1,)], ids=str)
def test_videos_of_any_lengths_and_their_gradients_equal_those_of_a_loop(channels, lengths):
    torch.manual_seed(0)
    layer = ConvLSTM(channels, 4, kernel_size=5).double()
    videos = [torch.randn(length, 3, 6, 7, dtype=torch.float64, requires_grad=True) for length in lengths]
    start = tuple(torch.randn(len(lengths), 4, 6, 7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    batch = Batch.of(videos)
    states, ends = layer(batch, start) if channels else layer.run_without_input(start, batch.lengths)
    found = [[*parts] for parts in zip(states.unpad(), *ends)]
    expected = [frame_by_frame(layer, *row) for row in zip(videos, *start)]
    leaves = [*layer.parameters(), *start, *(videos if channels else [])]
    sums, gradients = [], []
    for parts in (found, expected):
        sums.append(sum(float(number) * part.sin().sum() for number, row in enumerate(parts, 1) for part in row))
        gradients.append(torch.autograd.grad(sums[-1], leaves))
    torch.testing.assert_close(*sums)
    for ours, known in zip(*gradients):
        torch.testing.assert_close(ours, known)


def test_cells_stay_precise_where_precision_is_mixed():
    torch.manual_seed(0)
    layer = ConvLSTM(2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden, (_, cell) = layer(Batch.full(torch.randn(2, 4, 2, 5, 5)))
    (hidden.values.square().mean() + cell.mean()).backward()
    assert cell.dtype == torch.float32
    assert all(parameter.grad.isfinite().all() and parameter.grad.any() for parameter in layer.parameters())
