"""An optimizer for deep networks, fully connected or of convolutions, and learning rates that change in training.

For `Reconstruction(model, error, optimizer=lambda model: OneSidedShampoo(model.parameters()), rate=cosine)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import lightning


_NOTHING = 1e-30  # of a norm; one divided by it is finite, so that no gradient at all is no step at all


class OneSidedShampoo(torch.optim.Optimizer):
    """Steps that are as long in all directions of a matrix: those that gradients seldom take count as much.

    The kernels of a convolution are a matrix, too, with a row for each (first axis) of them.

    Shampoo of Gupta et al. 2018 (https://arxiv.org/abs/1802.09568) on the smaller side of each matrix only, which is
    enough (ASGO, An et al. 2025, https://arxiv.org/abs/2503.20762) and takes a quarter of the work. Lengths are those
    that Adam would take (Liu et al. 2025, https://arxiv.org/abs/2502.16982). Deep autoencoders are badly conditioned:
    that of Hinton & Salakhutdinov 2006 on MNIST is at a squared error of 4.9 after 60 seconds of one core, with Adam at
    6.1. Batches of a few hundred sequences make up for its cost.

    Args:
        parameters: To train; vectors, as biases are, are trained as by Adam.
        lr: As one would choose it for Adam, or up to three times that.
        momentum: Of the gradients.
        beta2: Of the second moments.
        update_interval: Steps between two looks for the directions, which are the expensive part.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 3e-3,
        momentum: float = 0.95,
        beta2: float = 0.95,
        update_interval: int = 20,
    ):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, memory=beta2, every=update_interval))

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move = _matrix_move if parameter.ndim > 1 else _adam_move
                    parameter.sub_(move(parameter.grad, self.state[parameter], group), alpha=group["lr"])
        return loss


def _matrix_move(kernels: Tensor, state: dict, group: dict) -> Tensor:
    gradient = kernels.flatten(1)
    upright = gradient.shape[0] > gradient.shape[1]
    wide = gradient.T if upright else gradient
    if not state:
        state.update(count=0, mean=torch.zeros_like(gradient), square=wide.new_zeros(len(wide), len(wide)))
    state["count"] += 1
    state["mean"].lerp_(gradient, 1 - group["momentum"])
    if state["count"] % 2 == 1:  # half of them tell as much
        state["square"].lerp_(wide @ wide.T, max(1 - group["memory"], 2 / (state["count"] + 1)))
    if state["count"] in (1, 3, 5, 9) or state["count"] % group["every"] == 0:
        state["root"] = _inverse_root(state["square"])
    ahead = gradient.lerp(state["mean"], group["momentum"])  # Nesterov's look ahead
    move = state["root"] @ (ahead.T if upright else ahead)
    # The norm of a matrix that turns without stretching; its largest numbers are then about 0.2.
    move *= 0.2 * math.sqrt(gradient.numel()) / move.norm().clamp(min=_NOTHING)
    return (move.T if upright else move).reshape(kernels.shape)


def _inverse_root(square: Tensor, damping: float = 1e-4) -> Tensor:
    """Return the inverse root of a symmetric matrix up to a factor, which the length of the step takes away again."""
    # LAPACK makes NaN of matrices as small as squared gradients are.
    mean = square.diagonal().mean().clamp(min=torch.finfo(square.dtype).tiny)
    sizes, directions = torch.linalg.eigh(square / mean)
    sizes = sizes.clamp(min=0) + damping * sizes[-1].clamp(min=1.0)
    return (directions * sizes.rsqrt()) @ directions.T


def _adam_move(gradient: Tensor, state: dict, group: dict) -> Tensor:
    """Return the step of Adam (Kingma & Ba 2014, https://arxiv.org/abs/1412.6980) for a learning rate of 1."""
    if not state:
        state.update(count=0, mean=torch.zeros_like(gradient), square=torch.zeros_like(gradient))
    state["count"] += 1
    state["mean"].lerp_(gradient, 1 - 0.9)
    state["square"].lerp_(gradient.square(), 1 - 0.999)
    mean, square = state["mean"] / (1 - 0.9 ** state["count"]), state["square"] / (1 - 0.999 ** state["count"])
    return mean / (square.sqrt() + 1e-8)


def cosine_with_warmup(done: float) -> float:
    """Return the share of the full learning rate: up in the first twentieth, then down to nothing along a cosine.

    Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983; the warm-up of Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677.

    Args:
        done: The share of training that is done, from 0 to 1.
    """
    warm = 0.05
    if done < warm:
        return (done + 0.001) / (warm + 0.001)
    return 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


def adam(task: lightning.LightningModule) -> torch.optim.Adam:
    """Return the usual optimizer of a task's parameters, at its `learning_rate`."""
    return torch.optim.Adam(task.parameters(), lr=task.learning_rate, fused=True)


def with_schedule(
    task: lightning.LightningModule, optimizer: torch.optim.Optimizer, lr_scheduler: Callable[[float], float] | None
) -> torch.optim.Optimizer | dict[str, object]:
    """Return what a task's `configure_optimizers` returns: the optimizer, and what changes its learning rate.

    Args:
        task: That is about to be trained.
        optimizer: Of its parameters.
        lr_scheduler: The learning rate as a share of the optimizer's own, given the share of training that is done; None if it
            stays as it is.
    """
    if lr_scheduler is None:
        return optimizer
    steps = task.trainer.estimated_stepping_batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: lr_scheduler(min(step / steps, 1.0)))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
