"""Encoders as nodes: from `Sequences` to codes, `(batch, code_size)`."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from seqae.export.graph import Converter, Graph
from seqae.export.networks import halves
from seqae.export.poolings import max_of, mean_of, segment_means_of
from seqae.export.positions import modulated, place_nodes, position_middles, position_waves, triangles
from seqae.export.sequences import Sequences, fit_time, last_steps, map_steps, mask_padding, reshape, unsqueeze
from seqae.modules.encoders import (
    ConvEncoder,
    DenseEncoder,
    MeanEncoder,
    MeanMaxEncoder,
    RecurrentEncoder,
    SegmentMeanEncoder,
)
from seqae.modules.images import ImageEncoder
from seqae.modules.pooling import SegmentMeanPooling
from seqae.modules.positional import PositionalEncoder
from seqae.modules.positions import PhaseModulation
from seqae.modules.posteriors import BatchNormPosterior
from seqae.modules.recurrent import RecurrentLayer
from seqae.modules.resampled import ResampledEncoder
from seqae.modules.stacked import StackedEncoder

_FLOAT32 = 1  # the number that ONNX gives to this type


def _embedded(graph: Graph, batch: Sequences, embed: nn.Module | None) -> Sequences:
    return batch if embed is None else map_steps(graph, batch, embed, "embed")


def _recurrent_encoder(graph: Graph, encoder: RecurrentEncoder, batch: Sequences) -> str:
    hidden = graph.convert(encoder.rnn, "rnn", _embedded(graph, batch, encoder.embed))
    if encoder.pool is None:
        pooled = _last_output(graph, encoder.rnn, hidden)
    else:
        pooled = graph.convert(encoder.pool, "pool", hidden)
    return _projected(graph, encoder, pooled, batch)


def _projected(graph: Graph, encoder: RecurrentEncoder | PositionalEncoder, pooled: str, batch: Sequences) -> str:
    return graph.convert(
        encoder.project, "project", _with_log_length(graph, pooled, batch) if encoder.reads_length else pooled
    )


def _with_log_length(graph: Graph, vectors: str, batch: Sequences) -> str:
    lengths = graph.node("Cast", batch.lengths.values, to=_FLOAT32)
    return graph.node("Concat", vectors, unsqueeze(graph, graph.node("Log", lengths), 1), axis=1)


def _last_output(graph: Graph, rnn: RecurrentLayer, hidden: Sequences) -> str:
    last = last_steps(graph, hidden)
    if not rnn.bidirectional:
        return last
    forward = halves(graph, last)[0]
    backward = halves(graph, graph.node("Gather", hidden.values, np.int64(0), axis=1))[1]
    return graph.node("Concat", forward, backward, axis=-1)


def _conv_encoder(graph: Graph, encoder: ConvEncoder, batch: Sequences) -> str:
    hidden = graph.convert(encoder.convolutions, "convolutions", _embedded(graph, batch, encoder.embed))
    return graph.convert(encoder.project, "project", graph.convert(encoder.pool, "pool", hidden))


def _positional_encoder(graph: Graph, encoder: PositionalEncoder, batch: Sequences) -> str:
    read = mask_padding(graph, _embedded(graph, batch, encoder.embed))
    positions = position_waves(graph, batch.lengths, encoder.frequencies)
    scale, shift = halves(graph, graph.convert(encoder.from_position, "from_position", positions))
    steps = graph.convert(encoder.from_step, "from_step", read.values)
    scaled = graph.node("Mul", steps, graph.node("Add", scale, np.float32(1)))
    vectors = read.with_values(graph.node("Add", scaled, shift))
    pooled = graph.convert(encoder.pool, "pool", graph.convert(encoder.network, "network", vectors))
    return _projected(graph, encoder, pooled, batch)


def _resampled_encoder(graph: Graph, encoder: ResampledEncoder, batch: Sequences) -> str:
    read = mask_padding(graph, _embedded(graph, batch, encoder.embed))
    places = place_nodes(graph, batch.lengths, encoder.num_positions)
    steps = graph.convert(encoder.from_step, "from_step", read.values)
    vectors = read.with_values(graph.convert(encoder.modulate, "modulate", steps, places))
    vectors = mask_padding(graph, graph.convert(encoder.network, "network", vectors))
    clean = graph.convert(encoder.modulate_read, "modulate_read", vectors.values, places)
    means = graph.node("MatMul", _windows(graph, encoder.num_positions, places, batch), clean)
    code = reshape(graph, graph.convert(encoder.project, "project", means), 0, -1)
    code = _with_log_length(graph, code, batch) if encoder.keeps_length else code
    return code if encoder.to_code is None else graph.convert(encoder.to_code, "to_code", code)


def _windows(graph: Graph, num_positions: int, places: str, batch: Sequences) -> str:
    lengths = graph.node("Cast", batch.lengths.values, to=_FLOAT32)
    reach = graph.node("Max", graph.node("Div", np.float32(num_positions), lengths), np.float32(1))
    distances = graph.node("Sub", unsqueeze(graph, places, 1), position_middles(num_positions)[:, None])
    weights = triangles(graph, distances, unsqueeze(graph, reach, 1, 2))
    weights = graph.node("Mul", weights, graph.node("Cast", unsqueeze(graph, batch.lengths.mask, 1), to=_FLOAT32))
    return graph.node("Div", weights, graph.node("ReduceSum", weights, np.array([-1]), keepdims=1))


def _dense_encoder(graph: Graph, encoder: DenseEncoder, batch: Sequences) -> str:
    values = mask_padding(graph, _embedded(graph, batch, encoder.embed)).values
    window = fit_time(graph, values, batch.lengths.time, encoder.steps)
    flat = reshape(graph, window, -1, encoder.steps * encoder.input_size)
    return graph.convert(encoder.layers, "layers", flat)


def _mean_encoder(graph: Graph, encoder: MeanEncoder, batch: Sequences) -> str:
    return graph.convert(encoder.project, "project", mean_of(graph, _embedded(graph, batch, encoder.embed)))


def _segment_mean_encoder(graph: Graph, encoder: SegmentMeanEncoder, batch: Sequences) -> str:
    return segment_means_of(graph, SegmentMeanPooling(encoder.num_segments), graph.convert(encoder.rnn, "rnn", batch))


def _mean_max_encoder(graph: Graph, encoder: MeanMaxEncoder, batch: Sequences) -> str:
    read = mask_padding(graph, _embedded(graph, batch, encoder.embed))
    states = graph.convert(encoder.rnn, "rnn", read)
    return graph.node("Concat", mean_of(graph, read), mean_of(graph, states), max_of(graph, states), axis=1)


def _image_encoder(graph: Graph, encoder: ImageEncoder, batch: Sequences) -> str:
    return graph.convert(encoder.embed, "embed", graph.node("Gather", batch.values, np.int64(0), axis=1))


def _batch_norm_posterior(graph: Graph, encoder: BatchNormPosterior, batch: Sequences) -> str:
    mean, log_variance = halves(graph, graph.convert(encoder.encoder, "encoder", batch))
    normed = graph.node("Mul", graph.convert(encoder.norm, "norm", mean), np.float32(encoder.std))
    return graph.node("Concat", normed, log_variance, axis=1)


def _stacked_encoder(graph: Graph, encoder: StackedEncoder, batch: Sequences) -> str:
    for index, layer in enumerate(encoder.layers):
        batch = graph.convert(layer, f"layers.{index}", batch)
    return graph.convert(encoder.pool, "pool", batch)


CONVERTERS: dict[Any, Converter] = {
    RecurrentEncoder: _recurrent_encoder,
    ConvEncoder: _conv_encoder,
    PositionalEncoder: _positional_encoder,
    ResampledEncoder: _resampled_encoder,
    PhaseModulation: modulated,
    DenseEncoder: _dense_encoder,
    MeanEncoder: _mean_encoder,
    SegmentMeanEncoder: _segment_mean_encoder,
    MeanMaxEncoder: _mean_max_encoder,
    ImageEncoder: _image_encoder,
    BatchNormPosterior: _batch_norm_posterior,
    StackedEncoder: _stacked_encoder,
}
