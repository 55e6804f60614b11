"""Models as ONNX files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from seqae._extras import require
from seqae._files import require_local_path, write_atomically
from seqae._version import __version__
from seqae.autoencoder import Autoencoder
from seqae.export import codes, decoders, encoders, layers, networks, poolings
from seqae.export.graph import Graph
from seqae.export.parity import check_parity, example_inputs, largest_batch
from seqae.export.reference import Arrays, Reference
from seqae.export.scaling import scale_values, unscale_values
from seqae.export.sequences import (
    Lengths,
    Sequences,
    mask_padding,
    mask_steps,
    nan_unless_finite,
    read_lengths,
    unsqueeze,
)
from seqae.export.steps import StepKind, code_size_of, longest_of, reads_missing, step_kind_of
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.transforms.scaler import Scaler

CONVERTERS = {
    converted: converter
    for module in (layers, networks, poolings, encoders, codes, decoders)
    for converted, converter in module.CONVERTERS.items()
}
_EXPECTED = "Expected an Encoder, a Decoder or an Autoencoder"


def to_onnx(
    model: Encoder | Decoder | Autoencoder,
    path: str | os.PathLike[str],
    *,
    scaler: Scaler | None = None,
    step_shape: tuple[int, ...] | None = None,
    codes_only: bool = False,
) -> Path:
    """Write a trained model to an ONNX file (opset 17) for any batch and time; return its path.

    Its inputs are `sequences`, `(batch, time, *step)` float32 or `(batch, time)` int64 tokens, and `lengths`,
    `(batch,)` int64. Its outputs are `codes`, `(batch, code_size)`; of an autoencoder also `reconstruction`,
    `(batch, time, *prediction)` with zeros as padding, and `predicted_lengths`, `(batch,)`, if it has learnt lengths.
    A decoder reads `codes` and `lengths`. The padding of `sequences` is never read. Lengths below 1 or above the number
    of steps are an error at run time; values that are not finite give NaN, unless the model reads missing values.

    The file is checked before it gets its name: at several sizes, onnxruntime gives what the model gives, to 1e-6 of
    the largest output (or of 1), or to four times the rounding error of torch, where that is more.

    >>> import tempfile, torch
    >>> from pathlib import Path
    >>> from seqae import LSTM, RecurrentEncoder
    >>> from seqae.export import OnnxModel, to_onnx
    >>> encoder = RecurrentEncoder(LSTM(3, 8), code_size=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = to_onnx(encoder, Path(folder) / "encoder.onnx")
    ...     OnnxModel(path).encode([torch.zeros(5, 3).numpy(), torch.zeros(2, 3).numpy()]).shape
    (2, 4)

    Args:
        model: Its weights are float32; it is used in evaluation mode and stays as it is.
        path: The file, which ends in .onnx; replaced at one moment.
        scaler: Put into the graph, so that it reads readings and writes reconstructions in the units of the data. Its
            attributes may be single numbers, `()`, for steps of any shape.
        step_shape: The shape of a step where the layers do not say it, such as `(1, 28, 28)` before a convolution.
        codes_only: Whether to leave out the decoder of an autoencoder.

    Raises:
        ValueError: A part of the model has no ONNX form, the path does not end in .onnx, the scaler does not fit, or
            the check fails. Nothing is written.
        FileNotFoundError: There is no such folder.
        MissingExtra: onnx or onnxruntime is not installed.
    """
    target = onnx_target(path)
    _check_model(model, scaler)
    require("onnxruntime", extra="onnx", purpose="the check of an ONNX file")
    reference = Reference(model, scaler, codes_only)
    graph = Graph(CONVERTERS)
    if not isinstance(model, Autoencoder):
        graph.converter_of(model)
    kind = None if isinstance(model, Decoder) else _step_kind(model, step_shape, scaler)
    code_size = code_size_of(model) if kind is None else 0
    outputs = _add_nodes(graph, reference, kind, code_size)
    settings = kind, code_size, longest_of(model), scaler, reads_missing(model)
    written = _written_for(reference, next(example_inputs(*settings)))
    _add_outputs(graph, outputs, written)
    content = graph.serialize({"seqae": __version__, "model": type(model).__name__})
    check_parity(content, reference, example_inputs(*settings, largest_batch(written)))
    return write_atomically(target, content)


def onnx_target(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file to write; the errors are those of `to_onnx`."""
    target = require_local_path(path)
    if target.suffix != ".onnx":
        raise ValueError(f"{target} does not end in .onnx. Give the name of an ONNX file, such as model.onnx")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no folder {target.parent} for {target.name}. Create it, or give another path")
    return target


def _check_model(model: object, scaler: Scaler | None) -> None:
    if not isinstance(model, Encoder | Decoder | Autoencoder):
        remedy = "Call its own method, to_onnx" if hasattr(model, "to_onnx") else _EXPECTED
        raise ValueError(f"a {type(model).__name__} has no ONNX form. {remedy}")
    refuse_other_dtypes(model)
    if scaler is not None and not hasattr(scaler, "mean_"):
        raise ValueError("a scaler that is not fitted. Fit it to the data that the model was trained on")


def refuse_other_dtypes(model: nn.Module) -> None:
    """Raise a ValueError if a model has weights that are not float32."""
    other = {p.dtype for p in model.parameters() if p.dtype.is_floating_point} - {torch.float32}
    if other:
        raise ValueError(
            f"weights of {min(map(str, other))}; an ONNX file holds float32. Convert the model: model.float()"
        )


def _step_kind(model: Encoder | Autoencoder, step_shape: tuple[int, ...] | None, scaler: Scaler | None) -> StepKind:
    kind = step_kind_of(model.encoder if isinstance(model, Autoencoder) else model, step_shape)
    if scaler is not None and (kind.vocabulary is not None or np.shape(scaler.mean_) not in ((), kind.shape)):
        reads = "tokens" if kind.vocabulary is not None else f"steps of shape {kind.shape}"
        raise ValueError(
            f"a scaler of {np.size(scaler.mean_)} channels for a model that reads {reads}. Give none, or its own"
        )
    return kind


def _add_nodes(graph: Graph, reference: Reference, kind: StepKind | None, code_size: int) -> dict[str, str]:
    """Add inputs and nodes; return the values that are outputs, by name."""
    model = reference.model
    limit = longest_of(model)
    if kind is None:
        code = graph.input("codes", np.float32, ("batch", code_size))
        lengths = read_lengths(graph, graph.input("lengths", np.int64, ("batch",)), _sizes(graph, code)[0], None, limit)
        return {"reconstruction": _reconstruction(graph, reference, model, "", code, lengths)}
    read = _read(graph, kind, reference.scaler, limit)
    code = _codes(graph, model, read, kind)
    outputs = {"codes": code}
    if isinstance(model, Encoder):
        return outputs
    if model.length is not None:
        outputs["predicted_lengths"] = graph.convert(model.length, "length", code)
    if not reference.codes_only:
        outputs["reconstruction"] = _reconstruction(graph, reference, model.decoder, "decoder", code, read.lengths)
    return outputs


def _codes(graph: Graph, model: Any, read: Sequences, kind: StepKind) -> str:
    """Add an encoder and a bottleneck; return codes, NaN for a sequence with values that the model can't read."""
    if isinstance(model, Encoder):
        code = graph.convert(model, "", read)
    else:
        code = graph.convert(model.encoder, "encoder", read)
        code = code if model.code is None else graph.convert(model.code, "code", code)
    if kind.vocabulary is not None:
        return code
    added = nan_unless_finite(graph, read.values, nan_is_read=reads_missing(model))
    return graph.node("Add", code, unsqueeze(graph, added, 1))


def _read(graph: Graph, kind: StepKind, scaler: Scaler | None, limit: int | None) -> Sequences:
    """Add the inputs; return scaled sequences with zeros as padding."""
    dtype = np.float32 if kind.vocabulary is None else np.int64
    values = graph.input("sequences", dtype, ("batch", "time", *kind.shape))
    batch, time = _sizes(graph, values)
    lengths = read_lengths(graph, graph.input("lengths", np.int64, ("batch",)), batch, time, limit)
    if scaler is not None:
        values = scale_values(graph, scaler, values)
    return mask_padding(graph, Sequences(values, lengths), len(kind.shape), dtype)


def _sizes(graph: Graph, values: str) -> tuple[str, str]:
    """Return the first two sizes of a value, `(1,)` each."""
    shape = graph.node("Shape", values)
    first, second = (graph.node("Slice", shape, np.array([at]), np.array([at + 1])) for at in (0, 1))
    return first, second


def _reconstruction(
    graph: Graph, reference: Reference, decoder: Decoder, name: str, code: str, lengths: Lengths
) -> str:
    """Add a decoder; return its predictions in the units of the data, with zeros as padding."""
    written = graph.convert(decoder, name, code, lengths)
    if reference.scaler is not None:
        written = written.with_values(unscale_values(graph, reference.scaler, written.values))
    return mask_steps(graph, written, nan_unless_finite(graph, code))


def _written_for(reference: Reference, example: Arrays) -> Arrays:
    """Return the outputs of the model."""
    try:
        return reference.outputs(example)
    except RuntimeError as error:
        shapes = ", ".join(f"{name} of shape {array.shape}" for name, array in example.items())
        why = str(error).partition("\n")[0]
        raise ValueError(f"the model can't read {shapes} ({why}). Give the step_shape that it reads") from error


def _add_outputs(graph: Graph, outputs: dict[str, str], example: Arrays) -> None:
    """Add the outputs, with the sizes that those of an example have."""
    for name, value in outputs.items():
        free: tuple[str | int, ...] = ("batch", "time") if name == "reconstruction" else ("batch",)
        dtype = np.int64 if name == "predicted_lengths" else np.float32
        graph.output(name, value, dtype, (*free, *example[name].shape[len(free) :]))
