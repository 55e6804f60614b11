"""Positions of steps as features, against the formula written with Python's own numbers."""

import math

import torch

from seqae.modules.positions import positional_features


def test_features_are_sines_and_cosines_of_the_steps_from_the_start_and_to_the_end():
    lengths, frequencies = [5, 1, 3], 3
    found = positional_features(torch.tensor(lengths), time=5, frequencies=frequencies)
    assert found.shape == (3, 5, 4 * frequencies)
    for length, rows in zip(lengths, found):
        for step in range(length):
            known = []
            for position in (step, length - 1 - step):
                angles = [2 * math.pi * position / period for period in (4, 8, 16)]
                known += [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
            torch.testing.assert_close(rows[step], torch.tensor(known), atol=1e-5, rtol=0)


def test_steps_differ_within_the_longest_period():
    rows = positional_features(torch.tensor([512]), time=512, frequencies=8)[0, :, : 2 * 8]
    assert torch.cdist(rows, rows).fill_diagonal_(torch.inf).min() > 0.1
