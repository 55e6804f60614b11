"""Pooling over parts of sequences, against torch's own for one sequence at a time."""

import pytest
import torch
from torch.nn.functional import adaptive_avg_pool1d

import seqae
from seqae import Batch
from seqae.modules.encoders import SegmentMeanEncoder
from seqae.modules.pooling import SegmentMeanPooling


@pytest.mark.parametrize("parts", [1, 3, 8])
def test_means_of_parts_are_those_of_each_sequence_alone(parts):
    torch.manual_seed(0)
    sequences = [torch.randn(length, 5) for length in (1, 2, 7, 8, 30, 101)]
    found = SegmentMeanPooling(parts)(Batch.of(sequences))
    for mean, steps in zip(found, sequences):
        known = adaptive_avg_pool1d(steps.T.unsqueeze(0), parts)[0].T.flatten()
        torch.testing.assert_close(mean, known, atol=1e-5, rtol=1e-5)


def test_one_part_is_the_mean_and_as_many_parts_as_steps_are_the_steps():
    steps = torch.randn(2, 6, 3)
    torch.testing.assert_close(SegmentMeanPooling(1)(Batch.full(steps)), steps.mean(dim=1))
    torch.testing.assert_close(SegmentMeanPooling(6)(Batch.full(steps)), steps.flatten(1), atol=1e-5, rtol=1e-5)


def test_state_means_are_means_of_the_states_and_survive_saving(tmp_path):
    torch.manual_seed(0)
    encoder = SegmentMeanEncoder(seqae.GRU(3, 4, bidirectional=True), num_segments=2).eval()
    sequences = [torch.randn(length, 3) for length in (8, 20)]
    codes = seqae.encode(encoder, sequences)
    assert codes.shape == (2, encoder.code_size) == (2, 16)
    states = encoder.rnn(Batch.of(sequences[:1])).values[0].detach()
    torch.testing.assert_close(torch.from_numpy(codes[0]), torch.cat([states[:4].mean(dim=0), states[4:].mean(dim=0)]))
    again = seqae.load(seqae.save(encoder, tmp_path / "encoder"))
    torch.testing.assert_close(torch.from_numpy(seqae.encode(again, sequences)), torch.from_numpy(codes))


@pytest.mark.parametrize("count", [0, -1, 10**9])
def test_no_segments_and_more_than_fit_a_code_are_refused(count):
    with pytest.raises(ValueError, match=f"^{count} segments. Give 1 to"):
        SegmentMeanPooling(count)
