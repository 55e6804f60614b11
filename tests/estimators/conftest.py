"""Small estimators that several tests read and none changes."""

import pytest

from generators import ragged_readings
from seqae import SequenceAutoencoder

SMALL = {"code_size": 3, "hidden_size": 8, "epochs": 1}


@pytest.fixture(scope="session")
def fitted() -> SequenceAutoencoder:
    """An autoencoder of two channels."""
    return SequenceAutoencoder(**SMALL).fit(ragged_readings())


@pytest.fixture(scope="session")
def flat() -> SequenceAutoencoder:
    """An autoencoder of one channel, given as arrays `(time,)`."""
    return SequenceAutoencoder(**SMALL).fit([rows[:, 0] for rows in ragged_readings()])


@pytest.fixture(scope="session")
def texts() -> SequenceAutoencoder:
    """An autoencoder of sentences."""
    return SequenceAutoencoder(**SMALL).fit(["the cat sat", "a dog ran", "the dog sat", "a cat ran"] * 3)
