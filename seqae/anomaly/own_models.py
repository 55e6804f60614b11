"""Window models of the user's own: an `Autoencoder`, a `SequenceAutoencoder`, or the best of several."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from seqae.anomaly.window_models import (
    WINDOW_MODELS,
    Linear,
    ScaledAutoencoder,
    WindowModelFactory,
)
from seqae.autoencoder import Autoencoder
from seqae.batch import Batch
from seqae.data.signals.recordings import Recording
from seqae.evaluation.injection_rates import detection_rates

if TYPE_CHECKING:
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder

FITTED_FRACTION = 0.7  # of the normal rows, when models are compared; faults are injected into the rest
CANDIDATES: Mapping[str, WindowModelFactory] = {name: WINDOW_MODELS[name] for name in ("linear", "pca", "conv", "gru")}


@dataclass(frozen=True, eq=False)
class OwnAutoencoder(WindowModelFactory):
    """Copies of an autoencoder, each trained on its windows from the weights that it has.

    Args:
        autoencoder: Reconstructs windows `(batch, time, channel)`.
    """

    autoencoder: Autoencoder

    def __call__(self, windows: Tensor, noise: Tensor) -> Autoencoder:
        model = copy.deepcopy(self.autoencoder).cpu()
        shown = windows[:2].float()
        try:
            with torch.inference_mode():
                shape = model.reconstruct(Batch.full(shown)).values.shape
        except (RuntimeError, IndexError, ValueError) as error:
            why = str(error).partition("\n")[0]
            raise ValueError(
                f"this Autoencoder cannot read windows of {windows.shape[2]} channels ({why}). Give it the input size "
                "of the data"
            ) from error
        if shape != shown.shape:
            raise ValueError(
                f"this Autoencoder writes windows of shape {tuple(shape[1:])} for those of {tuple(shown.shape[1:])}. "
                "Give its decoder a head that writes steps as they are read"
            )
        return model


@dataclass(frozen=True, eq=False)
class OwnEstimator(WindowModelFactory):
    """A `SequenceAutoencoder` that is fitted to windows, by its own settings.

    Args:
        estimator: Its settings are used; what it has learnt is not.
        max_windows: The largest number of windows that it is fitted to.
    """

    estimator: SequenceAutoencoder
    max_windows: int = 1000
    is_trainable: ClassVar[bool] = False  # by the detector: it trains itself

    def __call__(self, windows: Tensor, noise: Tensor) -> ScaledAutoencoder:
        from sklearn.base import clone  # takes long to import, and scoring does not need it

        chosen = windows[:: -(-len(windows) // self.max_windows)].numpy()
        fitted = clone(self.estimator).fit(list(chosen))
        model = ScaledAutoencoder(fitted.model_, windows.shape[2])
        scaler = fitted.steps_.scaler
        model.center = torch.as_tensor(scaler.mean_, dtype=torch.float32)
        model.scale = torch.as_tensor(scaler.scale_, dtype=torch.float32)
        return model


def as_factory(model: object) -> WindowModelFactory:
    """Return a factory of window models: by name, of a user's autoencoder, or the factory itself; `Linear()` if None.

    Raises:
        ValueError: There is no model of this name.
        TypeError: It is nothing of these.
    """
    if model is None:
        return Linear()
    if isinstance(model, WindowModelFactory):
        return model
    if isinstance(model, Autoencoder):
        return OwnAutoencoder(model)
    names = ", ".join([*WINDOW_MODELS, "auto"])
    if isinstance(model, str):
        if model in WINDOW_MODELS:
            return WINDOW_MODELS[model]
        raise ValueError(f"no model {model!r}. Choose one of {names}")
    from seqae.estimators.sequence_autoencoder import SequenceAutoencoder

    if isinstance(model, SequenceAutoencoder):
        return OwnEstimator(model)
    raise TypeError(
        f"model is a {type(model).__name__}. Give one of {names}, an Autoencoder, a SequenceAutoencoder or a "
        "WindowModelFactory"
    )


def choose_model(
    model: object,
    detector_with: Callable[[WindowModelFactory], Any],
    recordings: Sequence[Recording],
    random_state: int,
) -> tuple[WindowModelFactory, dict[str, float]]:
    """Return a factory of window models, and the scores of the candidates if it is the best of them.

    Args:
        model: As for `as_factory`, or "auto".
        detector_with: As for `compare_models`, and the others too.
        recordings: Normal recordings.
        random_state: Seed of the faults.
    """
    if model != "auto":
        return as_factory(model), {}
    scores = compare_models(detector_with, recordings, CANDIDATES, random_state)
    return CANDIDATES[max(scores, key=scores.__getitem__)], scores


def compare_models(
    detector_with: Callable[[WindowModelFactory], Any],
    recordings: Sequence[Recording],
    candidates: Mapping[str, WindowModelFactory],
    random_state: int,
) -> dict[str, float]:
    """Return for each model the fraction of injected faults that it finds, less its false alarm rate.

    The models are fitted to the first part of the longest rows without a gap; faults are injected into the rest, the
    same for all models, so that no labels are needed. See `seqae.evaluation.inject`.

    Args:
        detector_with: Returns a detector with this model, to be fitted.
        recordings: Normal recordings.
        candidates: The models by name.
        random_state: Seed of the faults.
    """
    parts = [recording.rows(rows.start, rows.stop) for recording in recordings for rows in recording.segments()]
    longest = replace(max(parts, key=len), entity="")  # of one machine, which needs no name then
    cut = int(len(longest) * FITTED_FRACTION)
    results = {}
    for name, candidate in candidates.items():
        detector = detector_with(candidate).fit(longest.rows(0, cut))
        rates = detection_rates(detector, longest.rows(cut), repeats=4, random_state=random_state)
        results[name] = float(rates["found"].mean() - rates["false_alarm_rate"].mean())
    return results
