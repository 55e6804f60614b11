"""Detectors that several tests watch with."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import machine as readings
from seqae.service.row_block import RowBlock


@pytest.fixture(scope="session")
def detector() -> seqae.AnomalyDetector:
    return seqae.AnomalyDetector(window=16, epochs=0).fit(readings(800, seed=0))


@pytest.fixture(scope="session")
def faulty() -> pd.DataFrame:
    """Rows with a fault and an hour that is missing."""
    frame = readings(300, seed=1)
    frame.loc[150:170, "pressure [bar]"] = 35
    frame.loc[200:, "time"] += pd.Timedelta("1h")
    return frame


def block_of(frame: pd.DataFrame, start: int = 0, stop: int | None = None, entity: str = "") -> RowBlock:
    """Return rows of a frame whose first column holds times."""
    part = frame.iloc[start:stop]
    values, times = part.iloc[:, 1:].to_numpy(), part.iloc[:, 0].to_numpy().astype("datetime64[ns]")
    return RowBlock(values, times, entity, np.arange(len(frame))[start:stop])


@pytest.fixture(scope="session")
def rows_of():
    return block_of
