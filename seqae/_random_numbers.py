"""Random numbers of torch for one thread alone; torch's own generator is that of the whole process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack

# Functions that take a generator, and others that draw within: by name, since some are functions and methods.
_TAKE_A_GENERATOR = {
    "bernoulli", "bernoulli_", "cauchy_", "exponential_", "geometric_", "log_normal_", "multinomial", "normal",
    "normal_", "rand", "randint", "randn", "random_", "randperm", "uniform_", "kaiming_uniform_",
}  # fmt: skip
_WITH_DROPOUT = {"gru", "lstm", "rnn_relu", "rnn_tanh", "scaled_dot_product_attention"}  # which may be 0
_DRAW = {
    "_sample_dirichlet", "_standard_gamma", "alpha_dropout", "alpha_dropout_", "binomial", "dropout1d", "dropout2d",
    "dropout3d", "dropout_", "feature_alpha_dropout", "feature_dropout", "fractional_max_pool2d",
    "fractional_max_pool3d", "gumbel_softmax", "multi_head_attention_forward", "poisson", "randint_like", "rrelu",
    "rrelu_",
}  # fmt: skip
_global_generator = threading.Lock()


class LocalRandomNumbers(TorchFunctionMode):
    """Within it, this thread draws from generators of its own; what other threads draw changes nothing here.

    The weights of new modules, dropout and sampling are the same for the same seed in any thread, and the numbers that
    the caller draws afterwards are those that it would have drawn.

    >>> import torch
    >>> with LocalRandomNumbers(seed=3):
    ...     first = torch.nn.Linear(2, 2).weight
    >>> with LocalRandomNumbers(seed=3):
    ...     second = torch.nn.Linear(2, 2).weight
    >>> torch.equal(first, second)
    True

    Args:
        seed: Seed of the generators.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.seed = seed
        self._generators: dict[torch.device, torch.Generator] = {}
        self._own: dict[str, Callable[..., Tensor]] = {
            "dropout": self._dropout,
            "rand_like": self._rand_like,
            "randn_like": self._randn_like,
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave; Ctrl+C may have come while torch had taken this off its stack for a moment, and kept it off."""
        if error is None or any(mode is self for mode in _get_current_function_mode_stack()):
            super().__exit__(kind, error, trace)

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch, with a generator of this thread if it draws."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _TAKE_A_GENERATOR and kwargs.get("generator") is None:
            return func(*args, **{**kwargs, "generator": self._generator(_device(args, kwargs))})
        if name in self._own:
            return self._own[name](*args, **kwargs)
        if name in _DRAW or (name in _WITH_DROPOUT and _has_dropout(args, kwargs)):
            return self._call_seeded(func, args, kwargs)
        return func(*args, **kwargs)

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device).manual_seed(self.seed)
        return self._generators[device]

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """Return values with zeros in place of a fraction `p` of them, the others larger by as much; any shape."""
        if not training or not p:
            return input
        kept = torch.empty_like(input).bernoulli_(1 - p, generator=self._generator(input.device)).div_(max(1 - p, 1e-9))
        return input.mul_(kept) if inplace else input * kept

    def _rand_like(self, input: Tensor, **options: Any) -> Tensor:
        return torch.empty_like(input, **options).uniform_(generator=self._generator(input.device))

    def _randn_like(self, input: Tensor, **options: Any) -> Tensor:
        return torch.empty_like(input, **options).normal_(generator=self._generator(input.device))

    def _call_seeded(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function that knows torch's own generators alone: lend it one, as it would be in this thread."""
        device = _device(args, kwargs)
        devices = [device] if device.type == "cuda" else []
        seed = int(torch.randint(2**62, (), generator=self._generator(torch.device("cpu"))))
        with _global_generator, torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            return func(*args, **kwargs)


def _has_dropout(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return any(isinstance(each, float) and each > 0 for each in (*args, *kwargs.values()))


def _device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device:
    """Return the device on which a function draws, given its arguments."""
    if kwargs.get("device") is not None:
        return torch.device(kwargs["device"])
    tensors = [each for each in (*args, *kwargs.values()) if isinstance(each, Tensor)]
    return tensors[0].device if tensors else torch.get_default_device()
