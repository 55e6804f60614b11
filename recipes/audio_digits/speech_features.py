"""Features of recordings from the states of autoencoders."""

import numpy as np
from torch import Tensor

import seqae
from seqae.data import across_bands
from seqae.modules import SegmentMeanEncoder, SegmentMeanPooling

PARTS = 6  # parts of a recording; the mean state of each is a feature
Recordings = list[Tensor]  # (frame, band) each


def features(models: dict[str, seqae.Autoencoder], versions: list[Recordings], n_mels: int) -> dict[str, np.ndarray]:
    """Return features of each version of each recording, `(version, recording, feature)`, by name.

    Args:
        models: An autoencoder that reads along time, "frames", and one that reads along the bands, "bands".
        versions: All recordings, once as they are and once for each noise.
        n_mels: Bands of a frame.
    """
    bands = [[across_bands(each, n_mels) for each in version] for version in versions]
    of_frames = np.stack([segment_states(models["frames"], version) for version in versions])
    of_bands = np.stack([segment_states(models["bands"], version) for version in bands])
    means = np.stack([segment_means(version, PARTS) for version in versions])
    return {
        "autoencoder, frames": of_frames,
        "autoencoder, bands": of_bands,
        "autoencoders, frames and bands": np.concatenate([of_frames, of_bands, means], axis=2),
    }


def segment_states(model: seqae.Autoencoder, recordings: Recordings) -> np.ndarray:
    """Return the mean states of a recurrent encoder in each part of each recording, `(recording, part * state)`."""
    assert isinstance(model.encoder, seqae.RecurrentEncoder)
    return seqae.encode(SegmentMeanEncoder(model.encoder.rnn, PARTS), recordings)


def segment_means(recordings: Recordings, parts: int) -> np.ndarray:
    """Return the mean frames in each part of each recording, `(recording, part * band)`."""
    return SegmentMeanPooling(parts)(seqae.Batch.of(recordings)).numpy()
