"""A model in torch, with the inputs and outputs of its ONNX file."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.modules.decoders import Decoder
from seqae.modules.encoders import Encoder
from seqae.transforms.scaler import Scaler

Arrays = dict[str, np.ndarray]


class Reference:
    """What a file should compute; works on a copy of the model, on the CPU and in evaluation mode.

    Args:
        model: The model.
        scaler: Scales what it reads, and scales back what it writes; None for neither.
        codes_only: Whether an autoencoder writes its codes alone.
    """

    def __init__(self, model: Encoder | Decoder | Autoencoder, scaler: Scaler | None, codes_only: bool):
        self.model: Any = copy.deepcopy(model).cpu().eval()
        self.scaler = scaler
        self.codes_only = codes_only

    def double(self) -> Reference:
        """Return the same with float64 in place of float32."""
        wider = copy.copy(self)
        wider.model = copy.deepcopy(self.model).double()
        return wider

    def outputs(self, inputs: Arrays) -> Arrays:
        """Return the outputs by name, with zeros as padding of `(batch, time, *prediction)`.

        Args:
            inputs: `sequences`, or `codes` for a decoder, and `lengths`.
        """
        with torch.inference_mode():
            return {name: tensor.numpy() for name, tensor in self._tensors(inputs).items()}

    def _tensors(self, inputs: Arrays) -> dict[str, Tensor]:
        lengths = torch.from_numpy(inputs["lengths"])
        if "codes" in inputs:
            code = torch.from_numpy(inputs["codes"]).to(self._dtype)
            return {"reconstruction": self._unscaled(self.model(code, lengths), int(lengths.max()))}
        batch = Batch(self._scaled(inputs["sequences"]), lengths)
        if isinstance(self.model, Encoder):
            return {"codes": self.model(batch)}
        found = {"codes": self.model.encode(batch)}
        if self.model.length is not None:
            found["predicted_lengths"] = self.model.length(found["codes"])
        if not self.codes_only:
            prediction = self.model.decode(found["codes"], lengths)
            found["reconstruction"] = self._unscaled(prediction, batch.values.shape[1])
        return found

    @property
    def _dtype(self) -> torch.dtype:
        return next((parameter.dtype for parameter in self.model.parameters()), torch.float32)

    def _scaled(self, values: np.ndarray) -> Tensor:
        if self.scaler is not None:
            with np.errstate(invalid="ignore", over="ignore"):  # of the padding
                values = self.scaler.transform(values.reshape(-1, values.shape[-1])).reshape(values.shape)
        tensor = torch.from_numpy(values)
        return tensor.to(self._dtype) if tensor.is_floating_point() else tensor

    def _unscaled(self, prediction: Batch, time: int) -> Tensor:
        if self.scaler is not None:
            if np.shape(self.scaler.mean_) not in ((), prediction.values.shape[2:]):
                raise ValueError(
                    f"a scaler of {np.size(self.scaler.mean_)} channels for predictions of "
                    f"{prediction.values.shape[2:].numel()} values. Give none, or a head that writes a value for each "
                    "channel"
                )
            units = self.scaler.inverse_transform(prediction.values.double().numpy())
            prediction = Batch(torch.from_numpy(units), prediction.lengths)
        values = prediction.mask_padding().values
        steps = values.flatten(2) if values.ndim > 2 else values.unsqueeze(2)
        padded = F.pad(steps, (0, 0, 0, time - values.shape[1]))
        return padded.reshape(*padded.shape[:2], *values.shape[2:])
