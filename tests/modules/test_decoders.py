"""What decoders do beyond the contract, see test_contract.py."""

import pytest
import torch
from torch import nn

import seqae


@pytest.mark.parametrize("wrapped", [False, True], ids=["feedback", "backwards"])
def test_folded_feedback_equals_the_loop(wrapped):
    torch.manual_seed(0)
    feedback = seqae.AutoregressiveDecoder(5, seqae.LSTM(3, 16), nn.Linear(16, 3)).eval()
    nn.init.normal_(feedback.first)
    decoder = seqae.ReversedDecoder(feedback) if wrapped else feedback
    code, lengths = torch.randn(4, 5), torch.tensor([5, 9, 1, 7])
    folded = decoder(code, lengths).unpad()
    feedback.to_input = nn.Identity()  # anything between the output and the next input stops the folding
    for found, expected in zip(folded, decoder(code, lengths).unpad()):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
