"""ONNX files of `to_onnx`, run without torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqae._extras import require
from seqae._files import reason
from seqae.export.onnx_checksum import refuse_changed


class OnnxModel:
    """A file that `to_onnx` wrote, run by onnxruntime on the CPU; it needs numpy, and no torch.

    Without seqae, two lines do the same, given an array of padded sequences:

        session = onnxruntime.InferenceSession("model.onnx")
        (codes,) = session.run(["codes"], {"sequences": values, "lengths": lengths})

    Args:
        path: The file.
        batch_size: The number of sequences that are computed together; the results do not depend on it.
        changed: Accept a file that another tool has changed since it was written, for example to smaller numbers.

    Attributes:
        inputs: The shape of each input by its name, with "batch" and "time" for sizes that are free.
        outputs: The same of each output.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such model.
        MissingExtra: onnxruntime is not installed.
    """

    def __init__(self, path: str | os.PathLike[str], batch_size: int = 256, changed: bool = False):
        self._session = open_session(path, changed)
        self.batch_size = batch_size
        self.path = Path(path)
        self._run_options = require("onnxruntime", extra="onnx", purpose="an ONNX file").RunOptions()
        self._run_options.only_execute_path_to_fetches = True
        self._types = {each.name: each.type for each in self._session.get_inputs()}
        self.inputs = {each.name: tuple(each.shape) for each in self._session.get_inputs()}
        self.outputs = {each.name: tuple(each.shape) for each in self._session.get_outputs()}
        if not all(isinstance(size, int) for size in self.inputs.get("sequences", ())[2:]):
            raise ValueError(f"{path} is none of to_onnx: it reads sequences of shape {self.inputs['sequences']}")

    def encode(self, sequences: Sequence[np.ndarray]) -> np.ndarray:
        """Return the codes of sequences `(time, *step)` of any lengths, `(sequence, code_size)` float32.

        Raises:
            ValueError: The file has no encoder, or the sequences are not what it reads.
        """
        return np.concatenate([codes for codes, _ in self._over_batches("codes", sequences)])

    def reconstruct(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the reconstruction of each sequence `(time, *step)`, `(time, *prediction)` each.

        Raises:
            ValueError: The file holds no autoencoder, or the sequences are not what it reads.
        """
        found = self._over_batches("reconstruction", sequences)
        return [row[:length] for values, lengths in found for row, length in zip(values, lengths)]

    def decode(self, codes: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
        """Return the sequences that a decoder writes, `(time, *prediction)` each.

        Args:
            codes: `(sequence, code_size)`.
            lengths: `(sequence,)`, the number of steps of each.

        Raises:
            ValueError: The file holds no decoder alone, or the lengths are not from 1.
        """
        inputs: dict[str, np.ndarray] = {
            "codes": np.asarray(codes, np.float32),
            "lengths": np.asarray(lengths, np.int64),
        }
        values = self._run("reconstruction", inputs)
        return [row[:length] for row, length in zip(values, inputs["lengths"])]

    def _over_batches(self, output: str, sequences: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield an output and the lengths of each batch."""
        if len(sequences) == 0:
            raise ValueError("no sequences. Give one at least")
        for start in range(0, len(sequences), self.batch_size):
            inputs = self._padded(sequences[start : start + self.batch_size], start)
            yield self._run(output, inputs), inputs["lengths"]

    def _padded(self, sequences: Sequence[np.ndarray], start: int) -> dict[str, np.ndarray]:
        if "sequences" not in self.inputs:
            raise ValueError(f"{self.path} reads {' and '.join(self.inputs)}, no sequences. Use decode")
        shape = self.inputs["sequences"][2:]
        dtype = np.int64 if self._types["sequences"] == "tensor(int64)" else np.float32
        lengths = np.array([len(sequence) for sequence in sequences], np.int64)
        for index, sequence in enumerate(sequences):  # before an array of what the file says is made
            if len(sequence) == 0 or np.shape(sequence)[1:] != shape:
                raise ValueError(
                    f"sequence {start + index} is of shape {np.shape(sequence)}; {self.path} reads "
                    f"{('time', *shape)} with at least one step"
                )
        values = np.zeros((len(sequences), max(lengths), *shape), dtype)
        for row, sequence in zip(values, sequences):
            row[: len(sequence)] = sequence
        return {"sequences": values, "lengths": lengths}

    def _run(self, output: str, inputs: dict[str, np.ndarray]) -> Any:
        if output not in self.outputs or inputs.keys() != self.inputs.keys():
            raise ValueError(
                f"{self.path} gives {' and '.join(sorted(self.outputs))} for {' and '.join(self.inputs)}, not "
                f"{output} for {' and '.join(inputs)}. Export the part of the model that does"
            )
        try:
            found = self._session.run([output], inputs, self._run_options)[0]
        except Exception as error:
            raise ValueError(f"{self.path} can't read these inputs: {reason(error)}") from error
        if np.shape(found)[:1] != inputs["lengths"].shape or len(np.shape(found)) < 2:
            raise ValueError(
                f"{self.path} gives {output} of shape {np.shape(found)} for {len(inputs['lengths'])} sequences"
            )
        return found


def open_session(path: str | os.PathLike[str], changed: bool) -> Any:
    """Return the session of onnxruntime for a file, on the CPU; arguments and errors are those of `OnnxModel`."""
    runtime = require("onnxruntime", extra="onnx", purpose="an ONNX file")
    if not Path(path).exists():
        raise FileNotFoundError(f"no file {path}. Write one with seqae.export.to_onnx")
    if not changed:
        refuse_changed(Path(path))
    options = runtime.SessionOptions()
    options.log_severity_level = 4  # errors are raised; logged, they would come twice
    try:
        return runtime.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # onnxruntime has a class for each kind of damage
        raise ValueError(f"{path} is no ONNX model. Write one with seqae.export.to_onnx") from error
