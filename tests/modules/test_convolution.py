"""Dilated convolutions over time, against a loop over the steps of each sequence alone."""

import numpy as np
import pytest
import torch

from seqae.batch import Batch
from seqae.modules.convolution import Convolutions


def by_loops(network: Convolutions, vectors: np.ndarray) -> np.ndarray:
    """Return what the network writes for one sequence, `(time, output_size)`, given `(time, input_size)`."""
    for depth, (convolution, shortcut) in enumerate(zip(network.convolutions, network.shortcuts)):
        weight, bias = convolution.weight.detach().numpy(), convolution.bias.detach().numpy()
        first = -(2**depth) * (network.kernel_size - 1) // (1 if network.causal else 2)
        written = []
        for step in range(len(vectors)):
            reads = [(tap, step + first + tap * 2**depth) for tap in range(network.kernel_size)]
            summed = bias + sum(weight[:, :, tap] @ vectors[at] for tap, at in reads if 0 <= at < len(vectors))
            written.append(summed / (1 + np.exp(-summed)))
        vectors = np.stack(written) + shortcut(torch.from_numpy(vectors)).detach().numpy()
    return vectors


@pytest.mark.parametrize("causal", [False, True])
def test_layers_are_those_of_loops_over_each_sequence_alone(causal):
    torch.manual_seed(0)
    network = Convolutions(2, (4, 4, 3), causal=causal)
    batch = Batch.of([torch.randn(length, 2) for length in (9, 1, 6)])
    for row, found in zip(batch.unpad(), network(batch).unpad()):
        np.testing.assert_allclose(found.detach().numpy(), by_loops(network, row.numpy()), atol=1e-5)


def test_causal_layers_read_no_later_step_and_others_do():
    torch.manual_seed(0)
    values = torch.randn(1, 8, 2)
    changed = values.clone()
    changed[:, 5] += 1.0
    for causal in (True, False):
        network = Convolutions(2, (4, 4), causal=causal)
        is_same = torch.isclose(network(Batch.full(values)).values, network(Batch.full(changed)).values).all(dim=2)[0]
        assert is_same[:5].all() == causal and not is_same[5:7].any()
