"""The untrained models of the estimators: by name, of a function, or of the user."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from seqae.architectures import HIDDEN_SIZES, Architecture, build_autoencoder
from seqae.autoencoder import Autoencoder, LengthPredictor
from seqae.batch import Batch
from seqae.estimators.steps import Steps
from seqae.inference import evaluating
from seqae.modules.codes import Bottleneck

_HIDDEN_SIZE = 64  # of a function that builds a model


def build_model(
    architecture: Architecture | Autoencoder | Callable[..., Autoencoder],
    steps: Steps,
    sequences: Sequence[Tensor],
    bottleneck: Bottleneck | None,
    *,
    code_size: int,
    hidden_size: int | None,
    num_layers: int | None,
) -> Autoencoder:
    """Return an untrained model for sequences `(time, *step)`; of a user's own model a copy.

    The other arguments are those of `SequenceAutoencoder`, `steps` fitted.

    Raises:
        TypeError: The architecture is neither a name, nor an `Autoencoder`, nor a function.
        ValueError: There is none of this name, or the model cannot read the sequences or writes others.
    """
    if isinstance(architecture, nn.Module) or not (isinstance(architecture, str) or callable(architecture)):
        return _own_model(architecture, sequences)
    build = partial(build_autoencoder, architecture) if isinstance(architecture, str) else architecture
    if hidden_size is None:
        hidden_size = HIDDEN_SIZES.get(architecture, _HIDDEN_SIZE) if isinstance(architecture, str) else _HIDDEN_SIZE
    embed, input_size, head = steps.layers(hidden_size)
    return build(
        input_size,
        head,
        code_size=code_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        embed=embed,
        bottleneck=copy.deepcopy(bottleneck),
        length=LengthPredictor(code_size, 2 * max(map(len, sequences))),
    )


def _own_model(model: object, sequences: Sequence[Tensor]) -> Autoencoder:
    """Return a copy of a user's model, after a first look at whether it reads and writes the sequences.

    Raises:
        TypeError: It is no `Autoencoder`.
        ValueError: It cannot read the sequences, or writes others.
    """
    if not isinstance(model, Autoencoder):
        given = f"a {type(model).__name__}" if isinstance(model, nn.Module) else f"{model!r:.60}"
        raise TypeError(f"architecture={given}. Expected 'lstm', 'gru', 'conv', 'attention' or an Autoencoder")
    found = copy.deepcopy(model)
    for shown in (sequences[0], *[each for each in sequences if each.is_floating_point() and each.isnan().any()][:1]):
        codes, prediction = _look(found, shown)
        if not codes.isfinite().all():
            raise ValueError(
                "this Autoencoder makes NaN of missing values. Give its encoder embed=MissingValueEmbedding(), which "
                "doubles its input size, or fill the values first"
            )
        if shown.is_floating_point() and prediction.shape != shown.shape:
            raise ValueError(
                f"this Autoencoder writes steps of shape {tuple(prediction.shape[1:])} for steps of "
                f"{tuple(shown.shape[1:])}. Give its decoder a head that writes steps as they are read"
            )
    return found


def _look(model: Autoencoder, sequence: Tensor) -> tuple[Tensor, Tensor]:
    """Return the code and the reconstruction of a sequence `(time, *step)`."""
    try:
        with evaluating(model) as device:
            batch = Batch.of([sequence]).to(device)
            return model.encode(batch), model.reconstruct(batch).unpad()[0]
    except (RuntimeError, IndexError, ValueError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(
            f"this Autoencoder cannot read steps of shape {tuple(sequence.shape[1:])}, such as those of sequence 0 "
            f"({why}). Give it the input size and the head of the data"
        ) from error
