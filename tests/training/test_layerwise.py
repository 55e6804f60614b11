"""Greedy pretraining: any layers, one after the other, at any lengths."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import seqae
from generators import spoiled
from seqae import Batch
from seqae.datasets.loader import DataLoader
from seqae.datasets.sampler import LengthBucketSampler
from seqae.datasets.sequences import SequenceDataset
from seqae.modules.convolution import Convolutions
from seqae.modules.images import ChannelsLast
from seqae.modules.stacked import TimeDistributed
from seqae.training.layerwise import LayerAutoencoder, LayerOutputs, Stage, pretrain_layerwise
from seqae.transforms.corruptions import MaskValues


def dense(size: int, after: int) -> Stage:
    layer = TimeDistributed(nn.Sequential(nn.Linear(size, after), nn.ReLU()))
    return Stage(layer, TimeDistributed(nn.Linear(after, size)), code=seqae.L1Code(0.01))


def convolution(size: int, after: int) -> Stage:
    return Stage(Convolutions(size, [after]), Convolutions(after, [size]), corrupt=MaskValues(0.2))


def recurrent(size: int, after: int) -> Stage:
    back = nn.Sequential(seqae.LSTM(after, after), TimeDistributed(nn.Linear(after, size)))
    return Stage(seqae.LSTM(size, after, bidirectional=False), back)


def of_images(size: int, after: int) -> Stage:
    """Convolutions and halving of frames; the way back doubles them."""
    layer = TimeDistributed(nn.Sequential(nn.Conv2d(size, after, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()))
    back = TimeDistributed(ChannelsLast(nn.ConvTranspose2d(after, size, 4, stride=2, padding=1)))
    return Stage(layer, back, code=seqae.TopKCode(20))


MIXED = [convolution, recurrent, dense]
STACKS = {
    "dense": [dense] * 3,
    "convolution": [convolution] * 3,
    "recurrent": [recurrent] * 3,
    "images": [of_images] * 2,
    "mixed": MIXED,
}
stacks = pytest.mark.parametrize("kinds", STACKS.values(), ids=STACKS)


def made(kinds) -> list[Stage]:
    torch.manual_seed(0)
    size = 1 if kinds[0] is of_images else 3
    return [kind(size if height == 0 else 8, 8) for height, kind in enumerate(kinds)]


def source_for(kinds) -> SequenceDataset:
    """Waves of several lengths, or films of several lengths with a bright row that moves."""
    random = np.random.default_rng(0)
    sequences = []
    for length in random.integers(2, 12, 32):
        time = torch.arange(float(length)) / 3 + random.uniform(0, 6)
        if kinds[0] is of_images:
            rows = torch.sin(time[:, None] + torch.arange(8.0) / 2)
            sequences.append(rows[:, None, :, None].expand(-1, 1, 8, 8).contiguous())
        else:
            sequences.append(torch.stack([time.sin(), time.cos(), (2 * time).sin()], dim=1))
    return SequenceDataset(sequences)


def loader(source: SequenceDataset) -> DataLoader:
    return DataLoader(source, LengthBucketSampler(source.lengths, 8))


def error_of(stages: list[Stage], height: int, source: SequenceDataset) -> float:
    """The mean squared error of one layer's autoencoder, over all steps that there are."""
    below = nn.Sequential(*(stage.layer for stage in stages[:height]))
    read = below(source.batch(np.arange(len(source.lengths))))
    model = LayerAutoencoder(stages[height].layer, stages[height].decoder, stages[height].code)
    return float(seqae.squared_error(model.reconstruct(read).steps, read.steps).mean())


@stacks
def test_every_layer_learns_to_write_back_what_those_below_it_write(kinds):
    source, stages = source_for(kinds), made(kinds)
    before = copy.deepcopy(stages)
    histories = pretrain_layerwise(stages, loader(source), epochs=12, learning_rate=1e-2, progress=False)
    assert [len(history.train) for history in histories] == [12] * len(stages)
    for height in range(len(stages)):
        with torch.no_grad():
            raw = [*stages[:height], before[height]]
            assert error_of(stages, height, source) < 0.5 * error_of(raw, height, source), height


@stacks
def test_a_layer_does_not_change_those_below_it(kinds):
    source = source_for(kinds)
    one, all_of_them = made(kinds), made(kinds)
    pretrain_layerwise(one[:1], loader(source), epochs=1, progress=False)
    pretrain_layerwise(all_of_them, loader(source), epochs=1, progress=False)
    for weights, same in zip(one[0].layer.parameters(), all_of_them[0].layer.parameters()):
        assert torch.equal(weights, same)


@stacks
def test_padding_changes_nothing(kinds):
    stages = made(kinds)
    batch = Batch.of(source_for(kinds).sequences[:6])
    other = spoiled(batch)
    for stage in stages:
        model = LayerAutoencoder(stage.layer, stage.decoder, stage.code)
        found, expected = model(other), model(batch)
        torch.testing.assert_close(found.prediction.steps, expected.prediction.steps)
        torch.testing.assert_close(found.penalty, expected.penalty)
        batch, other = stage.layer(batch), stage.layer(other)


def test_a_penalty_makes_codes_smaller():
    source = source_for([dense])
    sizes = []
    for weight in (0.0, 1.0):
        torch.manual_seed(0)
        layer = TimeDistributed(nn.Sequential(nn.Linear(3, 8), nn.ReLU()))
        stage = Stage(layer, TimeDistributed(nn.Linear(8, 3)), code=seqae.L1Code(weight))
        pretrain_layerwise([stage], loader(source), epochs=5, learning_rate=3e-2, progress=False)
        sizes.append(float(layer(source.batch(np.arange(32))).steps.detach().abs().mean()))
    assert sizes[1] < 0.5 * sizes[0]


def test_what_layers_write_may_take_part_in_training_and_leaves_them_as_they_were():
    layers = nn.Sequential(TimeDistributed(nn.Dropout(0.5))).train()
    batch = LayerOutputs(source_for([dense]), layers).batch(np.arange(4))
    assert layers.training and not batch.values.is_inference() and not batch.values.requires_grad
    assert torch.equal(batch.steps, source_for([dense]).batch(np.arange(4)).steps)


def test_held_out_sequences_choose_the_epoch_of_each_layer():
    source, stages = source_for(MIXED), made(MIXED)
    histories = pretrain_layerwise(stages, loader(source), loader(source), epochs=2, progress=False)
    assert [len(history.valid) for history in histories] == [2, 2, 2]


@pytest.mark.parametrize("back", [nn.Linear(8, 1), nn.Linear(8, 4)])
def test_a_way_back_to_something_else_is_named(back):
    stages = [dense(3, 8), Stage(seqae.LSTM(8, 8), TimeDistributed(back))]
    with pytest.raises(ValueError, match=r"stage 1 \(counted from 0\) reads a batch of shape .*`decoder` must"):
        pretrain_layerwise(stages, loader(source_for([dense])), epochs=1, progress=False)
