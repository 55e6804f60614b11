"""Networks over time as nodes; they read and write `Sequences` of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from seqae.export.graph import Converter, Graph
from seqae.export.layers import silu
from seqae.export.sequences import Sequences, map_steps, mask_padding, reshape, unsqueeze
from seqae.modules.convolution import Convolutions
from seqae.modules.recurrent import GRU, LSTM, RecurrentLayer
from seqae.modules.self_attention import SelfAttention, SelfAttentionLayer
from seqae.modules.stacked import TimeDistributed

# Where ONNX has the gates of torch: input, output, forget, cell; update, reset, hidden.
_GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2]}
RecurrentWeights = tuple[Tensor, Tensor, Tensor, Tensor]  # weight_ih, weight_hh, bias_ih, bias_hh, as torch has them


def recurrent_node(
    graph: Graph,
    operator: str,
    vectors: str,
    lengths: str,
    directions: Sequence[RecurrentWeights],
    name: str,
    *state: str,
) -> str:
    """Return the hidden states of one recurrent layer, `(time, batch, directions * hidden_size)`.

    Args:
        graph: The graph to add to.
        operator: "LSTM" or "GRU".
        vectors: `(time, batch, input_size)`; steps beyond the lengths are not read.
        lengths: `(batch,)` int64.
        directions: The weights of the direction forward, and backward if there are two.
        name: Start of the names of the weights.
        state: Hidden state and cell before the first step, `(1, batch, hidden_size)` each; zeros if absent.
    """
    stacked = [np.stack([_reordered(part, operator) for part in parts]) for parts in zip(*directions)]
    weights = {"W": stacked[0], "R": stacked[1], "B": np.concatenate(stacked[2:], axis=1)}
    operands = [graph.weight(f"{name}.{key}", array) for key, array in weights.items()]
    written = graph.node(
        operator,
        vectors,
        *operands,
        graph.node("Cast", lengths, to=_INT32),
        *state,
        hidden_size=stacked[1].shape[2],
        direction="forward" if len(directions) == 1 else "bidirectional",
        **({"linear_before_reset": 1} if operator == "GRU" else {}),
    )
    return reshape(graph, graph.node("Transpose", written, perm=[0, 2, 1, 3]), 0, 0, -1)


def swap_time(graph: Graph, vectors: str) -> str:
    """Return `(batch, time, size)` as `(time, batch, size)`, or the other way around."""
    return graph.node("Transpose", vectors, perm=[1, 0, 2])


def _recurrent(graph: Graph, layer: RecurrentLayer, batch: Sequences) -> Sequences:
    vectors = swap_time(graph, mask_padding(graph, batch).values)
    for index, forward in enumerate(layer.forward_layers):
        stack = [forward, layer.backward_layers[index]] if layer.bidirectional else [forward]
        weights = [weights_of(each) for each in stack]
        vectors = recurrent_node(graph, type(layer).__name__, vectors, batch.lengths.values, weights, f"layer_{index}")
    return batch.with_values(swap_time(graph, vectors))


def weights_of(layer: Any) -> RecurrentWeights:
    """Return the weights of one layer of one direction of `nn.LSTM` or `nn.GRU`."""
    return layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0


def _reordered(part: Tensor, operator: str) -> np.ndarray:
    """Return weights `(gates * hidden_size, ...)` with the gates in the order of ONNX."""
    order = _GATES[operator]
    return np.concatenate([np.split(part.detach().cpu().numpy(), len(order))[gate] for gate in order])


def _convolutions(graph: Graph, module: Convolutions, batch: Sequences) -> Sequences:
    for depth, (convolution, shortcut) in enumerate(zip(module.convolutions, module.shortcuts)):
        batch = mask_padding(graph, batch)
        reach = 2**depth * (module.kernel_size - 1)
        before = reach if module.causal else reach // 2
        padded = graph.node("Pad", batch.values, np.array([0, before, 0, 0, reach - before, 0]))
        written = silu(graph, graph.convert(convolution, f"convolutions.{depth}", padded))
        kept = graph.convert(shortcut, f"shortcuts.{depth}", batch.values)
        batch = batch.with_values(graph.node("Add", written, kept))
    return batch


def _self_attention(graph: Graph, module: SelfAttention, batch: Sequences) -> Sequences:
    batch = mask_padding(graph, batch)
    vectors = graph.convert(module.project, "project", batch.values)
    for index, layer in enumerate(module.layers):
        vectors = graph.convert(layer, f"layers.{index}", vectors, batch.lengths.mask)
    norm = getattr(module, "norm", None)
    return batch.with_values(vectors if norm is None else graph.convert(norm, "norm", vectors))


def _self_attention_layer(graph: Graph, layer: SelfAttentionLayer, vectors: str, mask: str) -> str:
    size = layer.size // layer.num_heads
    normed = graph.convert(layer.attention_norm, "attention_norm", vectors)
    heads = reshape(graph, graph.convert(layer.query_key_value, "query_key_value", normed), 0, 0, 3, -1, size)
    query, key, value = (
        graph.node("Gather", graph.node("Transpose", heads, perm=[2, 0, 3, 1, 4]), np.int64(part)) for part in range(3)
    )
    scores = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    scores = graph.node("Mul", scores, np.float32(size**-0.5))
    scores = graph.node("Where", unsqueeze(graph, mask, 1, 2), scores, np.float32(-np.inf))
    read = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    read = reshape(graph, graph.node("Transpose", read, perm=[0, 2, 1, 3]), 0, 0, -1)
    vectors = graph.node("Add", vectors, graph.convert(layer.attention_output, "attention_output", read))
    normed = graph.convert(layer.gated_norm, "gated_norm", vectors)
    gate, passed = halves(graph, graph.convert(layer.gate_and_value, "gate_and_value", normed))
    gated = graph.node("Mul", silu(graph, gate), passed)
    return graph.node("Add", vectors, graph.convert(layer.gated_output, "gated_output", gated))


def halves(graph: Graph, vectors: str) -> list[str]:
    """Return the first and the second half of the last axis."""
    return graph.nodes("Split", 2, vectors, axis=-1)


def _time_distributed(graph: Graph, module: TimeDistributed, batch: Sequences) -> Sequences:
    return map_steps(graph, batch, module.layers, "layers")


_INT32 = 6  # the number that ONNX gives to this type
CONVERTERS: dict[Any, Converter] = {
    LSTM: _recurrent,
    GRU: _recurrent,
    Convolutions: _convolutions,
    SelfAttention: _self_attention,
    SelfAttentionLayer: _self_attention_layer,
    TimeDistributed: _time_distributed,
}
