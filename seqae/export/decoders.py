"""Decoders as nodes: from codes, `(batch, code_size)`, and lengths to `Sequences` of predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from seqae.export.graph import Converter, Graph
from seqae.export.networks import RecurrentWeights, halves, recurrent_node, swap_time, weights_of
from seqae.export.positions import place_nodes, position_middles, position_waves, triangles
from seqae.export.sequences import Lengths, Sequences, fit_time, map_steps, mask_padding, reshape, reverse, unsqueeze
from seqae.modules.decoders import (
    AutoregressiveDecoder,
    ConstantDecoder,
    ConvDecoder,
    DenseDecoder,
    RepeatDecoder,
    ReversedDecoder,
)
from seqae.modules.positional import PositionalDecoder
from seqae.modules.positions import ResampledCode
from seqae.modules.recurrent import LSTM
from seqae.modules.resampled import ResampledDecoder


def _repeated(graph: Graph, code: str, lengths: Lengths) -> str:
    """Return the code at every step, `(batch, time, code_size)`."""
    shape = graph.node("Concat", lengths.batch, lengths.time, np.array([1]), axis=0)
    return graph.node("Expand", unsqueeze(graph, code, 1), shape)


def _with_head(graph: Graph, decoder: Any, hidden: Sequences) -> Sequences:
    return map_steps(graph, mask_padding(graph, hidden), decoder.head, "head")


def _repeat_decoder(graph: Graph, decoder: RepeatDecoder, code: str, lengths: Lengths) -> Sequences:
    read = Sequences(_repeated(graph, code, lengths), lengths)
    return _with_head(graph, decoder, graph.convert(decoder.rnn, "rnn", read))


def _positional_decoder(graph: Graph, decoder: PositionalDecoder, code: str, lengths: Lengths) -> Sequences:
    positions = position_waves(graph, lengths, decoder.frequencies)
    from_code = graph.convert(decoder.from_code, "from_code", code)
    scale, shift = halves(graph, unsqueeze(graph, from_code, 1))
    from_position = graph.convert(decoder.from_position, "from_position", positions)
    scaled = graph.node("Mul", from_position, graph.node("Add", scale, np.float32(1)))
    vectors = Sequences(graph.node("Add", scaled, shift), lengths)
    return _with_head(graph, decoder, graph.convert(decoder.network, "network", vectors))


def _resampled_decoder(graph: Graph, decoder: ResampledDecoder, code: str, lengths: Lengths) -> Sequences:
    numbers = code if decoder.from_code is None else graph.convert(decoder.from_code, "from_code", code)
    vectors = Sequences(graph.convert(decoder.code_at_steps, "code_at_steps", numbers, lengths), lengths)
    return _with_head(graph, decoder, graph.convert(decoder.network, "network", mask_padding(graph, vectors)))


def _resampled_code(graph: Graph, module: ResampledCode, code: str, lengths: Lengths) -> str:
    count, size = module.num_positions, module.vector_size
    numbers = graph.node("Slice", code, np.array([0]), np.array([count * size]), np.array([1]))
    read = graph.node("Transpose", reshape(graph, numbers, 0, count, size), perm=[0, 2, 1])
    weights = [graph.weight(f"from_code.{name}", value) for name, value in module.from_code.named_parameters()]
    vectors = graph.node("Transpose", graph.node("Conv", read, *weights, pads=[1, 1]), perm=[0, 2, 1])
    places = place_nodes(graph, lengths, count)
    within = graph.node("Clip", places, np.float32(0.5), np.float32(count - 0.5))
    distances = graph.node("Sub", unsqueeze(graph, within, 2), position_middles(count))
    between = graph.node("MatMul", triangles(graph, distances, np.float32(1)), vectors)
    return graph.convert(module.modulate, "modulate", between, places)


def _conv_decoder(graph: Graph, decoder: ConvDecoder, code: str, lengths: Lengths) -> Sequences:
    positions = position_waves(graph, lengths, decoder.positional_frequencies)
    read = Sequences(graph.node("Concat", _repeated(graph, code, lengths), positions, axis=-1), lengths)
    return _with_head(graph, decoder, graph.convert(decoder.convolutions, "convolutions", read))


def _dense_decoder(graph: Graph, decoder: DenseDecoder, code: str, lengths: Lengths) -> Sequences:
    flat = graph.convert(decoder.layers, "layers", code)
    window = reshape(graph, flat, 0, decoder.steps, decoder.output_size)
    written = Sequences(fit_time(graph, window, decoder.steps, lengths.time), lengths)
    return mask_padding(graph, written) if decoder.head is None else _with_head(graph, decoder, written)


def _constant_decoder(graph: Graph, decoder: ConstantDecoder, code: str, lengths: Lengths) -> Sequences:
    step = unsqueeze(graph, graph.convert(decoder.head, "head", code), 1)
    axes = graph.node("Sub", graph.node("Shape", graph.node("Shape", step)), np.array([2]))
    ones = graph.node("Expand", np.array([1]), axes)
    shape = graph.node("Concat", lengths.batch, lengths.time, ones, axis=0)
    return Sequences(graph.node("Expand", step, shape), lengths)


def _reversed_decoder(graph: Graph, decoder: ReversedDecoder, code: str, lengths: Lengths) -> Sequences:
    return reverse(graph, graph.convert(decoder.decoder, "decoder", code, lengths))


def _autoregressive_decoder(graph: Graph, decoder: AutoregressiveDecoder, code: str, lengths: Lengths) -> Sequences:
    """Add what `LSTM.run_autoregressive` does: a linear head that is read again is a part of the recurrent matrix."""
    feedback = decoder.embed is None and decoder.to_input is None and not decoder.condition_every_step
    if not (feedback and type(decoder.rnn) is LSTM and decoder.rnn.num_layers == 1 and type(decoder.head) is nn.Linear):
        raise graph.refusal(
            "AutoregressiveDecoder has an ONNX form only with an LSTM of one layer and a linear head",
            "Use such a one, or a decoder that writes all steps at once, such as PositionalDecoder",
        )
    hidden = graph.node("Tanh", graph.convert(decoder.code_to_state, "code_to_state", code))
    first = graph.node(
        "Sub", graph.weight("first_step", decoder.first_step), graph.convert(decoder.head, "head", hidden)
    )
    vectors = swap_time(graph, fit_time(graph, unsqueeze(graph, first, 1), 1, lengths.time))
    state = unsqueeze(graph, hidden, 0), graph.node("Mul", unsqueeze(graph, hidden, 0), np.float32(0))
    weights = [_folded(decoder)]
    states = recurrent_node(graph, "LSTM", vectors, lengths.values, weights, "rnn.folded", *state)
    return _with_head(graph, decoder, Sequences(swap_time(graph, states), lengths))


def _folded(decoder: AutoregressiveDecoder) -> RecurrentWeights:
    weight_ih, weight_hh, bias_ih, bias_hh = weights_of(decoder.rnn.forward_layers[0])
    head: Any = decoder.head
    bias_hh = bias_hh if head.bias is None else bias_hh + weight_ih @ head.bias
    return weight_ih, weight_hh + weight_ih @ head.weight, bias_ih, bias_hh


CONVERTERS: dict[Any, Converter] = {
    RepeatDecoder: _repeat_decoder,
    PositionalDecoder: _positional_decoder,
    ResampledDecoder: _resampled_decoder,
    ResampledCode: _resampled_code,
    ConvDecoder: _conv_decoder,
    DenseDecoder: _dense_decoder,
    ConstantDecoder: _constant_decoder,
    ReversedDecoder: _reversed_decoder,
    AutoregressiveDecoder: _autoregressive_decoder,
}
