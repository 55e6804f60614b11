"""The graph of an ONNX file while it is built."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np
from torch import Tensor

from seqae._extras import require
from seqae.export.onnx_checksum import with_checksum

# Reads attributes of a module (or a function of a batch) and adds the nodes of its `forward`; the other arguments and
# what it returns are those of `forward`, with names of values for tensors.
Converter = Callable[..., Any]
Described = tuple[str, type[np.generic], tuple[str | int, ...]]  # name, type and shape of a value
Operand = str | np.ndarray | np.generic  # the name of a value, or a constant
OPSET, IR_VERSION = 17, 8  # of 2022, so that older runtimes on devices read it, too
_MAX_BYTES = 2**31 - 2**20  # of a protobuf, with room for the nodes


class NoOnnxFormError(ValueError):
    """A part of a model has no ONNX form."""


class Graph:
    """Nodes and weights, in the order in which they are added.

    Args:
        converters: For each class of module or function, what adds its nodes.
    """

    def __init__(self, converters: Mapping[Any, Converter]):
        self._onnx = require("onnx", extra="onnx", purpose="an ONNX file")
        self._converters = converters
        self._path: list[str] = []
        self._nodes: list[Any] = []
        self._count = 0  # of all nodes, also those of subgraphs
        self._weights: dict[str, np.ndarray] = {}
        self._constants: dict[tuple[Any, ...], str] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def convert(self, part: Any, name: str, *arguments: Any) -> Any:
        """Add the nodes of a module or function; return what stands for the result of its `forward`.

        Args:
            part: The module or function.
            name: The attribute of the module above that holds it, for names and messages.
            arguments: Those of its `forward`, as names of values.

        Raises:
            NoOnnxFormError: It has no converter.
        """
        with self.inside(name):
            return self.converter_of(part)(self, part, *arguments)

    def converter_of(self, part: Any) -> Converter:
        """Return what adds the nodes of a module or function; the parameters and errors are those of `convert`."""
        # By the class itself, since a subclass may compute something else; functions by themselves.
        key = part if isinstance(part, FunctionType) else type(part)
        if key not in self._converters:
            raise self.refusal(f"{key.__name__} has no ONNX form")
        return self._converters[key]

    def refusal(self, why: str, remedy: str = "") -> NoOnnxFormError:
        """Return an error about the part that is being converted."""
        remedy = remedy or "Replace it, or keep the model in torch (torch.export takes a seqae.export.TensorEncoder)"
        return NoOnnxFormError(f"{why} ({'.'.join(self._path) or 'the model'}). {remedy}")

    def node(self, operator: str, *operands: Operand, **attributes: Any) -> str:
        """Add a node; return the name of its first output. An operand "" is left out."""
        return self.nodes(operator, 1, *operands, **attributes)[0]

    def nodes(self, operator: str, outputs: int, *operands: Operand, name: str = "", **attributes: Any) -> list[str]:
        """Add a node; return the names of its outputs."""
        name = name or ".".join([*self._path, f"{operator}_{self._count}"])
        self._count += 1
        inputs = [operand if isinstance(operand, str) else self.constant(operand) for operand in operands]
        names = [f"{name}:{index}" if index else name for index in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operator, inputs, names, name=name, **attributes))
        return names

    def constant(self, values: np.ndarray | np.generic) -> str:
        """Return the name of a constant, the same one for equal constants."""
        values = np.asarray(values)
        key = values.dtype.str, values.shape, values.tobytes()
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self._weights[self._constants[key]] = values
        return self._constants[key]

    def weight(self, name: str, values: Tensor | np.ndarray) -> str:
        """Return the name of a weight of the part that is being converted."""
        name = ".".join([*self._path, name])
        array = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
        assert name not in self._weights or np.array_equal(self._weights[name], array, equal_nan=True)
        self._weights[name] = np.ascontiguousarray(array)
        return name

    def input(
        self, name: str, dtype: type[np.generic], shape: tuple[str | int, ...], default: np.ndarray | None = None
    ) -> str:
        """Add an input with named or fixed dimensions, and what it is if it is not given; return its name."""
        self._inputs.append(self._described(name, dtype, shape))
        if default is not None:
            self._weights[name] = np.asarray(default, dtype)
        return name

    def subgraph(
        self, name: str, inputs: Sequence[Described], outputs: Sequence[Described], add: Callable[[], Sequence[str]]
    ) -> Any:
        """Return a graph for an attribute of a node, such as a branch; its nodes may read all values known here.

        Args:
            name: Start of the names of its outputs.
            inputs: Name, type and shape of each input.
            outputs: The same of each output.
            add: Adds its nodes to this graph; returns the values that are its outputs.
        """
        outer, self._nodes = self._nodes, []
        values = add()
        names = [f"{name}.{output}" for output, _, _ in outputs]
        self._nodes += [self._onnx.helper.make_node("Identity", [one], [to]) for one, to in zip(values, names)]
        nodes, self._nodes = self._nodes, outer
        described = [self._described(to, dtype, shape) for to, (_, dtype, shape) in zip(names, outputs)]
        return self._onnx.helper.make_graph(nodes, name, [self._described(*each) for each in inputs], described)

    def output(self, name: str, value: str, dtype: type[np.generic], shape: tuple[str | int, ...]) -> None:
        """Make a value an output, under a name of its own."""
        self._nodes.append(self._onnx.helper.make_node("Identity", [value], [name], name=f"{name}_output"))
        self._outputs.append(self._described(name, dtype, shape))

    def serialize(self, metadata: Mapping[str, str]) -> bytes:
        """Return the checked content of the file.

        Raises:
            ValueError: The weights are too many for a file.
        """
        size = sum(array.nbytes for array in self._weights.values())
        if size > _MAX_BYTES:
            raise ValueError(f"weights of {size / 2**30:.1f} GiB; an ONNX file holds less than 2. Use a smaller model")
        helper, to_proto = self._onnx.helper, self._onnx.numpy_helper.from_array
        weights = [to_proto(array, name) for name, array in self._weights.items()]
        graph = helper.make_graph(self._nodes, "seqae", self._inputs, self._outputs, weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="seqae"
        )
        helper.set_model_props(model, dict(metadata))
        self._onnx.checker.check_model(model, full_check=True)
        return with_checksum(model.SerializeToString(deterministic=True))

    def _described(self, name: str, dtype: type[np.generic], shape: tuple[str | int, ...]) -> Any:
        element = self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        return self._onnx.helper.make_tensor_value_info(name, element, shape)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Put a name before those of the nodes and weights that are added meanwhile."""
        self._path += [name] if name else []
        yield
        del self._path[len(self._path) - bool(name) :]
