"""Bottlenecks in evaluation mode as nodes: from the output of the encoder to codes, `(batch, code_size)`."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqae.autoencoder import LengthPredictor
from seqae.export.graph import Converter, Graph
from seqae.export.networks import halves
from seqae.export.sequences import reshape, unsqueeze
from seqae.modules.codes import (
    BiHalfCode,
    BinaryCode,
    BitFlipCode,
    GaussianCode,
    L1Code,
    TopKCode,
    ViewInvariantCode,
)
from seqae.modules.vector_quantization import VectorQuantizedCode

_INT64 = 7  # the number that ONNX gives to this type


def _top_k(graph: Graph, bottleneck: TopKCode, code: str) -> str:
    kept = graph.nodes("TopK", 2, graph.node("Abs", code), np.array([bottleneck.k]), axis=1)[1]
    zeros = graph.node("Expand", np.float32(0), graph.node("Shape", code))
    ones = graph.node("Expand", np.float32(1), graph.node("Shape", kept))
    mask = graph.node("ScatterElements", zeros, kept, ones, axis=1)
    return graph.node("Mul", code, mask)


def _signs(graph: Graph, bottleneck: Any, code: str) -> str:
    bits = graph.node("Where", graph.node("Greater", code, np.float32(0)), np.float32(1), np.float32(-1))
    return graph.node("Add", code, graph.node("Sub", bits, code))  # NaN where the code is, as of the module


def _bits_of(graph: Graph, bottleneck: Any, code: str) -> str:
    return graph.convert(bottleneck.bits, "bits", code)


def _vector_quantized(graph: Graph, bottleneck: VectorQuantizedCode, code: str) -> str:
    parts = graph.node("Transpose", reshape(graph, code, 0, bottleneck.num_groups, -1), perm=[1, 0, 2])
    codebook = bottleneck.codebook
    products = graph.node("MatMul", parts, graph.weight("codebook_columns", codebook.transpose(1, 2)))
    squares = graph.weight("squares", codebook.square().sum(dim=-1).unsqueeze(1))
    distances = graph.node("Sub", squares, graph.node("Mul", products, np.float32(2)))
    entries = unsqueeze(graph, graph.node("ArgMin", distances, axis=2, keepdims=0), 2)  # (group, batch, 1)
    found = graph.node("GatherND", graph.weight("codebook", codebook), entries, batch_dims=1)
    found = reshape(graph, graph.node("Transpose", found, perm=[1, 0, 2]), 0, -1)
    return graph.node("Add", code, graph.node("Sub", found, code))  # NaN where the code is, as of the module


def _predicted_lengths(graph: Graph, predictor: LengthPredictor, code: str) -> str:
    steps = graph.node("Round", graph.node("Exp", graph.convert(predictor.layers, "layers", code)))
    steps = graph.node("Clip", steps, np.float32(1), np.float32(predictor.max_length))
    return graph.node("Cast", graph.node("Squeeze", steps, np.array([1])), to=_INT64)


CONVERTERS: dict[Any, Converter] = {
    L1Code: lambda graph, bottleneck, code: code,
    TopKCode: _top_k,
    GaussianCode: lambda graph, bottleneck, code: halves(graph, code)[0],
    BinaryCode: _signs,
    BiHalfCode: _signs,
    BitFlipCode: _bits_of,
    ViewInvariantCode: _bits_of,
    VectorQuantizedCode: _vector_quantized,
    LengthPredictor: _predicted_lengths,
}
