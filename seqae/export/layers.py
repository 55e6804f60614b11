"""Layers of torch, and modules of seqae for single steps, as nodes; they read and write `(steps, *step)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from seqae.export.graph import Converter, Graph
from seqae.modules.convolution import StepConvolution
from seqae.modules.dropout import FastDropout
from seqae.modules.images import ChannelsLast, Crop
from seqae.modules.missing import MissingValueEmbedding
from seqae.modules.tokens import NearestEmbeddingHead, TiedHead, WordDropout


def silu(graph: Graph, values: str) -> str:
    """Return `values * sigmoid(values)`."""
    return graph.node("Mul", values, graph.node("Sigmoid", values))


def _layer_norm(graph: Graph, layer: nn.LayerNorm, values: str) -> str:
    scale = np.ones(layer.normalized_shape, np.float32) if layer.weight is None else layer.weight
    operands = [graph.weight("weight", scale)] + ([] if layer.bias is None else [graph.weight("bias", layer.bias)])
    axis = -len(layer.normalized_shape)
    return graph.node("LayerNormalization", values, *operands, axis=axis, epsilon=layer.eps)


def _sequential(graph: Graph, layers: nn.Sequential, values: str) -> str:
    for index, layer in enumerate(layers):
        values = graph.convert(layer, str(index), values)
    return values


def _linear(graph: Graph, layer: nn.Linear, values: str) -> str:
    product = graph.node("MatMul", values, graph.weight("weight", layer.weight.T))
    return product if layer.bias is None else graph.node("Add", product, graph.weight("bias", layer.bias))


def _embedding(graph: Graph, layer: nn.Embedding, tokens: str) -> str:
    if layer.max_norm is not None:
        raise graph.refusal("nn.Embedding with max_norm changes its weights when it runs", "Leave out max_norm")
    # A negative index would count from the end; torch refuses it.
    negative = graph.node("Less", tokens, np.int64(0))
    index = graph.node("Where", negative, np.int64(layer.num_embeddings), tokens)
    return graph.node("Gather", graph.weight("weight", layer.weight), index)


def _tied_head(graph: Graph, head: TiedHead, values: str) -> str:
    values = values if head.project is None else graph.convert(head.project, "project", values)
    logits = graph.node("MatMul", values, graph.weight("embedding_columns", head.embedding.weight.T))
    return graph.node("Add", logits, graph.weight("bias", head.bias))


def _nearest_embedding_head(graph: Graph, head: NearestEmbeddingHead, values: str) -> str:
    tokens = head.embedding.weight
    logits = graph.node("MatMul", values, graph.weight("embedding_columns", tokens.T))
    return graph.node("Sub", logits, graph.weight("half_squares", 0.5 * tokens.square().sum(dim=1)))


def _missing_value_embedding(graph: Graph, layer: MissingValueEmbedding, values: str) -> str:
    missing = graph.node("IsNaN", values)
    known = graph.node("Where", missing, np.float32(0), values)
    return graph.node("Concat", known, graph.node("Where", missing, np.float32(0), np.float32(1)), axis=-1)


def _gelu(graph: Graph, layer: nn.GELU, values: str) -> str:
    if layer.approximate != "none":
        raise graph.refusal(f"nn.GELU(approximate={layer.approximate!r}) has no ONNX form", "Use nn.GELU()")
    error = graph.node("Erf", graph.node("Mul", values, np.float32(0.5**0.5)))
    half = graph.node("Mul", values, np.float32(0.5))
    return graph.node("Mul", half, graph.node("Add", error, np.float32(1)))


def _flatten(graph: Graph, layer: nn.Flatten, values: str) -> str:
    if (layer.start_dim, layer.end_dim) != (1, -1):
        raise graph.refusal(f"nn.Flatten({layer.start_dim}, {layer.end_dim}) has no ONNX form", "Use nn.Flatten()")
    return graph.node("Flatten", values, axis=1)


def _unflatten(graph: Graph, layer: nn.Unflatten, values: str) -> str:
    if layer.dim != 1:
        raise graph.refusal(f"nn.Unflatten({layer.dim}, ...) has no ONNX form", "Use nn.Unflatten(1, ...)")
    return graph.node("Reshape", values, np.array([0, *layer.unflattened_size], np.int64))


def _convolution(graph: Graph, layer: nn.Conv1d | nn.Conv2d, values: str) -> str:
    if layer.padding_mode != "zeros":
        raise graph.refusal(f"padding_mode={layer.padding_mode!r} has no ONNX form", 'Use padding_mode="zeros"')
    if layer.padding in ("same", "valid"):
        reach = [stride * (size - 1) for stride, size in zip(layer.dilation, layer.kernel_size)]
        reach = reach if layer.padding == "same" else [0] * len(reach)
        pads = [each // 2 for each in reach] + [each - each // 2 for each in reach]
    else:
        pads = [*layer.padding, *layer.padding]
    operands = [graph.weight("weight", layer.weight)] + (
        [] if layer.bias is None else [graph.weight("bias", layer.bias)]
    )
    return graph.node(
        "Conv", values, *operands, pads=pads, strides=layer.stride, dilations=layer.dilation, group=layer.groups
    )


def _step_convolution(graph: Graph, layer: StepConvolution, values: str) -> str:
    written = _convolution(graph, layer, graph.node("Transpose", values, perm=[0, 2, 1]))
    return graph.node("Transpose", written, perm=[0, 2, 1])


def _transposed_convolution(graph: Graph, layer: nn.ConvTranspose2d, values: str) -> str:
    operands = [graph.weight("weight", layer.weight)] + (
        [] if layer.bias is None else [graph.weight("bias", layer.bias)]
    )
    return graph.node(
        "ConvTranspose",
        values,
        *operands,
        pads=[*layer.padding, *layer.padding],
        strides=layer.stride,
        dilations=layer.dilation,
        group=layer.groups,
        output_padding=layer.output_padding,
    )


def _max_pool(graph: Graph, layer: nn.MaxPool2d, values: str) -> str:
    if layer.return_indices:
        raise graph.refusal("nn.MaxPool2d(return_indices=True) has no ONNX form", "Leave out return_indices")
    sizes = {name: _pair(getattr(layer, name)) for name in ("kernel_size", "stride", "padding", "dilation")}
    return graph.node(
        "MaxPool",
        values,
        kernel_shape=sizes["kernel_size"],
        strides=sizes["stride"],
        pads=2 * sizes["padding"],
        dilations=sizes["dilation"],
        ceil_mode=int(layer.ceil_mode),
    )


def _batch_norm(graph: Graph, layer: Any, values: str) -> str:
    if layer.running_mean is None:
        raise graph.refusal("a normalisation by the batch that it stands in has no ONNX form", "Track running averages")
    scale, shift = (
        np.full(layer.num_features, default, np.float32) if given is None else given
        for given, default in ((layer.weight, 1), (layer.bias, 0))
    )
    named = {"weight": scale, "bias": shift, "running_mean": layer.running_mean, "running_var": layer.running_var}
    operands = [graph.weight(name, value) for name, value in named.items()]
    return graph.node("BatchNormalization", values, *operands, epsilon=layer.eps)


def _crop(graph: Graph, layer: Crop, values: str) -> str:
    return graph.node("Slice", values, np.array([0, 0]), np.array([layer.height, layer.width]), np.array([2, 3]))


def _pair(size: Any) -> list[int]:
    return [size, size] if isinstance(size, int) else list(size)


def _identity(graph: Graph, layer: nn.Module, values: str) -> str:
    return values


def _plain(operator: str, attributes: Callable[[Any], dict[str, Any]] = lambda _: {}) -> Converter:
    """Return the converter of a layer that is one operator; the second function returns its attributes."""

    def convert(graph: Graph, layer: nn.Module, values: str) -> str:
        return graph.node(operator, values, **attributes(layer))

    return convert


CONVERTERS: dict[Any, Converter] = {
    nn.Sequential: _sequential,
    nn.Linear: _linear,
    nn.Embedding: _embedding,
    MissingValueEmbedding: _missing_value_embedding,
    nn.LayerNorm: _layer_norm,
    nn.SiLU: lambda graph, layer, values: silu(graph, values),
    nn.GELU: _gelu,
    nn.ReLU: _plain("Relu"),
    nn.Tanh: _plain("Tanh"),
    nn.Sigmoid: _plain("Sigmoid"),
    nn.ELU: _plain("Elu", lambda layer: {"alpha": layer.alpha}),
    nn.LeakyReLU: _plain("LeakyRelu", lambda layer: {"alpha": layer.negative_slope}),
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    StepConvolution: _step_convolution,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.ConvTranspose2d: _transposed_convolution,
    nn.MaxPool2d: _max_pool,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.Dropout: _identity,
    nn.Dropout2d: _identity,
    nn.Identity: _identity,
    FastDropout: _identity,
    WordDropout: _identity,
    TiedHead: _tied_head,
    NearestEmbeddingHead: _nearest_embedding_head,
    ChannelsLast: lambda graph, module, values: graph.convert(module.layers, "layers", values),
    Crop: _crop,
}
