"""What a model reads: the type and shape of a step, and how many steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from seqae.autoencoder import Autoencoder
from seqae.modules.decoders import Decoder, DenseDecoder, ReversedDecoder
from seqae.modules.dropout import FastDropout
from seqae.modules.encoders import DenseEncoder, Encoder
from seqae.modules.images import ImageEncoder
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.posteriors import BatchNormPosterior
from seqae.modules.stacked import TimeDistributed
from seqae.modules.tokens import WordDropout

_SAME_SIZE = (
    *(nn.ReLU, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.ELU, nn.LeakyReLU),
    *(nn.Identity, nn.Dropout, FastDropout, WordDropout),
)


@dataclass(frozen=True)
class StepKind:
    """What a model reads at each step.

    Attributes:
        shape: `()` for a token, `(channel,)` for readings.
        vocabulary: The number of tokens; None for readings.
    """

    shape: tuple[int, ...]
    vocabulary: int | None = None


def step_kind_of(encoder: Encoder, step_shape: tuple[int, ...] | None) -> StepKind:
    """Return what an encoder reads.

    Args:
        encoder: The encoder.
        step_shape: The shape, if the caller knows it.

    Raises:
        ValueError: Neither the caller nor the layers say it, or they disagree.
    """
    if isinstance(encoder, BatchNormPosterior):
        return step_kind_of(encoder.encoder, step_shape)
    layers = _first_layers(encoder)
    kind = _kind(layers, _width(encoder))
    if kind is not None and kind.vocabulary is not None:
        return kind
    if step_shape is not None and kind is not None and tuple(step_shape[-1:]) != kind.shape:
        raise ValueError(f"step_shape {tuple(step_shape)} for layers that read steps of {kind.shape}. Leave it out")
    if step_shape is not None:
        return StepKind(tuple(step_shape))
    if kind is None:
        read_by = type(layers[0] if layers else encoder).__name__
        raise ValueError(
            f"the shape of a step can't be told from a {read_by}. Give step_shape, for example step_shape=(1, 28, 28)"
        )
    return kind


def reads_missing(model: nn.Module) -> bool:
    """Return whether a model reads missing values, NaN."""
    return any(isinstance(part, MissingValueEmbedding) for part in model.modules())


def longest_of(model: nn.Module) -> int | None:
    """Return the largest number of steps that a model of fixed windows takes, None for any number."""
    dense = [part.steps for part in model.modules() if isinstance(part, DenseEncoder | DenseDecoder)]
    return min([*dense, *(1 for part in model.modules() if isinstance(part, ImageEncoder))], default=None)


def code_size_of(model: Encoder | Decoder | Autoencoder) -> int:
    """Return the length of what an encoder writes, or a decoder reads."""
    if isinstance(model, ReversedDecoder):
        return code_size_of(model.decoder)
    if isinstance(model, Autoencoder):
        return code_size_of(model.decoder)
    size = getattr(model, "code_size", None) or getattr(getattr(model, "rnn", None), "input_size", None)
    size = size or _kind(list(_flat(getattr(model, "head", None))), None)
    if size is None:
        raise ValueError(f"the length of a code can't be told from a {type(model).__name__}. Export the autoencoder")
    return size if isinstance(size, int) else size.shape[0]


def _first_layers(encoder: Any) -> list[nn.Module]:
    """Return the layers that read a step, one after the other."""
    if (embed := getattr(encoder, "embed", None)) is not None:
        return _flat(embed)
    stack = getattr(encoder, "layers", None)
    first = stack[0] if isinstance(stack, nn.Sequential) and len(stack) else None
    return _flat(first.layers) if isinstance(first, TimeDistributed) else []


def _width(encoder: Any) -> int | None:
    """Return the length of the vectors that an encoder reads after its `embed`."""
    stack = getattr(encoder, "layers", None)
    first = stack[0] if isinstance(stack, nn.Sequential) and len(stack) else None
    for part in (encoder, getattr(encoder, "rnn", None), first):
        if (size := getattr(part, "input_size", None)) is not None:
            return int(size)
    return None


def _flat(layers: nn.Module | None) -> list[nn.Module]:
    if isinstance(layers, nn.Sequential):
        return [layer for part in layers for layer in _flat(part)]
    return [] if layers is None else [layers]


def _kind(layers: list[nn.Module], width: int | None) -> StepKind | None:
    """Return what layers read that write vectors of a width."""
    if not layers:
        return None if width is None else StepKind((width,))
    match layers[0]:
        case nn.Embedding() as embedding:
            return StepKind((), embedding.num_embeddings)
        case nn.Linear() as linear:
            return StepKind((linear.in_features,))
        case nn.Unflatten(unflattened_size=tuple() as sizes):
            return StepKind((math.prod(sizes),))
        case nn.LayerNorm() as norm if len(norm.normalized_shape) == 1:
            return StepKind(tuple(norm.normalized_shape))
        case MissingValueEmbedding():
            rest = _kind(layers[1:], width)
            return None if rest is None else StepKind((rest.shape[0] // 2,))
        case layer if type(layer) in _SAME_SIZE:
            return _kind(layers[1:], width)
    return None
