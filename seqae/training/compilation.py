"""Compile what a step of training computes: model and loss in one graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqae.batch import Batch, remember


class CompiledLoss:
    """A loss that `torch.compile` has made one graph of, and that asks the lengths of batches before it runs.

    Args:
        loss: Returns a loss `()`, given batches and numbers.
        **options: Those of `torch.compile`.
    """

    def __init__(self, loss: Callable[..., Tensor], **options: Any):
        self.compiled = torch.compile(loss, **options)

    def __call__(self, *arguments: Any) -> Tensor:
        """Return the loss of batches, `()`."""
        for each in arguments:
            inner = getattr(each, "batch", each)  # of a LabelledBatch
            if isinstance(inner, Batch):
                remember(inner.lengths)
        torch.compiler.cudagraph_mark_step_begin()
        return self.compiled(*arguments).clone()  # a CUDA graph writes the loss of the next step to the same place


@contextmanager
def compiled(task: nn.Module, mode: str | None) -> Iterator[None]:
    """Compile the `training_loss` of a task with a mode of `torch.compile` for a while; None compiles nothing.

    Raises:
        TypeError: The task has no such method.
    """
    if mode is None:
        yield
        return
    loss = getattr(task, "training_loss", None)
    if loss is None:
        raise TypeError(
            f"{type(task).__name__} can't be compiled, since it has no method training_loss. Give compile_mode=None, "
            "or move what training_step computes into one"
        )
    task.training_loss = CompiledLoss(loss, mode=mode)  # type: ignore[assignment]
    try:
        yield
    finally:
        del task.training_loss
