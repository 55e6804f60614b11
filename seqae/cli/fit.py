"""`seqae fit`: a `SequenceAutoencoder` trained on files."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from seqae.cli.json_report import json_report
from seqae.cli.messages import rewording
from seqae.data.signals.options import ReadingKeywords, ReadingOptions

if TYPE_CHECKING:
    from seqae.cli.inputs import Inputs
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder

Architecture = Literal["resampled", "lstm", "gru", "conv", "attention"]
_MODEL_FILES = ("seqae.json", "model.safetensors")


def fit_autoencoder(
    data: list[Path],
    *,
    out: Path,
    architecture: Architecture = "conv",
    code_size: int = 16,
    hidden_size: int | None = None,
    window: int | None = None,
    tokens: bool = False,
    num_channels: int | None = None,
    epochs: int | None = None,
    batch_size: int = 32,
    size: tuple[int, ...] = (),
    grey: bool = False,
    seed: int = 0,
    overwrite: bool = False,
    json: bool = False,
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Train an autoencoder on sequences in files, without labels; or with --detector an anomaly detector.

    For a detector see seqae fit --detector --help.

    The files are all of one kind, which the ends of their names tell; a folder stands for the files in it:

        tables  .csv .tsv .parquet .jsonl .ndjson   each file is a sequence; with --window it is cut in windows
        arrays  .npz                                each array is a sequence (time, channel); or one array, see .npy
                .npy                                (sequence, time, channel), NaN after the end of a shorter one
                .ts                                 each case is a sequence (UCR and UEA archives); labels are not read
        texts   .txt                                each line is a text
        audio   .wav .flac .ogg .mp3 ...            each file is a sequence of log-mel frames
        videos  .mp4 .avi .gif ...                  each file is a sequence of frames
        images  .png .jpg ...                       each is a sequence of one step; a folder of images within a folder
                                                    is one sequence, in the order of the numbers in their names

    With --json: data (kind of the sequences, kind of files, sequences, text), model (architecture, code_size, window,
    parameters), metrics (such as r2, r2_mean, r2_pca, length_error), held_out, warnings, notes, written.

    Example:
        seqae fit week/ --window 64 --epochs 20 -o pump
        seqae fit reviews.txt --architecture lstm --code-size 32 -o reviews_model

    Args:
        data: files of one kind, or folders of these
        out: folder for the model
        architecture: network over time of encoder and decoder
        code_size: numbers in a code
        hidden_size: size of the vectors within the network
        window: rows of the windows that tables are cut in; without it each table is a sequence
        tokens: whole numbers are ids of tokens, and no readings
        num_channels: number of channels to expect in arrays; by default a doubtful shape is asked back
        epochs: passes over the sequences; by default as many as make 2,000 steps, at most 200
        batch_size: sequences in a batch
        size: height and width to scale videos and images to
        grey: make one channel of the colours of videos and images
        seed: seed of weights, batches and held-out sequences
        overwrite: replace a model that is there already
        json: print one JSON object on standard output, and all else on standard error
    """
    from seqae.cli.inputs import FileOptions, read_inputs, refuse_options_of_others

    with json_report(json) as report:
        refuse_target(out, overwrite)
        if code_size < 1:
            raise ValueError(f"code_size={code_size}. Expected a whole number of at least 1")
        options = FileOptions(ReadingOptions.of(**reading), size=size, grey=grey)
        inputs = read_inputs(data, options)
        refuse_options_of_others(inputs.kind, options)
        if window is not None and inputs.kind not in ("tables", "arrays"):
            raise ValueError(f"window={window} cuts tables, and these are {inputs.kind}. Leave it out")
        from seqae.estimators.sequence_autoencoder import SequenceAutoencoder

        estimator = SequenceAutoencoder(
            architecture,
            code_size,
            hidden_size=hidden_size,
            window=window,
            tokens=tokens,
            channels=num_channels,
            epochs=epochs,
            batch_size=batch_size,
            random_state=seed,
            verbose=True,
        )
        print(f"data   {inputs}{'' if window is None else f', cut in windows of {window:,} rows'}")
        _fit(estimator, inputs)
        estimator.save(out)
        _show(estimator, inputs, out)
        report |= _summary(estimator, inputs, out)


def refuse_target(out: Path, overwrite: bool) -> None:
    """Raise an OSError if a model cannot be written to a folder, or is there already; before any work is done."""
    if out.exists() and not out.is_dir():
        raise FileExistsError(f"{out} is a file. Give a folder for the model")
    if any((out / name).exists() for name in _MODEL_FILES) and not overwrite:
        raise FileExistsError(f"{out} holds a model already. Add --overwrite, or give another folder")
    above = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):  # better now than after training
        raise PermissionError(f"nothing can be written to {above}. Give another folder for the model")


def _fit(estimator: SequenceAutoencoder, inputs: Inputs) -> None:
    items: list[Any] = inputs.items
    if estimator.window is not None and inputs.kind == "arrays":
        from seqae.data.signals.loading import as_recordings

        items = as_recordings(items)

    def in_words(text: str) -> str:
        text = inputs.in_words(text) if estimator.window is None else text
        return text if inputs.kind == "tables" else text.replace("channels=", "num_channels=")

    with rewording(in_words), redirect_stdout(io.StringIO()):  # progress is on standard error
        estimator.fit(items)
    estimator.set_params(verbose=False)


def _show(estimator: SequenceAutoencoder, inputs: Inputs, out: Path) -> None:
    """Print the model, what it learnt, what was written, and what to do next."""
    count = _parameters(estimator)
    print(f"model  {estimator.architecture}, codes of {estimator.code_size} numbers, {count:,} parameters")
    print(f"learnt {estimator.report_}")
    for warning in estimator.warnings_:
        print(f"note   {warning}")
    for warning in inputs.warnings:
        print(f"note   {warning}")
    print(f"wrote  {out}")
    print(f"next   seqae encode {out} FILES, reconstruct, score; seqae inspect {out}")


def _summary(estimator: SequenceAutoencoder, inputs: Inputs, out: Path) -> dict[str, Any]:
    return {
        "data": {"kind": estimator.kind_, "files": inputs.kind, "sequences": len(inputs.items), "text": str(inputs)},
        "model": {
            "architecture": estimator.architecture,
            "code_size": estimator.code_size,
            "window": estimator.window,
            "parameters": _parameters(estimator),
        },
        "metrics": estimator.report_.metrics(),
        "held_out": estimator.report_.held_out,
        "warnings": estimator.warnings_,
        "notes": inputs.warnings,
        "written": [out],
    }


def _parameters(estimator: SequenceAutoencoder) -> int:
    return sum(weights.numel() for weights in estimator.model_.parameters())
