"""`seqae export`: a saved model as a file that runs without seqae."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from seqae.cli.outputs import refuse_to_overwrite
from seqae.cli.session import saved_in


def export_model(
    model: Path,
    *,
    out: Path,
    to: Literal["onnx"] = "onnx",
    codes_only: bool = False,
    step_shape: tuple[int, ...] = (),
    overwrite: bool = False,
) -> None:
    """Write a saved model as an ONNX file, which runs without Python.

    The file is checked: it gives what the model gives, for any number of sequences of any lengths.

    Example:
        seqae export encoder --to onnx -o encoder.onnx

    Args:
        model: folder of a saved SequenceAutoencoder, or of an encoder, decoder or autoencoder
        out: the file, which ends in .onnx (also -o)
        to: the format
        codes_only: leave out the decoder of an autoencoder
        step_shape: shape of a step where the model does not say it, such as 1 28 28 for images
        overwrite: replace a file that is there already
    """
    folder = saved_in(model)
    from seqae.artifact import load
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder
    from seqae.export import OnnxModel, to_onnx

    refuse_to_overwrite([out], [], overwrite)
    found = load(folder)
    if isinstance(found, SequenceAutoencoder):
        found.to_onnx(out, codes_only=codes_only)
    else:
        to_onnx(found, out, step_shape=step_shape or None, codes_only=codes_only)
    written = OnnxModel(out)
    print(f"reads  {_listed(written.inputs)}")
    print(f"gives  {_listed(written.outputs)}")
    print(f"wrote  {out} ({out.stat().st_size / 1024:,.1f} KiB)")


def _listed(shapes: dict[str, tuple[str | int, ...]]) -> str:
    return ", ".join(f"{name} ({', '.join(map(str, shape))})" for name, shape in shapes.items())
