"""Codes in the units of what they change: near codes are near reconstructions, as with principal components.

A network may stretch its code as it likes, since its decoder takes the stretching back; clusters and neighbours then
depend on chance. The metric that a decoder induces on its codes (Arvanitidis et al. 2018,
https://arxiv.org/abs/1710.11379), averaged over the training sequences, says how; its square root takes it back.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from seqae.autoencoder import Autoencoder
from seqae.inference import encode
from seqae.modules.resampled import ResampledDecoder, ResampledEncoder

_SEQUENCES = 256  # over which the metric is averaged
_STEP = 1e-3  # of a code, in its standard deviations
_LEAST = 1e-6  # of the largest change, that a direction of codes is given


def scale_codes(model: Autoencoder, sequences: Sequence[Tensor]) -> None:
    """Change the layers around a code so that its distances are those of reconstructions; these stay as they are.

    The squared distance of two codes is the mean squared difference of the reconstructed values, near the codes of the
    given sequences and for small distances; the first number of a code varies most, and none is correlated with
    another. Of a model whose code is not between two linear layers nothing is changed, nor of one with a bottleneck.

    Args:
        model: The trained autoencoder of readings, on the CPU.
        sequences: Those that it has learnt from, `(time, *step)` each.
    """
    layers = _layers_around(model)
    if layers is None:
        return
    to_code, readers = layers
    codes = encode(model, sequences).astype(np.float64)
    some = np.linspace(0, len(sequences) - 1, min(len(sequences), _SEQUENCES)).astype(int)
    root = _square_root(_metric(model, codes[some], [len(sequences[index]) for index in some], codes.std(axis=0)))
    axes = np.linalg.eigh(np.atleast_2d(np.cov(codes @ root, rowvar=False)))[1][:, ::-1]
    forward = torch.from_numpy(axes.T @ root)  # from a code to the new one
    backward = torch.linalg.inv(forward)
    with torch.no_grad():
        for parameter in (to_code.weight, to_code.bias):
            parameter.copy_(forward @ parameter.double())
        for layer in readers:
            layer.weight.copy_(layer.weight.double() @ backward)


def _layers_around(model: Autoencoder) -> tuple[nn.Linear, list[nn.Linear]] | None:
    """Return the linear layer that writes the code, and those that read it; None if there are others."""
    encoder, decoder = model.encoder, model.decoder
    if not isinstance(encoder, ResampledEncoder) or not isinstance(decoder, ResampledDecoder) or model.code is not None:
        return None
    if encoder.to_code is None or decoder.from_code is None:
        return None
    readers = [decoder.from_code] if model.length is None else [decoder.from_code, model.length.layers[0]]
    return encoder.to_code, [layer for layer in readers if isinstance(layer, nn.Linear)]


def _metric(model: Autoencoder, codes: np.ndarray, lengths: list[int], deviations: np.ndarray) -> np.ndarray:
    """Return the mean of what a decoder makes of small changes of a code, `(code_size, code_size)`."""
    exact, metric = copy.deepcopy(model).double().eval(), np.zeros((codes.shape[1],) * 2)
    steps = torch.from_numpy(_STEP * np.maximum(deviations, np.finfo(np.float32).eps))
    with torch.inference_mode():
        for code, length in zip(torch.from_numpy(codes), lengths):  # one by one: long sequences of frames are large
            moved = torch.cat([code.unsqueeze(0), code + steps.diag()])
            written = exact.decode(moved, torch.full((len(moved),), length)).values.flatten(1)
            slopes = (written[1:] - written[0]) / steps.unsqueeze(1)
            metric += (slopes @ slopes.T).numpy() / slopes.shape[1]
    return metric / len(codes)


def _square_root(metric: np.ndarray) -> np.ndarray:
    """Return the symmetric square root; a direction that changes nothing is kept, very short."""
    sizes, axes = np.linalg.eigh(metric)
    sizes = np.maximum(sizes, _LEAST * max(sizes.max(), np.finfo(np.float32).tiny))
    return (axes * np.sqrt(sizes)) @ axes.T
