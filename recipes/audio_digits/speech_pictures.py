"""Pictures of recordings and of what an autoencoder makes of them."""

import torch
from torch import Tensor

import seqae
from seqae.report import save_figure, spectrograms_figure


def save_pictures(run: seqae.Run, log_mel: seqae.LogMel, model: seqae.Autoencoder, decibels: dict[str, Tensor]) -> None:
    """Draw recordings and their reconstructions, and write the first reconstruction as audio."""
    read = seqae.reconstruct(model, [log_mel.scaled(each) for each in decibels.values()])
    restored = [log_mel.inverse_transform(torch.from_numpy(each), like) for each, like in zip(read, decibels.values())]
    originals = [log_mel.trim_silence(each) for each in decibels.values()]
    rows = {"original": originals, "reconstruction": restored}
    pictures = {name: [each.numpy() for each in row] for name, row in rows.items()}
    save_figure(spectrograms_figure(pictures, list(decibels), log_mel.hop), run.path("spectrograms.png"))
    log_mel.to_audio(restored[0]).write(run.path("reconstruction.wav"))
