"""`seqae export`: a saved model as a file that runs without seqae."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seqae.cli.json_report import json_report
from seqae.cli.outputs import refuse_to_overwrite
from seqae.cli.session import saved_in

if TYPE_CHECKING:
    from seqae.export import OnnxDetector, OnnxModel


def export_model(
    model: Path,
    *,
    out: Path,
    to: Literal["onnx"] = "onnx",
    codes_only: bool = False,
    step_shape: tuple[int, ...] = (),
    overwrite: bool = False,
    json: bool = False,
) -> None:
    """Write a saved model as an ONNX file, which runs without Python.

    The file is checked: it gives what the model gives, for any number of sequences of any lengths. A detector is
    written whole: the file reads rows and gives scores, channel scores and alarms.

    With --json: model, kind, reads and gives (shapes by name), written, bytes.

    Example:
        seqae export encoder --to onnx -o encoder.onnx

    Args:
        model: folder of a saved SequenceAutoencoder or AnomalyDetector, or of an encoder, decoder or autoencoder
        out: the file, which ends in .onnx (also -o)
        to: the format
        codes_only: leave out the decoder of an autoencoder
        step_shape: shape of a step where the model does not say it, such as 1 28 28 for images
        overwrite: replace a file that is there already
        json: print one JSON object on standard output
    """
    folder = saved_in(model)
    from seqae.artifact import load

    with json_report(json) as report:
        refuse_to_overwrite([out], [], overwrite)
        found = load(folder)
        written = _written(found, out, codes_only, step_shape)
        size = out.stat().st_size
        report |= {"model": folder, "kind": type(found).__name__, "reads": written.inputs, "gives": written.outputs}
        report |= {"written": out, "bytes": size}
        print(f"reads  {_listed(written.inputs)}")
        print(f"gives  {_listed(written.outputs)}")
        print(f"wrote  {out} ({size / 1024:,.1f} KiB)")


def _written(found: Any, out: Path, codes_only: bool, step_shape: tuple[int, ...]) -> OnnxModel | OnnxDetector:
    """Write a model to a file, and return what reads it."""
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
    from seqae.export import OnnxDetector, OnnxModel, to_onnx

    if isinstance(found, AnomalyDetector):
        if codes_only or step_shape:
            name = "codes_only" if codes_only else "step_shape"
            raise ValueError(f"{name}=True is for encoders and autoencoders, and this is a detector. Leave it out")
        return OnnxDetector(found.to_onnx(out))
    if isinstance(found, SequenceAutoencoder):
        return OnnxModel(found.to_onnx(out, codes_only=codes_only))
    return OnnxModel(to_onnx(found, out, step_shape=step_shape or None, codes_only=codes_only))


def _listed(shapes: dict[str, tuple[str | int, ...]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())
