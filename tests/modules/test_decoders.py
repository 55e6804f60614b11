"""What decoders do beyond the contract, see test_contract.py."""

import pytest
import torch
from torch import nn

import seqae


@pytest.mark.parametrize("wrapped", [False, True], ids=["autoregressive", "reversed"])
def test_the_folded_linear_head_gives_the_numbers_of_the_loop(wrapped):
    torch.manual_seed(0)
    feedback = seqae.AutoregressiveDecoder(5, seqae.LSTM(3, 16), nn.Linear(16, 3)).eval()
    nn.init.normal_(feedback.first_step)
    decoder = seqae.ReversedDecoder(feedback) if wrapped else feedback
    code, lengths = torch.randn(4, 5), torch.tensor([5, 9, 1, 7])
    folded = decoder(code, lengths).unpad()
    feedback.to_input = nn.Identity()  # anything between the output and the next input stops the folding
    for found, expected in zip(folded, decoder(code, lengths).unpad()):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
