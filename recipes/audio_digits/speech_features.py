"""Features of recordings: the states of an encoder, and what it reads, in parts of each."""

import numpy as np
from torch import Tensor

import seqae
from seqae.modules import SegmentMeanEncoder, SegmentMeanPooling

PARTS = 6  # parts of a recording; what is averaged in each is a feature
Recordings = list[Tensor]  # (frame, band) each


def features(encoder: seqae.Encoder, versions: list[Recordings]) -> np.ndarray:
    """Return mean states and mean frames in each part of each version of recordings, `(version, recording, feature)`.

    Args:
        encoder: A recurrent encoder.
        versions: All recordings, once as they are and once for each noise.
    """
    rows = [np.concatenate([segment_states(encoder, each), segment_means(each, PARTS)], axis=1) for each in versions]
    return np.stack(rows)


def segment_states(encoder: seqae.Encoder, recordings: Recordings) -> np.ndarray:
    """Return the mean states of a recurrent encoder in each part of each recording, `(recording, part * state)`."""
    assert isinstance(encoder, seqae.RecurrentEncoder)
    return seqae.encode(SegmentMeanEncoder(encoder.rnn, PARTS), recordings)


def segment_means(recordings: Recordings, parts: int) -> np.ndarray:
    """Return the mean frames in each part of each recording, `(recording, part * band)`."""
    return SegmentMeanPooling(parts)(seqae.Batch.of(recordings)).numpy()
