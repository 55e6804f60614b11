"""Trained models without Python's training stack: ONNX files, and encoders that `torch.export` accepts.

`to_onnx` writes the nodes of a graph itself, one converter beside each module's `forward`, since exporters that record
a run of the model keep its batch size or number of steps. A file takes any batch and time, reads `lengths` beside the
sequences, never reads the padding, and is written only if it gives what the model gives. `OnnxModel` runs it with numpy
and onnxruntime, without torch; `OnnxDetector` does the same for what `AnomalyDetector.to_onnx` wrote.

`torch.export.export` takes a `TensorEncoder`, with dynamic batch and time.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
