from .onnx_detector import OnnxDetector as OnnxDetector
from .onnx_detector import OnnxScores as OnnxScores
from .onnx_file import to_onnx as to_onnx
from .onnx_model import OnnxModel as OnnxModel
from .tensors import TensorEncoder as TensorEncoder
