"""Stacked layers beyond the contract, see test_contract.py."""

import torch
from torch import nn

from seqae import Batch
from seqae.modules.stacked import TimeDistributed


def test_each_step_is_read_by_itself():
    batch = Batch.of([torch.randn(3, 2), torch.randn(2, 2)])
    layer = nn.Linear(2, 4)
    torch.testing.assert_close(TimeDistributed(layer)(batch).steps, layer(batch.steps))
